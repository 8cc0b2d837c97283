import gzip
import json
import random
import tracemalloc

import pytest
from conftest import refused, script

from toi.data.audit import Audit
from toi.data.examples import SPLITS, Answer, Example, read_examples, read_rows
from toi.data.json_records import records
from toi.data.quiz import QuizOptions, make_examples, prepare_quiz
from toi.data.quiz_files import join_passages, passage_kind, question_kind, read_questions
from toi.system.errors import InputError


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """The picture takes longer than all the rest."""
    monkeypatch.setattr("toi.data.folder.draw", lambda audit, path: None)


def town(i):
    return f"架空町{i}は桃の産地である。人口は{i + 100}人。"


def jaqket(i):
    return {
        "qid": f"Q{i:02}",
        "question": f"人口が{i + 100}人で、_桃の産地である町はどこでしょう?",
        "answer_entity": f"架空町{i}",
        "answer_candidates": [f"架空町{i}", "隣町"],
        "original_question": "",
    }


def entity(i):
    return {"title": f"架空町{i}", "text": town(i)}


def aio(i):
    record = {"qid": f"Q{i:02}", "competition": "架空杯", "question": f"人口が{i + 100}人の町は?", "answers": [f"架空町{i}"]}
    return record


def passage(text, title="題", **more):
    return {"passage_id": 7, "title": title, "text": text, **more}


def passages(i, *texts, **more):
    return {"qid": f"Q{i:02}", "passages": [passage(text, f"題{i}") for text in texts], **more}


def dpr(i, *texts):
    record = {**aio(i), "positive_ctxs": [passage(text, f"題{i}") for text in texts or [town(i)]]}
    return {**record, "negative_ctxs": [], "hard_negative_ctxs": [passage("違う町の話。")]}


def fid(i, *texts):
    ctxs = [{"id": n, "title": f"題{i}", "text": text, "score": f"{9 - n}.5"} for n, text in enumerate(texts or [town(i)])]
    return {"id": i, "question": aio(i)["question"], "target": f"架空町{i}", "answers": [f"架空町{i}"], "ctxs": ctxs}


def lines(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode()


def array(*values):
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def write(path, content):
    path.write_bytes(content)
    return path


def questions_of(path, most=1):
    return read_questions([path], {path: question_kind(path)}, most)


def examples_of(path, most=1):
    audit = Audit()
    found = [example for question in questions_of(path, most) for example in make_examples(question, "train", audit)]
    return found, audit


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def prepare(folder, highlight=False, **options):
    options = QuizOptions(**{name: [str(p) for p in v] if isinstance(v, list) else v for name, v in options.items()})
    assert options.problems() == []
    return prepare_quiz(options, options.task("aqg-hl" if highlight else "aqg"), str(folder))


def answered(i, extra):
    answers = (Answer(f"架空町{i}", 0),)
    return Example(aio(i)["qid"], town(i), aio(i)["question"], answers, f"題{i}", extra)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", [lines, array])
def test_formats_with_passages_of_their_own(tmp_path, form, pack):
    own = [{**aio(i), **passages(i, town(i), positive_passage_indices=[0])} for i in (1, 2)]
    by_format = {"dpr": [dpr(1), dpr(2)], "own": own, "fid": [fid(1), fid(2)]}
    for name, found in by_format.items():
        path = write(tmp_path / name, pack(form(*found)))
        assert question_kind(path) == name
        expected = [answered(i, {"passage_id": 0, "score": 9.5} if name == "fid" else {"passage_id": 7}) for i in (1, 2)]
        if name == "fid":
            expected = [Example(str(int(e.id[1:])), e.context, e.question, e.answers, e.title, e.extra) for e in expected]
        assert examples_of(path)[0] == expected


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_jaqket_is_joined_with_entities(tmp_path, pack):
    path = write(tmp_path / "q", pack(lines(jaqket(1), {**jaqket(2), "answer_entity": "架空町2 (桃の町)"})))
    other = write(tmp_path / "e", pack(lines(entity(0), entity(1), {"title": "架空町2 (桃の町)", "text": town(2)})))
    questions = questions_of(path)
    join_passages(questions, {other: passage_kind(other)}, 1)
    found = [example for question in questions for example in make_examples(question, "train", Audit())]
    question = "人口が101人で、桃の産地である町はどこでしょう?"  # without the cloze mark
    assert found[0] == Example("Q01", town(1), question, (Answer("架空町1", 0),), "架空町1")
    # What Wikipedia tells entities apart by is not said in a text.
    assert found[1].answers == (Answer("架空町2", 0), Answer("架空町2 (桃の町)"))


def test_aio_is_joined_with_passages_by_qid(tmp_path):
    path = write(tmp_path / "q", lines(*(aio(i) for i in range(6))))
    records = [
        passages(0, "無関係。", town(0), town(0) + "村もある。", positive_passage_indices=[2, 1]),
        passages(1, "無関係。", town(1), positive_passage_indices=[]),
        passages(2, "無関係。", town(2)),
        passages(3, "無関係。", town(3), positive_passage_indices=[0]),
        passages(4),
        passages(9, town(5)),
    ]
    other = write(tmp_path / "p", lines(*reversed(records)))
    questions = questions_of(path)
    join_passages(questions, {other: passage_kind(other)}, 1)
    assert [q.held[0].passage.text if q.held else q.reason for q in questions] == [
        town(0),
        town(1),
        town(2),
        "no passage holds the answer",
        "no passage for this question",
        "no passage for this question",
    ]


def test_the_first_passage_in_the_file_is_chosen_whatever_score_and_has_answer_say(tmp_path):
    record = fid(1, "無関係。", town(1), "架空町1の隣。")
    for ctx, score, has_answer in zip(record["ctxs"], (1, "2.5", 9.0), (True, False, True), strict=True):
        ctx.update(score=score, has_answer=has_answer)
    found, _ = examples_of(write(tmp_path / "q", lines(record)), most=5)
    assert [(e.id, e.context, e.extra["score"]) for e in found] == [("1", town(1), 2.5), ("1-2", "架空町1の隣。", 9.0)]


def test_variants(tmp_path):
    context = "ｶｸｳ町は桃の町。カクウマチとも書く。"
    record = {**dpr(1, context), "answers": ["架空町", "カクウ町", "ｶｸｳ町", "カクウマチ", "架空町"]}
    (found,), _ = examples_of(write(tmp_path / "q", lines(record)))
    assert found.answers == (Answer("ｶｸｳ町", 0), Answer("架空町"), Answer("カクウマチ", context.index("カクウマチ")))
    assert all(a.start is None or context.startswith(a.text, a.start) for a in found.answers)


def test_of_several_places_that_with_the_words_of_the_question_is_taken(tmp_path):
    clear = {**dpr(1, "桃は甘い。白浜市の特産品は桃です。"), "question": "白浜市の特産品は?", "answers": ["桃"]}
    alike = {**dpr(2, "桃は甘い。桃は丸い。"), "question": "特産品は?", "answers": ["桃"]}
    found, audit = examples_of(write(tmp_path / "q", lines(clear, alike)))
    assert [e.answers for e in found] == [(Answer("桃", 13),), (Answer("桃", 0),)]
    assert audit.ambiguous == [("train", "several alike in the passage", "Q02")]


def test_max_passages(tmp_path):
    texts = ["無関係。", town(1), town(1), "架空町1は南。", "架空町1は北。"]
    path = write(tmp_path / "q", lines(dpr(1, *texts)))
    for most, expected in ((1, ["Q01"]), (2, ["Q01", "Q01-2"]), (9, ["Q01", "Q01-2", "Q01-3"])):
        found, audit = examples_of(path, most)
        assert [e.id for e in found] == expected
        assert [e.context for e in found] == [town(1), "架空町1は南。", "架空町1は北。"][:most]
        assert audit.read["train"] == 1


def jaqket_files(folder, shuffle=None):
    """Forty questions each with an entity, JAQKET v1; the file of dev and test has four of its own."""
    folder.mkdir(parents=True)
    train, entities = [jaqket(i) for i in range(40)], [entity(i) for i in range(48)]
    if shuffle is not None:
        random.Random(shuffle).shuffle(train)
        random.Random(shuffle).shuffle(entities)
    write(folder / "train_questions.json", lines(*train))
    write(folder / "dev1_questions.json", lines(*(jaqket(i) for i in range(40, 44))))
    write(folder / "dev2_questions.json", lines(*(jaqket(i) for i in range(44, 48))))
    write(folder / "all_entities.json.gz", gzip.compress(lines(*entities)))
    return {"train_file": str(folder / "train_questions.json"), "passage_file": [folder / "all_entities.json.gz"]}


def test_the_same_bytes_for_files_in_another_order(tmp_path):
    made = []
    for shuffle in (None, 1):
        files = jaqket_files(tmp_path / f"raw{shuffle}", shuffle)
        audit = prepare(tmp_path / f"d{shuffle}", dev_ratio=0.1, test_ratio=0.2, **files)
        assert dict(audit.kept) == {"train": 28, "dev": 4, "test": 8} == {split: audit.read[split] for split in SPLITS}
        made.append(contents(tmp_path / f"d{shuffle}"))
    changed = {name for name in made[0] if made[0][name] != made[1][name]}
    assert changed == {"task.json"}  # it names the files' checksums
    prepare(tmp_path / "seed", dev_ratio=0.1, test_ratio=0.2, seed=1, **files)
    assert contents(tmp_path / "seed")["dev.tsv"] != made[0]["dev.tsv"]


def test_splits_as_published_and_one_that_is_missing(tmp_path):
    files = jaqket_files(tmp_path / "raw")
    dev = str(tmp_path / "raw" / "dev1_questions.json")
    audit = prepare(tmp_path / "d", dev_file=dev, test_ratio=0.1, **files)
    assert dict(audit.kept) == {"train": 36, "dev": 4, "test": 4}
    assert [e.id for e in read_examples(tmp_path / "d" / "dev.jsonl")] == ["Q40", "Q41", "Q42", "Q43"]


def test_no_two_splits_share_a_question_an_entity_or_a_passage(tmp_path):
    found = []
    for i in range(60):
        record = fid(i, town(i), f"架空町{i}の地理。")
        record["ctxs"][0]["title"] = f"町の一覧{i % 30}"
        record["question"] = f"問{i % 55}"
        found.append(record)
    path = write(tmp_path / "q.jsonl", lines(*found))
    for seed in range(3):
        audit = prepare(tmp_path / f"{seed}", seed=seed, train_file=str(path), max_passages=2, dev_ratio=0.2, test_ratio=0.2)
        assert sum(audit.read.values()) == 60
        assert sum(audit.kept.values()) == 120
        assert min(audit.kept.values()) > 10
        examples = [read_examples(tmp_path / f"{seed}" / f"{split}.jsonl") for split in SPLITS]
        for what in ("question", "title", "context"):
            values = [{getattr(e, what) for e in split} for split in examples]
            assert sum(map(len, values)) == len(set().union(*values))


def test_what_is_dropped_is_counted(tmp_path):
    train = write(tmp_path / "train", lines(dpr(1), {**dpr(2), "positive_ctxs": []}, dpr(3, "無関係。"), {**dpr(4), "answers": []}))
    dev = write(tmp_path / "dev", lines(jaqket(5), jaqket(6), {**jaqket(7), "answer_entity": ""}))
    unlabeled = {"qid": "Q99", "position": 3, "question": "まだ答えのない問?"}
    test = write(tmp_path / "test", lines({**aio(8)}, unlabeled, aio(9)))
    entities, by_qid = write(tmp_path / "e", lines(entity(5))), write(tmp_path / "p", lines(passages(8, town(8))))
    audit = prepare(tmp_path / "d", train_file=str(train), dev_file=str(dev), test_file=str(test), passage_file=[entities, by_qid])
    assert audit.dropped == [
        ("train", "no passage for this question", "Q02"),
        ("train", "no passage holds the answer", "Q03"),
        ("train", "no answers (unlabeled)", "Q04"),
        ("dev", "no such entity", "Q06"),
        ("dev", "no answers (unlabeled)", "Q07"),
        ("test", "no passage for this question", "Q09"),
        ("test", "no answers (unlabeled)", "Q99"),
    ]
    assert audit.read == {"train": 4, "dev": 3, "test": 3}
    assert audit.kept == {"train": 1, "dev": 1, "test": 1}


def test_nothing_left_says_why(tmp_path):
    path = write(tmp_path / "q", lines(dpr(1, "無関係。"), {**dpr(2), "positive_ctxs": []}))
    with pytest.raises(InputError) as error:
        prepare(tmp_path / "d", train_file=str(path))
    reasons = "no passage for this question (1), no passage holds the answer (1)"
    assert str(error.value) == f"nothing is left of the train split: {reasons}"


def test_highlight(tmp_path):
    path = write(tmp_path / "q", lines(*(dpr(i, "町は多い。" + town(i)) for i in range(3))))
    prepare(tmp_path / "d", highlight=True, train_file=str(path), dev_ratio=0.4, test_ratio=0.4)
    rows = [row for split in SPLITS for row in read_rows(tmp_path / "d" / f"{split}.tsv")]
    assert sorted(rows) == [
        (f"Q{i:02}", f"町は多い。<hl>架空町{i}<hl>は桃の産地である。人口は{i + 100}人。", f"人口が{i + 100}人の町は?")
        for i in range(3)
    ]


@pytest.mark.parametrize("form", [lines, array])
def test_lone_surrogates_marks_and_odd_line_ends(tmp_path, form):
    record = json.loads(json.dumps(dpr(1)).replace("\\u6843", "\\ud800"))  # 桃
    record["question"] = "\udc00 は?"
    content = json.dumps(record).encode()
    content = b"\n \r\n" + content + b"\r\n\r\n" if form is lines else b" [\r\n" + content + b"]\r\n"
    path = write(tmp_path / "q", b"\xef\xbb\xbf" + content)
    other = write(tmp_path / "r", lines(dpr(2)))
    prepare(tmp_path / "d", train_file=str(path), dev_file=str(other), test_file=str(other))
    (row,) = read_rows(tmp_path / "d" / "train.tsv")
    assert row == ("Q01", "answer: 架空町1 context: 架空町1は\ufffdの産地である。人口は101人。", "\ufffdは?")
    assert read_examples(tmp_path / "d" / "train.jsonl")[0].question == "\udc00 は?"


@pytest.mark.parametrize("form", [lines, array])
def test_a_record_of_ten_megabytes(tmp_path, form):
    long = "長" * 3_500_000
    path = write(tmp_path / "q", form(dpr(1), {**dpr(2), "hard_negative_ctxs": [passage(long)]}, dpr(3)))
    assert [q.id for q in questions_of(path)] == ["Q01", "Q02", "Q03"]


@pytest.mark.parametrize("form", [lines, array])
def test_memory_stays_bounded(tmp_path, form):
    """Fifty megabytes of entities, of which two are wanted."""
    filler = "架空の町の長い説明。" * 3_000  # 90 kB
    content = form(*({"title": f"架空町{i}", "text": f"架空町{i}の話。" + filler} for i in range(560)))
    assert len(content) > 50_000_000
    path = write(tmp_path / "e.gz", gzip.compress(content, 1))
    question = write(tmp_path / "q", lines(jaqket(1), jaqket(555)))
    del content
    tracemalloc.start()
    try:
        found = questions_of(question)
        join_passages(found, {path: passage_kind(path)}, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [q.held[0].passage.title for q in found] == ["架空町1", "架空町555"]
    assert peak < 20_000_000


GOOD = lines(dpr(0))
DEEP = b"[" * 100_000
CUT = gzip.compress(lines(*(dpr(i) for i in range(200))))[:-300]


def of(record, **changes):
    """The record changed and behind a good one; `...` removes a key."""
    changed = {key: value for key, value in {**record, **changes}.items() if value is not ...}
    return lines({**record, "qid": "first"}, changed)


def positive(**changes):
    return of(dpr(1), positive_ctxs=[passage(town(1)), {k: v for k, v in {**passage(""), **changes}.items() if v is not ...}])


def scored(score):
    return lines({**fid(1), "ctxs": [passage(town(1), score=score)]})


KNOWN = (
    "not a quiz format; known are JAQKET v1 {qid, question, answer_entity}, AI王 {qid, question, answers}, "
    "DPR retriever {qid, question, answers, positive_ctxs}, FiD {id, question, answers, ctxs}; found "
)
NO_RECORDS = ": no records; expected one JSON object a line, or a JSON array of objects"
GZIP = "the gzip data is cut off or damaged; download the file again"
MALFORMED = [
    # What is no JSON
    (b"", NO_RECORDS),
    (b"\n\n", NO_RECORDS),
    (b"[ ]", NO_RECORDS),
    (gzip.compress(b"", mtime=0), NO_RECORDS),
    (GOOD + b"{", ":2: not JSON (Expecting property name enclosed in double quotes at column 2); expected an object a line"),
    (b'{\n  "qid": "1"\n}', ":1: not JSON (Expecting property name enclosed in double quotes at column 1)"),
    (GOOD + b"\n" + b"{'qid': 1}", ":3: not JSON (Expecting property name"),
    (array(dpr(0))[:-2] + b", {'qid'}]", ": [1]: not JSON (Expecting property name enclosed in double quotes)"),
    (array(dpr(0), dpr(1))[:-20], ": [1]: cut off in the middle of a character; download the file again"),
    (array(dpr(0), dpr(1))[:-12], ": [1]: not JSON (Expecting ',' delimiter)"),
    (array(dpr(0), dpr(1))[:-15], ": [1]: not JSON (Unterminated string starting at)"),
    (lines(dpr(0), dpr(1))[:-15], ":2: cut off in the middle of a character; download the file again"),
    (gzip.compress(array(dpr(0), dpr(1)))[:-20], f": [1]: {GZIP}"),
    (array(dpr(0))[:-1], ": [1]: not JSON (Expecting ',' or ']')"),
    (array(dpr(0)) + b"x", ": [1]: not JSON (Extra data)"),
    (array(dpr(0))[:-1] + b"{}]", ": [1]: not JSON (Expecting ',' or ']')"),
    (DEEP, ": [0]: not usable JSON (nested too deeply)"),
    (GOOD + b'{"a":' + DEEP, ":2: not usable JSON (nested too deeply)"),
    (GOOD + b'{"qid": 1' + b"0" * 5000 + b"}", ":2: not usable JSON (a number with too many digits)"),
    (GOOD + b'{"qid": "\xff"}', ":2: not UTF-8 (byte 0xff); convert the file to UTF-8"),
    (array(dpr(0))[:-2] + b', {"qid": "\xe3\x81"}]', ": [1]: not UTF-8 (byte 0xe3); convert the file to UTF-8"),
    ("霧".encode("utf-16"), ":1: not UTF-8 (byte 0xff)"),
    (b"\x1f\x8bnot gzip at all", f": {GZIP}"),
    (CUT, GZIP),
    (gzip.compress(GOOD)[:-8] + b"\0" * 8, GZIP),
    (gzip.compress(GOOD) + b"more", GZIP),
    # What is no quiz
    (b"3", ":1: expected an object, found a whole number"),
    (b"[null]", ": [0]: expected an object, found null"),
    (b"[[{}]]", ": [0]: expected an object, found a list"),
    (b"{}", f":1: {KNOWN}no keys"),
    (array({"data": [], "version": 1}), f": [0]: {KNOWN}the keys 'data', 'version'"),
    (lines({str(i): "" for i in range(12)}), f"{KNOWN}the keys '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' …"),
    (lines(dpr(0), {"a": 1}), ":2: 'qid' is missing"),
    (array(dpr(0), 3), ": [1]: expected an object, found a whole number"),
    # Ids and questions
    (of(dpr(1), qid=...), ":2: 'qid' is missing"),
    (of(dpr(1), qid=None), ":2: qid: expected a string or a whole number, found null"),
    (of(dpr(1), qid=["Q1"]), ":2: qid: expected a string or a whole number, found a list"),
    (of(dpr(1), qid=" \t"), ":2: qid: is empty"),
    (lines(dpr(0)) + b'{"qid": "\\ud800"}', ":2: qid: '\\ud800' is not valid Unicode"),
    (of(fid(1), id=1.5, qid=...), ":2: id: expected a string or a whole number, found a number"),
    (lines(dpr(0), dpr(1), dpr(0)), ":3: the id 'Q00' is that of {}:1 already; ids must be unique"),
    (array(fid(3), {**fid(3), "id": "3"}), ": [1]: the id '3' is that of {}: [0] already; ids must be unique"),
    (of(dpr(1), question=...), ":2: 'question' is missing"),
    (of(dpr(1), question=["問"]), ":2: question: expected a string, found a list"),
    # Answers
    (of(dpr(1), answers=...), ":2: 'answers' is missing"),
    (of(dpr(1), answers=None), ":2: answers: expected a list, found null"),
    (of(dpr(1), answers="架空町"), ":2: answers: expected a list, found a string"),
    (of(dpr(1), answers=["架空町", ["町"]]), ":2: answers[1]: expected a string, found a list"),
    (of(dpr(1), answers=[""]), ":2: answers[0]: the answer text is empty"),
    # Passages
    (of(dpr(1), positive_ctxs=...), ":2: 'positive_ctxs' is missing"),
    (of(dpr(1), positive_ctxs=None), ":2: positive_ctxs: expected a list, found null"),
    (of(dpr(1), positive_ctxs={}), ":2: positive_ctxs: expected a list, found an object"),
    (of(dpr(1), positive_ctxs=[[]]), ":2: positive_ctxs[0]: expected an object, found a list"),
    (positive(text=...), ":2: positive_ctxs[1]: 'text' is missing"),
    (positive(text=None), ":2: positive_ctxs[1].text: expected a string, found null"),
    (positive(title=7), ":2: positive_ctxs[1].title: expected a string, found a whole number"),
    (positive(passage_id=[]), ":2: positive_ctxs[1].passage_id: expected a string or a whole number, found a list"),
    (array(dpr(0), {**fid(1), "qid": "x"}), ": [1]: 'positive_ctxs' is missing"),
    (scored("high"), ":1: ctxs[0].score: expected a number, found 'high'"),
    (scored(float("nan")), ":1: ctxs[0].score: expected a number, found 'nan'"),
    (scored(True), ":1: ctxs[0].score: expected a whole number or a number or a string, found true or false"),
    (of({**aio(1), **passages(1, town(1))}, passages=...), ":2: 'passages' is missing"),
    (of({**aio(1), **passages(1, town(1))}, positive_passage_indices=[1]), "[0]: there is no passage 1, but 1, counted from 0"),
    (of({**aio(1), **passages(1, town(1))}, positive_passage_indices=["0"]), "[0]: expected a whole number, found a string"),
    # Files that do not belong together
    (lines(jaqket(1)), ": JAQKET v1 {qid, question, answer_entity} has no passages; give the file of its entities"),
    (lines(aio(1)), ": AI王 {qid, question, answers} has no passages; give the file of its passages with --passage_file"),
]


def stays_untouched(tmp_path, **options):
    """The message of the error, after which everything is as it was."""
    write_to = tmp_path / "d"
    write_to.mkdir()
    (write_to / "train.tsv").write_text("mine")
    before, names = contents(write_to), sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(InputError) as error:
        prepare(write_to, overwrite_output_dir=True, **options)
    assert contents(write_to) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("content", "message"), MALFORMED)
def test_malformed_questions(tmp_path, content, message):
    good, bad = write(tmp_path / "good", GOOD), write(tmp_path / "bad", content)
    said = stays_untouched(tmp_path, train_file=str(good), dev_file=str(bad), test_file=str(good))
    assert said.startswith(f"{bad}:")
    assert message.replace("{}", str(bad)) in said


MALFORMED_PASSAGES = [
    (jaqket(1), b"", NO_RECORDS),
    (jaqket(1), lines({"name": "架空町"}), ":1: not passages; known are entities {title, text} and AI王 {qid, passages}"),
    (jaqket(1), lines(dpr(1)), ":1: not passages; known are"),
    (jaqket(1), lines(entity(1), {"text": "町"}), ":2: 'title' is missing"),
    (jaqket(1), lines(entity(0), {"title": "架空町1"}), ":2: 'text' is missing"),
    (jaqket(1), lines(entity(0), {"title": "架空町1", "text": None}), ":2: text: expected a string, found null"),
    (jaqket(1), array(entity(0), {"title": ["架空町1"]}), ": [1].title: expected a string, found a list"),
    (jaqket(1), lines(passages(1, town(1))), ": JAQKET v1 {qid, question, answer_entity} has no passages; give the file of its"),
    (dpr(1), lines(entity(1)), ": holds entities, with which no file of questions is joined; leave it out"),
    (aio(1), lines(passages(1), passages(2), passages(1)), ":3: the id 'Q01' is that of {}:1 already; ids must be unique"),
    (aio(1), lines(passages(2), {"passages": []}), ":2: 'qid' is missing"),
    (aio(1), lines(passages(1, town(1), None)), ":1: passages[1].text: expected a string, found null"),
    (aio(1), lines({**passages(1), "passages": {}}), ":1: passages: expected a list, found an object"),
    (aio(1), lines({**passages(1), "passages": ["架空町1"]}), ":1: passages[0]: expected an object, found a string"),
    (aio(1), lines(passages(1, positive_passage_indices=None)), ":1: positive_passage_indices: expected a list, found null"),
    (aio(1), lines(passages(1, town(1), positive_passage_indices=[-1])), "positive_passage_indices[0]: there is no passage -1"),
    (aio(1), gzip.compress(lines(*(passages(i, town(i)) for i in range(99))))[:-9], GZIP),
]


@pytest.mark.parametrize(("question", "content", "message"), MALFORMED_PASSAGES)
def test_malformed_passages(tmp_path, question, content, message):
    questions, bad = write(tmp_path / "q", lines(question)), write(tmp_path / "bad", content)
    said = stays_untouched(tmp_path, train_file=str(questions), passage_file=[bad])
    place = questions if "has no passages" in message else bad
    assert said.startswith(f"{place}:")
    assert message.replace("{}", str(bad)) in said


def test_the_line_of_a_cut_is_named(tmp_path):
    content = lines(*(passages(i, "".join(random.Random(i).choices("架空の町", k=3000))) for i in range(99)))
    path = write(tmp_path / "p.gz", gzip.compress(content)[:-5000])
    read = 0
    with pytest.raises(InputError) as error:
        for _ in records(path):
            read += 1
    assert read > 10
    assert str(error.value) == f"{path}:{read + 1}: {GZIP}"


def test_options():
    assert QuizOptions().problems() == []
    assert QuizOptions(passage_file=["x"], max_passages=3).problems() == []
    assert QuizOptions(max_passages=0).problems() == ["--max_passages must be at least 1, not 0"]
    assert QuizOptions(test_ratio=0.5).problems() == ["--test_ratio must be between 0 and 0.5, not 0.5"]
    assert QuizOptions(dev_file="x").problems() == ["--dev_file needs --train_file"]
    assert QuizOptions(test_file="x").problems() == ["--test_file needs --train_file"]


def test_files_and_globs(tmp_path):
    for i in range(4):
        write(tmp_path / f"{i}.jsonl", lines(dpr(i)))
    audit = prepare(tmp_path / "d", train_file=str(tmp_path / "*.jsonl"), dev_ratio=0.3, test_ratio=0.3)
    assert sum(audit.kept.values()) == 4
    message = stays_untouched(tmp_path / "d", train_file=str(tmp_path / "*.json"))
    assert message.startswith(f"{tmp_path}/*.json: no such file; for JAQKET run ./download.sh jaqket, else give --train_file")
    with pytest.raises(InputError, match="is a folder; give a file or a glob"):
        prepare(tmp_path / "e", train_file=str(tmp_path))


def test_a_folder_made_otherwise_is_refused(tmp_path):
    files = jaqket_files(tmp_path / "raw")
    prepare(tmp_path / "d", **files)
    before = contents(tmp_path / "d")
    prepare(tmp_path / "d", **files)
    assert contents(tmp_path / "d") == before
    for change in ({"max_passages": 2}, {"test_ratio": 0.2}, {"seed": 1}):
        with pytest.raises(InputError, match="holds data made otherwise"):
            prepare(tmp_path / "d", **files, **change)


def test_the_script(tmp_path):
    assert "raw/quiz/train_questions.json: no such file; for JAQKET run ./download.sh jaqket" in refused(
        script("prepare_quiz_aqg.py", cwd=tmp_path)
    )
    jaqket_files(tmp_path / "raw" / "quiz")
    result = script("prepare_quiz_aqg.py", "--highlight", cwd=tmp_path, check=True)
    assert result.stdout.splitlines()[1].split() == ["questions", "read", "40", "4", "4"]
    assert result.stdout.endswith("wrote data_quiz_aqg_hl/\n")
    folder = tmp_path / "data_quiz_aqg_hl"
    assert read_rows(folder / "test.tsv")[0].source == "<hl>架空町44<hl>は桃の産地である。人口は144人。"
    about = json.loads((folder / "task.json").read_text())
    assert about["task"] == "aqg-hl"
    assert about["data"]["name"] == "JAQKET v1"
    assert "abc/EQIDEN may not be redistributed" in about["data"]["license"]
    assert (folder / "report.png").exists()
