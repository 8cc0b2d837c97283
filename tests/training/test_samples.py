from toi.training.samples import Sample, output_lines, sample_lines, write_samples

SAMPLES = [Sample("a.csv:2", "県庁は?\n一行で", "甲府市"), Sample("b|c", "a <b> & c", "x\ty")]
HISTORY = [
    {"epoch": 0, "step": 0, "eval_loss": 5.25, "samples": {"a.csv:2": "", "b|c": "|<s>\nzwei"}},
    {"epoch": 1, "step": 1200, "eval_loss": 1.5, "samples": {"a.csv:2": "甲府市", "gone": "x"}},
    {"epoch": 2, "step": 2400, "eval_loss": 2.5},
]
FILE = """# Samples

What the model wrote for some rows of dev (greedy search), behind so many steps of its training;
in bold the model that is kept.

## a.csv:2

> 県庁は?  
> 一行で  

wanted:

> 甲府市  

| epoch | step | dev loss | written |
| --- | --- | --- | --- |
| 0 | 0 | 5.2500 | (nothing) |
| 1 | **1,200** | 1.5000 | 甲府市 |

## b&#124;c

> a &lt;b&gt; &amp; c  

wanted:

> x\ty  

| epoch | step | dev loss | written |
| --- | --- | --- | --- |
| 0 | 0 | 5.2500 | &#124;&lt;s&gt;<br>zwei |
"""  # noqa: W291 (two spaces are a line break)


def test_the_file(tmp_path):
    write_samples(tmp_path, SAMPLES, {"history": HISTORY, "best_step": 1200})
    assert (tmp_path / "samples.md").read_text(encoding="utf-8") == FILE


def test_what_is_printed():
    assert sample_lines(SAMPLES) == ["  1  県庁は?\\n一行で -> 甲府市", "  2  a <b> & c -> x\\ty"]
    assert output_lines(SAMPLES, {"a.csv:2": "", "b|c": "長" * 101}) == ["  1  (nothing)", f"  2  {'長' * 99}…"]
