from dataclasses import replace

import pytest

from toi.documents.candidates import Candidate
from toi.documents.checks import asks_otherwise, checked_pairs, counts_of, failed, judged, vagueness
from toi.documents.options import DocumentOptions
from toi.documents.pairs import Pair
from toi.documents.passages import Passage

CONTEXT = "霧沢一は1987年に白浜市で『海の歌』を書いた医師です。"


def pair(id, question, answer="1987年", score=-1.0, f1=None):
    passage = Passage("a.md", 1, CONTEXT, 10, 10 + len(CONTEXT), "町の暮らし", None, 2)
    start = CONTEXT.index(answer)
    kind, why = ("date", "year") if answer == "1987年" else ("term", "a noun")
    candidate = Candidate(answer, start, start + len(answer), kind, why, 0.5)
    return Pair(id, passage, candidate, question, score, score, "1987年" if f1 is not None else None, f1)


@pytest.mark.parametrize(
    ("question", "made_up", "leaked", "vague"),
    [
        ("霧沢一が白浜市で『海の歌』を書いたのは何年ですか?", (), False, ""),
        ("霧沢一が町で『海の歌』を書いたのは何年ですか?", (), False, ""),  # the heading has 町
        ("霧沢一が絵本を書いたのは何年ですか?", ("絵本",), False, ""),
        ("霧沢一は1987年に何を書きましたか?", (), True, ""),
        ("この医師は何年に書いたのですか?", (), False, "この"),
        ("霧沢一が『海の歌』を書いたのはいつか?", (), False, ""),  # いつか is no word of its own
        ("書いたのはいつですか?", (), False, "書く"),
    ],
)
def test_a_pair_by_itself(question, made_up, leaked, vague):
    found = judged(pair("a", question))
    assert (found.made_up, found.leaked, found.vague) == (made_up, leaked, vague)


@pytest.mark.parametrize(
    ("question", "vague"),
    [
        ("同氏はどこで生まれましたか?", "同氏"),
        ("栗ご飯はどこの名物ですか?", ""),  # which is no この
        ("彼の職業は何ですか?", "彼"),
        ("それは何ですか?", "それ"),
        ("そこには何がありますか?", "そこ"),
        ("この『海の歌』の作者は誰ですか?", ""),
        ("この県の東京の人口は?", ""),  # a name that the dictionary knows
        ("その得意なスポーツは何ですか?", "その"),  # a common noun in katakana
        ("このモンベリアルの人口は?", ""),  # a word in katakana that the dictionary does not have
        ("このテニスコート・ネットの長さは?", "この"),
        ("病院は何時に開きますか?", ""),
        ("この橋の長さは何メートルですか?", "この"),  # メートル names nothing
        ("人口は何人ですか?", "人口"),
        ("何ですか?", "何ですか?"),
        ("この町の面積は何平方キロメートルですか?", "この"),
        ("何が12平方キロメートルですか?", "何が何ですか?"),
        ("高さが1,200メートルなのは何ですか?", "高い"),
        ("霧沢町の面積は何平方キロメートルですか?", ""),
        ("キロメートルとは何の単位ですか?", ""),
    ],
)
def test_vagueness(question, vague):
    assert vagueness(question) == vague


@pytest.mark.parametrize(
    ("changed", "options", "reasons"),
    [
        ({}, {}, ()),
        ({"round_trip_f1": 0.89}, {}, ("round_trip",)),
        ({"round_trip_f1": 0.0}, {"min_round_trip_f1": 0.0}, ()),
        ({"made_up": ("絵",)}, {}, ("made_up_words",)),
        ({"made_up": ("絵",)}, {"max_made_up_words": 1}, ()),
        ({"vague": "この"}, {}, ("vague",)),
        ({"vague": "この"}, {"keep_vague": True}, ()),
        ({"leaked": True}, {}, ("answer_leaked",)),
        ({"log_prob": -3.0}, {"min_log_prob": -2.0}, ("log_prob",)),
        (
            {"log_prob": -3.0, "leaked": True, "made_up": ("絵",)},
            {"min_log_prob": -2.0},
            ("made_up_words", "answer_leaked", "log_prob"),
        ),
    ],
)
def test_thresholds(changed, options, reasons):
    assert failed(replace(pair("a", "問?"), **changed), DocumentOptions(**options), False) == reasons


@pytest.mark.parametrize(
    ("question", "kind", "why", "found"),
    [
        ("書いたのは誰ですか?", "date", "year", "誰"),
        ("書いたのは誰ですか?", "name", "a name of a person", ""),
        ("書いたのは誰ですか?", "term", "a noun", ""),  # nobody knows
        ("どこで会いましたか?", "number", "a number", "どこ"),
        ("どこの会社ですか?", "name", "a name of a person", ""),  # 雨宮 of 雨宮鉄道
        ("何年に誰が来ましたか?", "date", "year", ""),  # the first interrogative counts
        ("何年間続きましたか?", "number", "a number and its counter", ""),
        ("何人いますか?", "number", "a number and its counter", ""),
        ("何人いますか?", "date", "day", "何人"),
        ("いつですか?", "number", "a number", "いつ"),
        ("何ですか?", "date", "year", ""),
    ],
)
def test_questions_for_another_kind_of_answer(question, kind, why, found):
    assert asks_otherwise(question, Candidate("答え", 0, 2, kind, why, 0.0)) == found


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        ("誰が雨宮鉄道の本社ですか?", "楢原市", "誰"),
        ("雨宮町の町長はどこですか?", "唐沢芳江", "どこ"),
        ("何人が町長ですか?", "唐沢芳江", "何人"),
        ("町長は誰ですか?", "唐沢芳江", ""),
        ("どこの町の人ですか?", "唐沢芳江", ""),
        ("どこを走っていますか?", "雨宮鉄道", ""),  # 雨宮 alone is no person for sure
        ("どこにありますか?", "唐沢", ""),
    ],
)
def test_names_of_places_and_persons(question, answer, found):
    assert asks_otherwise(question, Candidate(answer, 0, len(answer), "term", "a noun", 0.0)) == found


@pytest.mark.parametrize(
    ("question", "dropped"),
    [
        ("霧沢一が『海の歌(上)』を書いたのは何年ですか?", ()),
        ("霧沢一が（「海」と）書いたのは何年ですか?", ()),  # full-width
        ("霧沢一が「海の歌を書いたのは何年ですか?", ("broken_brackets",)),
        ("霧沢一が海の歌」を書いたのは何年ですか?", ("broken_brackets",)),
        ("霧沢一が(「海の歌)」を書いたのは何年ですか?", ("broken_brackets",)),
    ],
)
def test_brackets_that_are_not_closed(question, dropped):
    assert failed(pair("a", question), DocumentOptions(), False) == dropped


def test_a_leak_that_is_allowed():
    assert failed(replace(pair("a", "問?"), leaked=True), DocumentOptions(), True) == ()


def kept(pairs, **options):
    return {one.id: (one.dropped, one.same_as, one.rank) for one in checked_pairs(pairs, DocumentOptions(**options))}


def test_the_better_of_two_that_ask_the_same_is_kept():
    pairs = [
        pair("a", "霧沢一が『海の歌』を書いたのは何年ですか?", score=-2.0),
        pair("b", "霧沢一が『海の歌』を書いたのは何年でしょうか?", score=-1.0),  # alike, and the same answer
        pair("c", "霧沢一が『海の歌』を書いたのはどこですか?", "白浜市", -3.0),  # alike, but another answer
        pair("d", "霧沢一が『海の歌』を書いたのはどこですか?", "白浜", -4.0),  # the same question, whatever the answer
        pair("e", "何年に書かれましたか?", score=-5.0),
    ]
    assert kept(pairs) == {
        "a": (("same_question",), "b", None),
        "b": ((), "", 1),
        "c": ((), "", 2),
        "d": (("same_question",), "c", None),
        "e": ((), "", 3),
    }
    assert kept(pairs, max_similarity=1.0)["a"] == ((), "", 2)
    assert kept(pairs, max_pairs=2)["e"] == (("max_pairs",), "", None)


def test_ranks_by_the_reader_first():
    pairs = [pair("a", "一?", score=-1.0, f1=0.9), pair("b", "二?", score=-9.0, f1=1.0), pair("c", "三?", score=0.0, f1=0.1)]
    assert kept(pairs) == {"a": ((), "", 2), "b": ((), "", 1), "c": (("round_trip",), "", None)}
    assert kept(pairs[::-1]) == kept(pairs)  # whatever their order


def test_counts():
    found = checked_pairs(
        [pair("a", "一?"), pair("b", "一?"), replace(pair("c", "二?"), leaked=True, vague="この")], DocumentOptions()
    )
    assert counts_of(found) == {
        "kept": 1, "round_trip": 0, "asks_otherwise": 0, "broken_brackets": 0, "made_up_words": 0, "answer_leaked": 1, "vague": 1,
        "log_prob": 0, "same_question": 1, "max_pairs": 0,
    }  # fmt: skip
