"""`report.html`: the scores of an evaluation and all its examples, in one page that needs nothing else.

The page is the template `report.html` beside this file; figures, charts and tables are written here, the table of examples is
drawn by the page itself from the data in it, fifty rows at a time.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from toi.scoring.charts import chart
from toi.scoring.chosen import choices_of_predictions, confusion, reliability
from toi.scoring.comparison import Comparison
from toi.scoring.measures import Score
from toi.scoring.options import ScoringOptions
from toi.scoring.overlap import lcs_indices
from toi.scoring.profiles import ROW_METRIC
from toi.scoring.reliability import diagram, matrix
from toi.scoring.results import scoring_versions
from toi.scoring.scored import TYPES, Scored
from toi.scoring.tables import cell, depending, digits_of, in_hundreds, is_perplexity
from toi.system.files import replacing
from toi.text.words import mecab_tokens

_LABELS = {"question_type": "question type", "answer_type": "answer type", "length": "length of the answers", "model": "model"}


def write_report(path: str | Path, scored: Mapping[str, Scored], options: ScoringOptions, about: Mapping[str, Any]) -> None:
    """Write the page. Texts are escaped; it makes no request."""
    subject = about.get("model") or about.get("predictions") or "predictions"
    template = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))
    tabs = ""
    if len(scored) > 1:
        buttons = "".join(f'<button type="button" aria-pressed="false">{escape(name)}</button>' for name in scored)
        tabs = f'<div class="tabs" role="group" aria-label="split">{buttons}</div>'
    page = template.substitute(
        title=escape(f"Evaluation of {subject}"),
        about=_about(options, about),
        tabs=tabs,
        sections="\n".join(_section(name, of_split, options) for name, of_split in scored.items()),
        data=_embedded([_examples(of_split, options) for of_split in scored.values()]),
    )
    with replacing(path) as file:
        file.write(page)


def _embedded(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element or open a comment."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _about(options: ScoringOptions, about: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in about.items() if value is not None and not isinstance(value, dict)}
    shown["profile"] = options.profile
    if options.qa_model:
        shown["qa_model"] = options.qa_model
    decoding = about.get("decoding")
    if isinstance(decoding, dict):
        shown["decoding"] = ", ".join(f"{k} {v}" for k, v in decoding.items() if v not in (None, []) and k != "model_name_or_path")
    shown["versions"] = ", ".join(f"{k} {v}" for k, v in scoring_versions(options).items())
    items = "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in shown.items())
    return f"<dl>{items}</dl>"


def _section(name: str, scored: Scored, options: ScoringOptions) -> str:
    parts = [
        f'<section data-split="{escape(name)}">',
        _card(f"Scores: {name}, {len(scored.predictions):,} rows", _scores(scored.scores, options)),
    ]
    if len(scored.by_tokenizer) > 1:
        parts.append(_card("Scores by tokenizer", _by_tokenizer(scored)))
    if scored.comparison is not None:
        parts.append(_card("Comparison", _comparison(scored.comparison)))
    for kind in TYPES:
        groups = scored.by_type(kind)
        if groups:
            parts.append(_card(f"Scores by {_LABELS[kind]}", _types(kind, groups)))
    if choices_of_predictions(scored.predictions):
        found = matrix(confusion(scored.predictions)) + f'<div class="charts">{diagram(reliability(scored.predictions))}</div>'
        parts.append(_card("Choices", found))
        parts += [_card(f"Scores by {_LABELS[kind]}", _types(kind, of_kind)) for kind, of_kind in scored.by_group().items()]
    parts.append(_card("Distributions", _charts(scored, options)))
    parts.append(_card("Examples", _EXAMPLES))
    parts.append("</section>")
    return "\n".join(parts)


def _card(title: str, content: str) -> str:
    return f'<div class="card"><h2>{escape(title)}</h2>{content}</div>'


_EXAMPLES = """
<div class="tools">
<input type="search" data-part="search" placeholder="search all columns" aria-label="search">
<select data-part="order" aria-label="sort by"></select>
<button type="button" data-part="turn">low first</button>
</div>
<div class="scroll"><table class="examples"><thead><tr data-part="head"></tr></thead><tbody data-part="body"></tbody></table></div>
<div class="pager">
<button type="button" data-part="before">previous</button>
<button type="button" data-part="after">next</button>
<span class="soft" data-part="count" role="status"></span>
</div>"""


def _scores(scores: Mapping[str, Score], options: ScoringOptions) -> str:
    signatures: dict[str, int] = {}
    rows = []
    for name, score in scores.items():
        number = signatures.setdefault(score.signature, len(signatures) + 1)
        rows.append(
            f'<tr><th scope="row">{escape(name)} <sup>{number}</sup></th><td class="n">{_cell(name, score)}</td>'
            f'<td class="plot">{_interval(name, score)}</td></tr>'
        )
    drawn = f"{options.n_resamples:,} resamples of the rows, seed {options.bootstrap_seed}"
    caption = f"<caption>In brackets: the 95% interval (BCa bootstrap, {drawn}).</caption>" if options.n_resamples else ""
    items = "".join(f"<li>{escape(signature)}</li>" for signature in signatures)
    table = f'<div class="scroll"><table class="figures">{caption}<tbody>{"".join(rows)}</tbody></table></div>'
    return f'{table}<ol class="signatures">{items}</ol>'


def _cell(name: str, score: Score) -> str:
    """A figure and its interval, which may stand below it where there is no room beside."""
    return " ".join(f"<span>{part}</span>" for part in cell(name, score).split(" ", 1))


def _interval(name: str, score: Score) -> str:
    """The interval on a line from 0 to the most that the metric can be (for the ratio of lengths: 2), if there is a most."""
    if is_perplexity(name) or name.startswith("log_loss"):
        return ""
    most = 100 if in_hundreds(name) else 2 if name in ("length_ratio", "brier") else 1

    def at(value: float) -> float:
        return round(300 * min(max(value / most, 0), 1), 1)

    ends = "" if score.low is None or score.high is None else (
        f'<line class="range" x1="{at(score.low)}" x2="{at(score.high)}" y1="8" y2="8"/>'
    )  # fmt: skip
    return (
        f'<svg viewBox="0 0 300 16" role="img" aria-label="{escape(name)} {cell(name, score)} of {most}">'
        f'<line class="track" x1="0" x2="300" y1="8" y2="8"/>{ends}<circle class="one" cx="{at(score.value)}" cy="8" r="4"/></svg>'
    )


def _by_tokenizer(scored: Scored) -> str:
    columns = depending(scored.by_tokenizer)
    names = list(next(iter(columns.values())))
    head = "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in columns)
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="n">{_cell(name, scores[name])}</td>' for scores in columns.values())
        + "</tr>"
        for name in names
    ]
    table = f'<table class="figures"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _comparison(comparison: Comparison) -> str:
    rows = []
    for name, d in comparison.differences.items():
        digits = digits_of(name)
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td class="n">{d.value:+.{digits}f}</td>'
            f'<td class="n">[{d.low:+.{digits}f}, {d.high:+.{digits}f}]</td><td class="n">{d.p:.4f}</td></tr>'
        )
    head = "<tr><td></td><th class='n'>ours - theirs</th><th class='n'>95% interval</th><th class='n'>p</th></tr>"
    changed = "".join(
        f'<tr><td class="n">{c.ours - c.theirs:+.4f}</td>'
        + "".join(f"<td>{escape(text)}</td>" for text in (c.id, c.output, c.other))
        + "</tr>"
        for c in comparison.changes
    )
    changes = f"<h3>Changed most ({escape(comparison.metric)})</h3>" + (
        '<div class="scroll"><table><thead><tr><th class="n">change</th><th>id</th><th>ours</th><th>theirs</th></tr></thead>'
        f"<tbody>{changed}</tbody></table></div>"
        if changed
        else "<p>All outputs are the same.</p>"
    )
    return (
        f"<p>With {escape(comparison.file)}; intervals by paired bootstrap, p by approximate randomization.</p>"
        f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>{changes}'
    )


def _types(kind: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    names = [name for name in next(iter(groups.values())) if name != "rows"]
    head = "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in ("rows", *names))
    rows = []
    for value, figures in groups.items():
        cells = "".join(f'<td class="n">{figures[name]:.{digits_of(name)}f}</td>' for name in names)
        rows.append(f'<tr><th scope="row">{escape(value)}</th><td class="n">{figures["rows"]:,.0f}</td>{cells}</tr>')
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">{_LABELS[kind]}</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _charts(scored: Scored, options: ScoringOptions) -> str:
    lengths = [len(p.output) for p in scored.predictions], [len(p.target) for p in scored.predictions]
    drawn = (("key", "outputs"), ("key line", "targets"))
    key = " ".join(f'<span class="legend"><span class="{name}"></span>{label}</span>' for name, label in drawn)
    charts = [chart(f"Characters {key}", lengths[0], lengths[1], whole=True)]
    shown = [ROW_METRIC[options.profile], "chrf", "round_trip_f1"]
    for measure in scored.measures:
        if measure.name in shown:
            most = 100.0 if measure.name == "chrf" else 1.0
            charts.append(chart(f"{escape(measure.name)} of an example", measure.of_rows.tolist(), None, most=most))
    return f'<div class="charts">{"".join(charts)}</div>'


def _examples(scored: Scored, options: ScoringOptions) -> dict[str, Any]:
    """The columns of the table of examples, and its rows."""
    columns: list[dict[str, Any]] = [
        {"key": "id", "label": "id", "kind": "word"},
        {"key": "target", "label": "target", "kind": "text"},
        {"key": "output", "label": "output", "kind": "text"},
    ]
    cells: list[list[Any]] = []
    for p in scored.predictions:
        target, output = differences(p.target, p.output)
        cells.append([p.id, target, output])

    def add(key: str, label: str, kind: str, values: Sequence[Any], digits: int = 0) -> None:
        columns.append({"key": key, "label": label, "kind": kind, "digits": digits})
        for row, value in zip(cells, values, strict=True):
            row.append(value)

    by_name = {measure.name: measure for measure in scored.measures}
    for name, digits in ((ROW_METRIC[options.profile], 3), ("chrf", 1), ("char_perplexity", 3), ("log_loss", 4)):
        if name in by_name:
            add(name, name, "number", _rounded(by_name[name].of_rows.tolist(), digits), digits)
    add("made_up", "not in the input", "list", scored.hallucinated)
    if scored.leaked is not None:
        add("leaked", "answer leaked", "word", ["yes" if leaked else "" for leaked in scored.leaked])
    if scored.trip is not None:
        add("round_trip", "answer of the reader", "word", scored.trip.answers)
        add("round_trip_f1", "round trip F1", "number", _rounded(by_name["round_trip_f1"].of_rows.tolist(), 3), 3)
    if scored.comparison is not None:
        add("other", "other output", "text", [differences(other, p.output)[0] for other, p in _pairs(scored)])
    for kind in TYPES:
        values = [str(scored.examples[p.id].extra.get(kind, "")) if p.id in scored.examples else "" for p in scored.predictions]
        if any(values):
            add(kind, _LABELS[kind], "word", values)
    add("input", "input", "more", [p.source for p in scored.predictions])
    return {"columns": columns, "rows": cells}


def _pairs(scored: Scored) -> list[tuple[str, Any]]:
    assert scored.comparison is not None
    return list(zip(scored.comparison.others, scored.predictions, strict=True))


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]


def differences(one: str, other: str) -> tuple[list[str], list[str]]:
    """Both texts in pieces, by turns what is (first) and what is not in a longest common subsequence of their words.

    >>> differences("今日は天気だ", "今日はわるい天気だ")
    (['今日は天気だ'], ['今日は', 'わるい', '天気だ'])
    """
    if one == other:
        return [one], [other]
    ours, theirs = mecab_tokens(one), mecab_tokens(other)
    return _pieces(one, ours, set(lcs_indices(ours, theirs))), _pieces(other, theirs, set(lcs_indices(theirs, ours)))


def _pieces(text: str, tokens: Sequence[str], common: set[int]) -> list[str]:
    pieces = [""]
    done = 0
    for i, token in enumerate(tokens):
        start = text.index(token, done)
        differs = i not in common
        if differs != (len(pieces) % 2 == 0):  # the piece being written is of the other kind
            pieces.append("")
        pieces[-1] += text[done : start + len(token)]
        done = start + len(token)
    pieces[-1] += text[done:]
    return pieces
