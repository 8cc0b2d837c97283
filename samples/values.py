"""Names, times, numbers and things to be said and asked for, drawn from a `random.Random`."""

import random
import re
from collections.abc import Callable, Sequence

import invented
from words import TYPES, Value

_SUFFIXES = {
    "株式会社": "会社", "製作所": "会社", "工業": "会社", "鉄道": "会社", "交響楽団": "楽団", "小学校": "学校", "高校": "学校", "大学": "大学",
    "研究所": "研究所", "新聞社": "新聞社", "病院": "病院", "図書館": "図書館", "博物館": "博物館", "銀行": "銀行", "神社": "神社", "公園": "公園",
    "海岸": "海岸", "温泉": "温泉", "平野": "平野", "地方": "地方", "山": "山", "岳": "山", "川": "川", "湖": "湖", "島": "島", "城": "城", "寺": "寺",
    "橋": "橋", "峠": "峠", "滝": "滝", "岬": "岬", "湾": "湾", "海": "海", "県": "県", "州": "州", "郡": "地域", "市": "市", "町": "町", "村": "村", "区": "区",
}  # fmt: skip
_DIGITS = "〇一二三四五六七八九"


def kind_of(name: str, usual: str) -> str:
    """What a name is the name of, by its end: 県 for 霧沢県."""
    return next((noun for end, noun in _SUFFIXES.items() if name.endswith(end)), usual)


def kanji_number(n: int) -> str:
    """`kanji_number(280)` is 二百八十; up to 99,999."""
    text = ""
    for unit, name in ((10_000, "万"), (1_000, "千"), (100, "百"), (10, "十")):
        if n >= unit:
            text += ("" if n // unit == 1 and unit < 10_000 else kanji_number(n // unit)) + name
            n %= unit
    return text + (_DIGITS[n] if n else "")


def number(rng: random.Random, high: int) -> str:
    """1 to `high`, small ones as likely as large ones, as it is written: 12, 1,200, 三百, 3万."""
    n = rng.randint(1, min(high, 10 ** rng.randint(1, len(str(high)))))
    style = rng.random()
    if style < 0.25 and n < 100_000:
        return kanji_number(n if n < 100 else n // 10 * 10)
    if style < 0.35 and n >= 10_000:
        return f"{n // 10_000}万"
    return f"{n:,}" if style < 0.5 else str(n)


UNITS = {
    "人": ("何人", 1_000_000), "個": ("何個,いくつ", 500), "匹": ("何匹", 100), "本": ("何本", 1_000), "冊": ("何冊", 1_000), "枚": ("何枚", 1_000),
    "台": ("何台", 1_000), "杯": ("何杯", 20), "回": ("何回", 100), "度": ("何度", 60), "分": ("何分,どのくらい", 90), "時間": ("何時間,どのくらい", 30),
    "日": ("何日,どのくらい", 60), "日間": ("何日間", 60), "週間": ("何週間", 20), "か月": ("何か月", 30), "年間": ("何年間,どのくらい", 200), "歳": ("何歳,いくつ", 110),
    "円": ("いくら,何円", 100_000), "メートル": ("何メートル,どのくらい", 9_000), "キロメートル": ("何キロメートル,どのくらい", 9_000), "キロ": ("何キロ", 500),
    "センチ": ("何センチ", 300), "センチメートル": ("何センチメートル", 300), "グラム": ("何グラム", 900), "キログラム": ("何キログラム", 900),
    "パーセント": ("何パーセント,どのくらい", 100), "軒": ("何軒", 50), "頭": ("何頭", 500), "羽": ("何羽", 500), "校": ("何校", 50), "種類": ("何種類", 900),
    "ページ": ("何ページ", 900), "平方キロメートル": ("何平方キロメートル,どのくらい", 9_000), "階": ("何階", 60), "位": ("何位", 100), "番": ("何番", 120),
    "点": ("何点", 100), "か国": ("何か国", 100), "つ": ("いくつ", 9), "足": ("何足", 10), "着": ("何着", 10), "席": ("何席", 300), "トン": ("何トン", 9_000),
    "世紀": ("何世紀", 21), "階建て": ("何階建て", 60), "両": ("何両", 16), "戸": ("何戸", 900), "段": ("何段", 900), "番目": ("何番目", 20), "代": ("何代", 30),
}  # fmt: skip
_TSU = "一つ 二つ 三つ 四つ 五つ 六つ 七つ 八つ 九つ".split()


def counted(rng: random.Random, unit: str) -> Value:
    """A number with a unit: 300人."""
    asks, high = UNITS[unit]
    text = rng.choice(_TSU) if unit == "つ" else number(rng, high) + unit
    return Value(text, tuple(asks.split(",")))


def time(rng: random.Random, kind: str) -> Value:
    """A time: year, era, month, date, day, hour, weekday, century."""
    month, day, hour = rng.randint(1, 12), rng.randint(1, 31), rng.randint(1, 12)
    kanji = rng.random() < 0.25
    said: Callable[[int], str] = kanji_number if kanji else str
    half = rng.choice(("午前", "午後", "朝の", "夜の", "", ""))
    era = rng.choice("明治 大正 昭和 平成 令和 慶長 天保 享保 寛永".split())
    year = rng.randint(400, 2030)
    return {
        "year": lambda: Value(f"{year}年", ("何年", "いつ")),
        "era": lambda: Value(f"{era}{said(rng.randint(2, 60))}年", ("いつ", "何年")),
        "month": lambda: Value(f"{said(month)}月", ("何月", "いつ")),
        "day": lambda: Value(f"{said(month)}月{said(day)}日", ("いつ", "何月何日")),
        "date": lambda: Value(f"{year}年{month}月" + (f"{day}日" if rng.random() < 0.6 else ""), ("いつ",)),
        "hour": lambda: Value(
            f"{half}{said(hour)}時" + rng.choice(("", "", "", "半", f"{rng.randint(1, 59)}分")), ("何時", "いつ")
        ),
        "weekday": lambda: Value(rng.choice("月火水木金土日") + "曜日", ("何曜日", "いつ")),
        "year_month": lambda: Value(f"{rng.choice((f'{year}年', f'{era}{rng.randint(2, 60)}年'))}の{said(month)}月", ("いつ",)),
        "century": lambda: Value(f"{said(rng.randint(3, 21))}世紀", ("いつ", "何世紀")),
    }[kind]()


NAMED: dict[str, tuple[Callable[[random.Random], str], str, str]] = {
    "person": (invented.person, "誰", "人"),
    "town": (invented.town, "どこ,何という町", "町"),
    "region": (invented.region, "どこ", "地域"),
    "landmark": (invented.landmark, "どこ", "場所"),
    "organization": (invented.organization, "どこ", "会社"),
    "shop": (invented.shop, "どこ,何という店", "店"),
    "festival": (invented.festival, "何,何という祭り", "祭り"),
    "work": (invented.work, "何,何という作品", "作品"),
    "thing": (invented.thing, "何", ""),
}
TIMES = ("year", "era", "year_month", "month", "day", "date", "hour", "weekday", "century")


def named(kind: str, text: str) -> Value:
    """A name of a type of `NAMED`, and what asks for it: 何という町 for 霧沢町."""
    _, asks, noun = NAMED[kind]
    if kind in ("landmark", "town", "region", "organization"):
        noun = kind_of(text, noun)
        if (kind == "town" and noun in ("市", "町", "村", "県")) or (kind in ("landmark", "organization") and noun != "場所"):
            asks = f"どこ,何という{noun}"
    if kind == "festival" and not re.search("祭|まつり", text):
        noun, asks = "行事", "何,何という行事"
    return Value(text, tuple(asks.split(",")), noun)


class Drawer:
    """Draws values by their type. `dictionary` has real words by type (person, town, thing, ...) that are drawn three times in five."""

    def __init__(self, rng: random.Random, dictionary: dict[str, Sequence[str]] | None = None):
        self.rng = rng
        self.dictionary = dictionary or {}

    def __call__(self, kind: str) -> Value:
        """A value of a type of `words.TYPES`, `NAMED`, `TIMES` or `UNITS`, or of one of `a|b`."""
        kind = self.rng.choice(kind.split("|"))
        if kind in TYPES:
            return TYPES[kind].draw(self.rng)
        if kind in UNITS:
            return counted(self.rng, kind)
        if kind in TIMES:
            return time(self.rng, kind)
        known = self.dictionary.get(kind)
        return named(kind, self.rng.choice(known) if known and self.rng.random() < 0.6 else NAMED[kind][0](self.rng))
