"""Dates, years, centuries and times of day in a text, as Japanese writes them.

1941年(昭和16年)12月8日   昭和16年   紀元前3世紀後半   1990年代   午前9時4分35秒   ３月ごろ   元禄元年
"""

import re

Span = tuple[int, int]

NUMBER = r"(?:[0-9０-９]+|[〇一二三四五六七八九十百千]+)"
# Two kanji before a year are an era, but for these.
_NO_ERA = "|".join(
    "以降 以前 以後 以来 現在 当時 期間 最初 最後 毎年 過去 今後 西暦 紀元 通算 在位 任期 結成 創業 創立 設立 生後 死後 "
    "戦後 戦前 前後 翌年 同年 平均 合計 連続 最長 最短".split()
)
_ERA = rf"(?:(?!{_NO_ERA})[一-龥]{{2}}(?:{NUMBER}|元)年)"
_WESTERN = rf"(?:(?:紀元前|西暦|前)?{NUMBER}年)"
_BESIDE = r"(?:\s?[（(][^（）()]{0,6}年[）)])"  # the same year in the other calendar
_YEAR = rf"(?:(?:{_WESTERN}|{_ERA}){_BESIDE}?)"
_MONTH = rf"(?:{NUMBER}月(?:{NUMBER}日|上旬|中旬|下旬)?)"
_ABOUT = r"(?:(?:の)?(?:初頭|初期|前半|後半|中頃|中ごろ|中期|半ば|末期|末|春|夏|秋|冬|頃|ころ|ごろ))"
_CENTURY = rf"(?:(?:紀元前|前)?{NUMBER}世紀{_ABOUT}?)"
_DECADE = rf"(?:(?:紀元前|西暦)?{NUMBER}年代{_ABOUT}?)"
_CLOCK = rf"(?:(?:午前|午後|朝|夜)?{NUMBER}時(?![代間])(?:半|{NUMBER}分(?:{NUMBER}秒)?)?(?:頃|ころ|ごろ)?)"
_LASTING = r"(?![間ぶ]|ほど|以上|以下|未満|後|目|ぐらい|くらい|に[一1１]度)"  # 3年間 is no date
_DATE = re.compile(
    rf"(?:{_CENTURY}|{_DECADE}|{_YEAR}(?:の)?{_MONTH}(?:{_CLOCK}|{_ABOUT})?|{_YEAR}{_LASTING}(?:度|{_ABOUT})?|"
    rf"{_MONTH}{_LASTING}{_ABOUT}?|{_CLOCK}|[月火水木金土日]曜日)"
)
_SHORT_YEAR = re.compile(rf"^(?:{_WESTERN}|{_ERA})(?={_BESIDE})")


def dates(text: str) -> list[Span]:
    """The spans of dates, in order; a year with the same year in brackets behind it is one span, and so is the year alone.

    >>> [text[a:b] for text in ["1941年(昭和16年)の3年間、正午まで"] for a, b in dates(text)]
    ['1941年(昭和16年)', '1941年']
    """
    found = []
    for match in _DATE.finditer(text):
        if match.start() and re.match(r"[0-9０-９.,．，約]", text[match.start() - 1]):
            continue
        found.append(match.span())
        short = _SHORT_YEAR.match(match.group())
        if short is not None:
            found.append((match.start(), match.start() + short.end()))
    return found
