import pytest

from toi.documents.candidates import Found, candidates, found_spans


def spans(text):
    return [(text[one.start : one.end], one.kind, one.why) for one in found_spans(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("霧沢一郎は1987年に生まれた。", ("1987年", "date", "year")),
        ("人口は約5,321人である。", ("約5,321人", "number", "a number and its counter")),
        ("面積は151.3km2である。", ("151.3km2", "number", "a number and its counter")),
        ("魚道は23か所以上ある。", ("23か所以上", "number", "a number and its counter")),
        ("三十人が来た。", ("三十人", "number", "a number and its counter")),
        ("『海の歌』を書いた。", ("『海の歌』", "title", "quoted with 『』")),
        ("作者は夏目漱石です。", ("夏目漱石", "name", "a name of a person")),
        ("東京に住む。", ("東京", "name", "a name of a place")),
        ("ジョン・ミッチェルが来た。", ("ジョン・ミッチェル", "name", "katakana")),
        ("NATOに入った。", ("NATO", "name", "Latin letters")),
        ("イギリス海軍が来た。", ("イギリス", "name", "a name of a place, in a longer word")),
        ("国家運輸安全委員会が調べた。", ("国家運輸安全委員会", "term", "a compound noun")),
        ("第一次世界大戦が起きた。", ("第一次世界大戦", "term", "a compound with a number")),
        ("趣味は釣りです。", ("釣り", "term", "a noun")),
        ("木の橋を渡る。", ("木の橋", "phrase", "two nouns with の")),
        ("また、舟灯し祭りは夏にある。", ("舟灯し祭り", "name", "what a sentence begins with")),
        ("岬見灯台の高さ。", ("岬見灯台", "name", "what a sentence begins with")),
    ],
)
def test_what_is_taken_and_why(text, wanted):
    assert wanted in spans(text)


@pytest.mark.parametrize("text", ["それはどこですか。", "", "。", "ながら、そして。", "\0"])
def test_nothing_is_taken(text):
    assert spans(text) == []


TEXT = "霧沢一は1987年に白浜市で『海の歌』を書いた医師です。霧沢一は白浜市に住んでいます。"


def test_the_likeliest_first():
    found = candidates(TEXT, 15)
    assert all(TEXT[one.start : one.end] == one.text for one in found)
    assert len({one.text for one in found}) == len(found)  # once each, however often they stand there
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    assert {"1987年", "『海の歌』"} <= {one.text for one in found[:5]}
    assert candidates(TEXT, 3) == found[:3]


def test_spans_that_something_else_found():
    at = TEXT.index("書いた")
    assert "書いた" in [one.text for one in candidates(TEXT, 99, [Found(at, at + 3, "term", "an entity")])]


def test_the_same_in_another_width_is_one():
    assert [one.text for one in candidates("ＮＡＴＯとNATO。", 15)] in (["ＮＡＴＯ"], ["NATO"])
