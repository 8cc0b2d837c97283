from collections import Counter

from toi.data.audit import Audit, Measured, Note, Shared, TokenCounts
from toi.data.audit_table import places, reasons, report, table

AUDIT = Audit(
    read=Counter(train=1234, dev=1, test=2),
    kept=Counter(train=3, dev=1, test=2),
    dropped=[Note("train", "no answer", "y"), Note("train", "no answer", "x"), Note("train", "duplicate of another row", "z")],
    ambiguous=[Note("test", "only in the title", "乙")],
    shared={Shared("test", "question", "train"): 1000},
    lengths={Measured("source", "characters"): {"train": [1, 2, 1], "dev": [1], "test": [2, 1000]}},
)


def line(name, *values):
    return f"{name:58}" + "".join(f"{value:>22}" for value in values)


def test_the_table():
    assert table(AUDIT).splitlines() == [
        line("", "train", "dev", "test"),
        line("questions read", "1,234", "1", "2"),
        line("rows kept", "3", "1", "2"),
        line("dropped: duplicate of another row", "1", "0", "0"),
        line("dropped: no answer", "2", "0", "0"),
        line("ambiguous: only in the title", "0", "0", "1"),
        line("source characters, median / 95% / most", "1 / 2 / 2", "1 / 1 / 1", "2 / 1,000 / 1,000"),
        "test rows with a question of train: 1,000",
    ]


def counted(characters):
    """An audit with counts of tokens, each figure another."""
    by_split = [{"train": n, "dev": n + 1, "test": n + 2} for n in (10, 20, 30, 40, 50)]
    tokens = TokenCounts(
        {"source": 512, "target": 64},
        {"source": by_split[0], "target": by_split[1], "answer": by_split[2]},
        {"source": by_split[3], "target": by_split[4]},
        Counter(characters),
    )
    return Audit(tokenizer="a/model", tokens=tokens)


def test_counts_of_tokens_in_the_table():
    assert table(counted({"丁": 3, "龘": 1200})).splitlines()[3:] == [
        line("sources cut at 512 tokens", "10", "11", "12"),
        line("<unk> in sources", "40", "41", "42"),
        line("targets cut at 64 tokens", "20", "21", "22"),
        line("<unk> in targets", "50", "51", "52"),
        line("answers cut at 512 tokens", "30", "31", "32"),
        "characters that a/model does not know: 龘(1,200) 丁(3)",
    ]
    assert table(counted({})).splitlines()[-1] == "characters that a/model does not know: none"


def test_the_report():
    assert report(AUDIT) == {
        "read": {"train": 1234, "dev": 1, "test": 2},
        "kept": {"train": 3, "dev": 1, "test": 2},
        "dropped": [
            {"split": "train", "reason": "duplicate of another row", "id": "z"},
            {"split": "train", "reason": "no answer", "id": "x"},
            {"split": "train", "reason": "no answer", "id": "y"},
        ],
        "ambiguous": [{"split": "test", "why": "only in the title", "id": "乙"}],
        "shared": {"test rows with a question of train": 1000},
        "lengths": {
            "source characters": {
                "train": {"min": 1, "median": 1, "mean": 1.33, "p95": 2, "p99": 2, "max": 2},
                "dev": {"min": 1, "median": 1, "mean": 1, "p95": 1, "p99": 1, "max": 1},
                "test": {"min": 2, "median": 2, "mean": 501, "p95": 1000, "p99": 1000, "max": 1000},
            }
        },
        "tokenizer": None,
        "limits": {},
        "truncated": {},
        "unknown_characters": {},
    }


def test_counts_of_tokens_in_the_report():
    found = report(counted({chr(ord("一") + i): i for i in range(1, 13)}))
    assert found["tokenizer"] == "a/model"
    assert found["limits"] == {"source": 512, "target": 64}
    assert list(found["truncated"].items()) == [
        ("sources cut", {"train": 10, "dev": 11, "test": 12}),
        ("<unk> in sources", {"train": 40, "dev": 41, "test": 42}),
        ("targets cut", {"train": 20, "dev": 21, "test": 22}),
        ("<unk> in targets", {"train": 50, "dev": 51, "test": 52}),
        ("answers cut", {"train": 30, "dev": 31, "test": 32}),
    ]
    assert list(found["unknown_characters"].values()) == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]


def test_places():
    """The first ones of each reason; train first, in the order of the file."""
    audit = Audit(
        dropped=[Note("dev", "no answer", "d"), *(Note("train", "no answer", f"t{i}") for i in range(1200))],
        noted=[Note("train", "again", "a.csv:3 (first: a.csv:2)")],
    )
    assert places(audit).splitlines() == [
        "again: a.csv:3 (first: a.csv:2)",
        "no answer: t0, t1, t2, t3, t4, and 1,196 more in report.json",
    ]
    assert places(Audit()) == ""


def test_reasons():
    assert reasons(AUDIT.dropped, "train") == "duplicate of another row (1), no answer (2)"
    assert reasons(AUDIT.dropped, "dev") == ""
