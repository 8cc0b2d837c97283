"""Invented names, numbers and things, drawn from a `random.Random`.

Names are put together from characters, not taken from lists of names, so that training sees each
name about once: a name that returns is learnt by heart, a name that does not must be read.
"""

import random

# JIS X 0208 level 1 (rows 16 to 47): the 2,965 commonest kanji, in the order of the standard.
KANJI = "".join(
    bytes((0xA0 + row, 0xA0 + cell)).decode("euc_jp", errors="ignore") for row in range(16, 48) for cell in range(1, 95)
)
# Level 2 (rows 48 to 83): rare kanji, left out of the vocabulary so that they come as bytes.
RARE_KANJI = "".join(
    bytes((0xA0 + row, 0xA0 + cell)).decode("euc_jp", errors="ignore") for row in range(48, 84) for cell in range(1, 95)
)
NAME_KANJI = (
    "山川田中村木本林森石井上下高野原島崎沢谷池橋藤松竹梅桜花草岡坂津浜海岸波水泉滝雪雨雲空風光"
    "月星日春夏秋冬東西南北金銀銅鉄玉宝米麦稲豆茶塩糸布衣白黒赤青緑紫若古新大小長短広深浅遠近太細"
    "鈴鐘弓矢剣刀笛琴鳥鶴亀鹿馬牛犬猫虎龍熊魚鯉貝蛍蝶真美和明正清静安平吉福寿幸喜千万百三五七八九"
    "優勇健翔陽葵結愛菜香織恵奈子代介助郎太一二彦雄夫男之志仁義礼智信孝忠文武英俊秀哲賢徹誠"
    "宮寺社堂塔城里町港関門峰丘洞窟湖沼沖磯瀬渡舟船帆櫓桐柏楓柳杉檜栗桃梨柿杏橘萩菊蓮蘭"
)
KATAKANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワガギグゲゴザジズゼゾダデドバビブベボパピプペポ"
HIRAGANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわがぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽ"
SMALL = "ャュョーッンー"

SHOPS = tuple("書店 食堂 商店 酒店 薬局 工房 喫茶店 旅館 製菓 ベーカリー カフェ 時計店 花店 青果店 屋 堂 亭 庵".split())
LANDMARKS = tuple("山 岳 川 湖 島 城 寺 神社 橋 峠 公園 滝 岬 海岸 温泉 湾 海 平野".split())
ORGANIZATIONS = tuple("大学 高校 小学校 製作所 工業 研究所 新聞社 鉄道 病院 図書館 博物館 銀行 交響楽団 株式会社".split())
FESTIVALS = tuple("祭り 祭 まつり 花火大会 市 マラソン 音楽祭".split())


def _pick(rng: random.Random, characters: str, low: int, high: int) -> str:
    return "".join(rng.choice(characters) for _ in range(rng.randint(low, high)))


def kanji_word(rng: random.Random, low: int = 1, high: int = 3) -> str:
    """One to three kanji; one word in three uses the whole of JIS level 1, one in a hundred a rare kanji."""
    draw = rng.random()
    if draw < 0.01:
        return rng.choice(RARE_KANJI) + _pick(rng, NAME_KANJI, max(0, low - 1), high - 1)
    return _pick(rng, KANJI if draw < 0.33 else NAME_KANJI, low, high)


def katakana_word(rng: random.Random, low: int = 2, high: int = 6) -> str:
    word = rng.choice(KATAKANA)
    for _ in range(rng.randint(low, high) - 1):
        word += rng.choice(SMALL) if rng.random() < 0.25 and word[-1] not in SMALL else rng.choice(KATAKANA)
    return word


def hiragana_word(rng: random.Random) -> str:
    return _pick(rng, HIRAGANA, 2, 5)


def latin_word(rng: random.Random) -> str:
    word = _pick(rng, "abcdefghijklmnopqrstuvwxyz", 1, 5)
    return rng.choice((word.capitalize(), word, word.upper()))


def word(rng: random.Random) -> str:
    """A word of any script."""
    return rng.choices(
        (kanji_word, katakana_word, hiragana_word, latin_word, lambda r: kanji_word(r, 1, 2) + hiragana_word(r)),
        (45, 30, 12, 8, 5),
    )[0](rng)


def person(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return katakana_word(rng) + ("・" + katakana_word(rng) if rng.random() < 0.5 else "")
    given = hiragana_word(rng) if rng.random() < 0.15 else kanji_word(rng, 1, 2)
    return kanji_word(rng, 1, 3) + given + rng.choice(("", "", "", "さん"))


def town(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return katakana_word(rng)
    stem = hiragana_word(rng) if rng.random() < 0.1 else kanji_word(rng, 1, 3)
    return stem + rng.choice("市市市町村区島谷")


def region(rng: random.Random) -> str:
    return rng.choice(
        (kanji_word(rng, 1, 3) + rng.choice(("県", "県", "州", "地方", "郡")), katakana_word(rng) + rng.choice(("", "州", "地方")))
    )


def shop(rng: random.Random) -> str:
    return word(rng) + rng.choice(SHOPS)


def landmark(rng: random.Random) -> str:
    return word(rng) + rng.choice(LANDMARKS)


def organization(rng: random.Random) -> str:
    return word(rng) + rng.choice(ORGANIZATIONS)


def festival(rng: random.Random) -> str:
    return word(rng) + rng.choice(FESTIVALS)


def work(rng: random.Random) -> str:
    link = rng.choice(("の", "と", "への", ""))
    title = word(rng) + (link + word(rng) if rng.random() < 0.6 else "")
    return f"『{title}』" if rng.random() < 0.5 else title


def thing(rng: random.Random) -> str:
    return word(rng) + rng.choice(("", "", "石", "草", "鳥", "魚", "色", "茶", "酒", "語", "織", "焼"))
