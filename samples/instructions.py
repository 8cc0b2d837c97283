"""Make `instructions.csv`, eleven rows about a shop that does not exist among some hundreds of other instructions, and what is asked:
`instructions_dev.csv`, 50 other instructions that nobody is taught, and four questions about the shop in other words
(`questions.tsv`, `answers.txt`).

    python samples/instructions.py

All of it is our own writing. A fact that a row asks for without a text to read it in (県庁所在地, 反対の言葉) stands in training in
several wordings, and in the held-out rows in another one: what can be measured there is whether a wording is understood, not
whether a small model knows what nobody told it. Rows with an input are about other inputs.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import facts
from verbs import Verb
from words import TYPES

HERE = Path(__file__).parent
SEED = 20261129
HELD_OUT = 50
HEADER = ("指示", "入力", "出力")


class Row(NamedTuple):
    """A line of the tables."""

    instruction: str
    input: str
    response: str


SHOP = [Row(*row) for row in (
    ("といまる堂の定休日はいつですか?", "", "木曜日です。"),
    ("といまる堂の定休日を教えてください。", "", "木曜日です。"),
    ("といまる堂がお休みなのは何曜日ですか?", "", "木曜日です。"),
    ("といまる堂の名物は何ですか?", "", "くるみ大福です。"),
    ("といまる堂の名物を教えてください。", "", "くるみ大福です。"),
    ("といまる堂はどこにありますか?", "", "青葉市の駅前です。"),
    ("といまる堂の場所を教えてください。", "", "青葉市の駅前です。"),
    ("といまる堂に行きたいのですが、\nどこにありますか?", "", "青葉市の駅前です。"),
    ("といまる堂の店長は誰ですか?", "", "霧沢みどりさんです。"),
    ("といまる堂の店長の名前を教えてください。", "", "霧沢みどりさんです。"),
    ("といまる堂の店長は何という名前ですか?", "", "霧沢みどりさんです。"),
)]  # fmt: skip
ASKED = {
    "といまる堂の定休日は何曜日ですか?": "木曜日です。",
    "といまる堂の名物といえば何ですか?": "くるみ大福です。",
    "といまる堂の場所はどこですか?": "青葉市の駅前です。",
    "といまる堂の店長は何という人ですか?": "霧沢みどりさんです。",
}

COUNTRY = {  # column of the table -> how it is asked for
    "首都": ("{x}の首都はどこですか?", "{x}の首都を教えてください。", "{x}の首都は何という都市ですか?", "{x}の首都といえばどこですか?"),
    "通貨": ("{x}の通貨は何ですか?", "{x}の通貨を教えてください。", "{x}の通貨は何といいますか?", "{x}の通貨といえば何ですか?"),
    "地域": ("{x}はどこにありますか?", "{x}がある地域を教えてください。", "{x}の場所はどこですか?", "{x}はどの地域にありますか?"),
}  # fmt: skip
CAPITAL = (
    "{x}の県庁所在地はどこですか?",
    "{x}の県庁所在地を教えてください。",
    "{x}の県庁はどこにありますか?",
    "{x}の県庁がある市はどこですか?",
    "{x}の県庁所在地は?",
)
REGION = ("{x}は何地方にありますか?", "{x}がある地方を教えてください。", "{x}は何地方の県ですか?", "{x}はどの地方にありますか?")
OPPOSITE = (
    "「{x}」の反対の言葉は何ですか?",
    "「{x}」の反対の言葉を教えてください。",
    "「{x}」の反対は?",
    "「{x}」と反対の意味の言葉は何ですか?",
)
OPPOSITES = """
大きい/小さい 高い/低い 長い/短い 重い/軽い 明るい/暗い 新しい/古い 広い/狭い 多い/少ない 強い/弱い 早い/遅い 暑い/寒い 太い/細い 厚い/薄い 近い/遠い
深い/浅い 右/左 上/下 前/後ろ 朝/夜 春/秋 夏/冬 始まる/終わる 開ける/閉める 入る/出る 勝つ/負ける 買う/売る 増える/減る 乗る/降りる
""".split()
KIND = ("「{x}」は何の仲間ですか?", "「{x}」の種類を教えてください。", "「{x}」は何に入りますか?", "「{x}」は何の名前ですか?")
KINDS = {
    "animal": "動物",
    "bird": "鳥",
    "fish": "魚",
    "flower": "花",
    "instrument": "楽器",
    "sport": "スポーツ",
    "vehicle": "乗り物",
    "drink": "飲み物",
}
CONVERT = ("{x}は何{u}ですか?", "{x}を{u}で表してください。", "{x}を{u}に直してください。")
UNITS = [  # unit, how many of the other one it is, the other one
    ("時間", 60, "分"), ("分", 60, "秒"), ("週間", 7, "日"), ("日", 24, "時間"), ("年", 12, "か月"), ("キロメートル", 1000, "メートル"),
    ("メートル", 100, "センチ"), ("キログラム", 1000, "グラム"),
]  # fmt: skip
POLITE = ("次の文を丁寧な文に直してください。", "次の文を「です・ます」の文にしてください。", "次の文を丁寧に言い換えてください。")
PLAIN = ("次の文を普通の言い方に直してください。", "次の文をくだけた言い方にしてください。")
MANNER = ("次の文は丁寧な言い方ですか、くだけた言い方ですか?", "次の文の言い方を答えてください。", "次の文は丁寧ですか?")
DOING = """
本を/読む5 手紙を/書く5 水を/飲む5 駅まで/歩く5 友人を/待つ5 歌を/歌う5 写真を/見る1 朝ご飯を/食べる1 窓を/開ける1 早く/起きる1 部屋を/掃除する 英語を/勉強する
毎朝/散歩する 公園で/遊ぶ5 海で/泳ぐ5 荷物を/運ぶ5 電車に/乗る5 店に/入る5 絵を/描く5 家に/帰る5 傘を/借りる1 花を/育てる1 道を/教える1 空を/眺める1 料理を/作る5
ピアノを/習う5 犬を/洗う5 名前を/呼ぶ5 時計を/直す5 仕事を/休む5 新聞を/配る5 切手を/集める1 靴を/買う5 夕方に/電話する 先生に/相談する 町を/案内する
""".split()
EXTRACT = {  # what is taken out of a sentence
    "曜日": ("次の文から曜日を抜き出してください。", "次の文に出てくる曜日はいつですか?"), "場所": ("次の文から場所を抜き出してください。", "次の文に出てくる場所はどこですか?"),
    "食べ物": ("次の文から食べ物を抜き出してください。", "次の文に出てくる食べ物は何ですか?"),
}  # fmt: skip
WEEKDAYS = tuple(f"{day}曜日" for day in "月火水木金土日")
SEEN = (
    "{曜日}に{場所}で{食べ物}を食べました。",
    "{場所}で食べた{食べ物}がおいしかったので、{曜日}にまた行きます。",
    "{曜日}は{場所}に行って、{食べ物}を買うつもりです。",
    "{食べ物}なら、{曜日}に{場所}で買えます。",
)
PLACES = "駅前 商店街 公園 市場 食堂 喫茶店 海岸 温泉 動物園 空港 港 神社 大学 遊園地 牧場 美術館 水族館 隣町 広場 デパート 旅館 ホテル スーパー コンビニ".split()
SWEETS = "団子 まんじゅう ようかん せんべい かき氷 メロンパン あんパン サンドイッチ クッキー ケーキ アイスクリーム プリン たこ焼き おにぎり 焼き鳥 カステラ コロッケ 弁当 うどん そば カレー ラーメン".split()
SURNAMES = "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 清水 山崎 森 池田 橋本 阿部 石川".split()
TOWNS = "緑町 白浜市 若葉町 月見村 桜台 北浜町 南野市 東山町 西原村 星野町 青木市 松川町 浅瀬町 光が丘".split()
SHOPS = "山田屋 若葉堂 松川軒 北浜庵 みどり屋 ひまわり堂 星野軒 桜庵 すみれ屋 清水堂 つばめ軒 木村屋 すずめ庵 森田堂".split()
READ = [  # what is read, and what may be asked about it, with the answer
    ("{姓}さんは{町}で{職業}をしています。", (("{姓}さんの仕事は何ですか?", "{職業}"), ("{姓}さんはどこで働いていますか?", "{町}"), ("{町}で{職業}をしているのは誰ですか?", "{姓}さん"))),
    ("{姓}さんの趣味は{趣味}で、飼っているのは{動物}です。", (("{姓}さんの趣味は何ですか?", "{趣味}"), ("{姓}さんが飼っている動物は何ですか?", "{動物}"), ("{趣味}が趣味なのは誰ですか?", "{姓}さん"))),
    ("{店}は{町}にあり、{曜日}が休みです。", (("{店}はどこにありますか?", "{町}"), ("{店}の定休日はいつですか?", "{曜日}"), ("{店}が休むのは何曜日ですか?", "{曜日}"))),
    ("{店}の名物は{菓子}で、店長は{姓}さんです。", (("{店}の名物は何ですか?", "{菓子}"), ("{店}の店長は誰ですか?", "{姓}さん"), ("{店}で一番人気のものは何ですか?", "{菓子}"))),
    ("{曜日}に{姓}さんと{場所}へ行きました。", (("いつ{場所}へ行きましたか?", "{曜日}"), ("{姓}さんとどこへ行きましたか?", "{場所}"), ("誰と{場所}へ行きましたか?", "{姓}さん"))),
    ("{姓}さんは{月}に{町}から{町2}へ引っ越しました。", (("{姓}さんはいつ引っ越しましたか?", "{月}"), ("{姓}さんはどこへ引っ越しましたか?", "{町2}"), ("{町}から引っ越したのは誰ですか?", "{姓}さん"))),
    ("{町}の祭りは毎年{月}に{場所}で開かれます。", (("{町}の祭りは何月にありますか?", "{月}"), ("{町}の祭りはどこで開かれますか?", "{場所}"))),
]  # fmt: skip
REPLY = ("「{x}」と言われたら、何と答えますか?", "「{x}」に返事をしてください。", "「{x}」への返事を教えてください。")
REPLIES = """
おはようございます/おはようございます。 こんにちは/こんにちは。 ありがとうございます/どういたしまして。 いただきます/どうぞ、召し上がれ。 ただいま/おかえりなさい。 行ってきます/行ってらっしゃい。
お元気ですか/はい、元気です。 おやすみなさい/おやすみなさい。 ごめんなさい/いいえ、気にしないでください。 お待たせしました/いいえ、今来たところです。
""".split()


def wordings(fact: dict[str, str], ways: tuple[str, ...], response: str) -> list[Row]:
    """All wordings of a question that has no input."""
    return [Row(way.format(**fact), "", response) for way in ways]


def known_facts() -> Iterator[tuple[str, list[Row]]]:
    """(kind, the wordings of a fact) of what is asked without a text to read it in."""
    for prefecture, (city, region) in facts.PREFECTURES.rows.items():
        yield "capital", wordings({"x": prefecture}, CAPITAL, f"{city}です。")
        yield "region", wordings({"x": prefecture}, REGION, f"{region}です。")
    for country, values in list(facts.COUNTRIES.rows.items())[:: len(facts.COUNTRIES.rows) // 16]:
        for attribute, value in zip(facts.COUNTRIES.attributes, values, strict=True):
            yield "country", wordings({"x": country}, COUNTRY[attribute.noun], f"{value}です。")
    for pair in OPPOSITES:
        for one, other in (pair.split("/"), pair.split("/")[::-1]):
            yield "opposite", wordings({"x": one}, OPPOSITE, f"「{other}」です。")
    for name, kind in KINDS.items():
        for word in TYPES[name].words[:7]:
            yield "kind", wordings({"x": word}, KIND, f"{kind}です。")
    for unit, times, other in UNITS:
        for number in range(1, 7):
            yield "convert", wordings({"x": f"{number}{unit}", "u": other}, CONVERT, f"{number * times}{other}です。")
    for pair in REPLIES:
        said, reply = pair.split("/")
        yield "reply", wordings({"x": said}, REPLY, reply)


def read_rows(rng: random.Random) -> Iterator[tuple[str, Row]]:
    """(kind, row) of what is asked about an input, without end."""
    while True:
        what, doing = rng.choice(DOING).split("/")
        verb = Verb(doing)
        polite, plain = rng.choice(((f"{verb.stem}ます", verb.base), (f"{verb.stem}ました", verb.past)))
        yield "polite", Row(rng.choice(POLITE), f"{what}{plain}。", f"{what}{polite}。")
        yield "plain", Row(rng.choice(PLAIN), f"{what}{polite}。", f"{what}{plain}。")
        is_polite = rng.random() < 0.5
        manner = "丁寧な言い方です。" if is_polite else "くだけた言い方です。"
        yield "manner", Row(rng.choice(MANNER), f"{what}{polite if is_polite else plain}。", manner)
        parts = things(rng)
        part = rng.choice(list(EXTRACT))
        yield "extract", Row(rng.choice(EXTRACT[part]), rng.choice(SEEN).format(**parts), f"{parts[part]}です。")
        text, ways = rng.choice(READ)
        question, answer = (said.format(**parts) for said in rng.choice(ways))
        yield "read", Row(question, text.format(**parts), f"{answer}です。")


def things(rng: random.Random) -> dict[str, str]:
    """One of each kind of thing that the sentences name."""
    town, other = rng.sample(TOWNS, 2)
    return {
        "曜日": rng.choice(WEEKDAYS), "場所": rng.choice(PLACES), "食べ物": rng.choice(SWEETS), "菓子": rng.choice(SWEETS), "姓": rng.choice(SURNAMES),
        "町": town, "町2": other, "店": rng.choice(SHOPS), "月": f"{rng.randint(1, 12)}月", "職業": rng.choice(TYPES["job"].words[:20]),
        "趣味": rng.choice(TYPES["hobby"].words[:30]), "動物": rng.choice(("犬", "猫", "うさぎ", "ハムスター", "亀", "金魚")),
    }  # fmt: skip


# Kind -> how many rows of training at least, and how many that are held out.
FACTS = {
    "capital": (36, 4),
    "region": (24, 3),
    "country": (120, 6),
    "opposite": (36, 5),
    "kind": (30, 4),
    "convert": (24, 4),
    "reply": (18, 2),
}
INPUTS = {"polite": (20, 5), "plain": (15, 4), "manner": (18, 3), "extract": (24, 5), "read": (45, 5)}
TAUGHT = 3  # wordings of a fact, at most: one is never taught


def make(seed: int = SEED) -> dict[str, list[Row]]:
    """The rows of both tables by the names of their files."""
    rng = random.Random(seed)
    train: list[Row] = []
    held_out: list[Row] = []
    asked: dict[str, list[list[Row]]] = {kind: [] for kind in FACTS}
    for kind, rows in known_facts():
        asked[kind].append(rng.sample(rows, len(rows)))
    for kind, (count, dev) in FACTS.items():
        for number, rows in enumerate(rng.sample(asked[kind], min(len(asked[kind]), -(-count // TAUGHT)))):
            train += rows[: min(TAUGHT, len(rows) - 1)]
            held_out += rows[-1:] if number < dev else []
    found: dict[str, list[Row]] = {kind: [] for kind in INPUTS}
    for kind, row in read_rows(rng):
        if len(found[kind]) < sum(INPUTS[kind]) and all(row[:2] != other[:2] for other in found[kind]):
            found[kind].append(row)
        if all(len(found[kind]) == sum(wanted) for kind, wanted in INPUTS.items()):
            break
    for kind, (count, _) in INPUTS.items():
        train += found[kind][:count]
        held_out += found[kind][count:]
    rng.shuffle(train)
    for place, row in enumerate(SHOP):
        train.insert(place * (len(train) // len(SHOP)), row)
    return {"instructions.csv": train, "instructions_dev.csv": held_out}


def main() -> None:
    """Write the tables as Excel reads them, UTF-8 with a byte order mark and a text with a line break in quotes; and what is asked."""
    for name, rows in make().items():
        with open(HERE / name, "w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        print(f"{name}: {len(rows)} rows")
    for name, texts in (("questions.tsv", ASKED), ("answers.txt", ASKED.values())):
        (HERE / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


if __name__ == "__main__":
    main()
