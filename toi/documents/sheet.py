"""A sheet of questions to print: with lines to write on, or with the passages, the answers marked in them."""

import html
from collections.abc import Sequence
from itertools import groupby

from toi.documents.pairs import Pair

_STYLE = """
:root { color-scheme: light; }
body { font-family: "Hiragino Sans", "Noto Sans CJK JP", "Yu Gothic", IPAGothic, sans-serif; line-height: 1.7;
  max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #999; }
ol { padding-left: 2.2rem; } li { margin: .8rem 0; break-inside: avoid; }
.line { display: block; border-bottom: 1px solid #999; height: 1.9rem; }
.context { background: #f5f5f2; padding: .6rem .8rem; white-space: pre-wrap; }
.place { color: #666; font-size: .8rem; font-weight: normal; } .answer { font-weight: bold; }
mark { background: #ffe28a; } a { color: inherit; }
@media print {
  body { margin: 0; max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; }
  .context { background: none; border-left: 2px solid #999; }
}
"""

_PAGE = """<!DOCTYPE html>
<html lang="ja"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def sheet_text(pairs: Sequence[Pair], title: str, text_files: dict[str, str] | None, answers: bool) -> str:
    """An HTML page without scripts: every text of a document or a model is escaped.

    `text_files` are the files with the extracted texts, by the names of documents, for links to them; None where there are none.
    """
    parts, number = [], 1
    for passage, group in groupby(pairs, key=lambda pair: pair.passage):
        of_passage = list(group)
        heading = html.escape(passage.title or passage.document)
        place = html.escape(f"{passage.place}, {passage.start}-{passage.end}")
        if text_files is not None:
            place = f'<a href="{html.escape(text_files[passage.document])}">{place}</a>'
        parts.append(f'<h2>{heading} <span class="place">{place}</span></h2>')
        if answers:
            parts.append(f'<p class="context">{_marked(of_passage)}</p>')
        items = "".join(_item(pair, answers) for pair in of_passage)
        parts.append(f'<ol start="{number}">{items}</ol>')
        number += len(of_passage)
    body = "\n".join(parts)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def _item(pair: Pair, answers: bool) -> str:
    question = html.escape(pair.question)
    if not answers:
        return f'<li>{question}<span class="line"></span></li>'
    return f'<li id="{html.escape(pair.id)}">{question}<br><span class="answer">{html.escape(pair.answer)}</span></li>'


def _marked(pairs: Sequence[Pair]) -> str:
    """The passage of pairs, with their answers marked; where two overlap, the longer one is."""
    context = pairs[0].passage.context
    spans = sorted({(pair.candidate.start, pair.candidate.end) for pair in pairs}, key=lambda span: (span[0], -span[1]))
    text, done = [], 0
    for start, end in spans:
        if start >= done:
            text += [html.escape(context[done:start]), f"<mark>{html.escape(context[start:end])}</mark>"]
            done = end
    return "".join([*text, html.escape(context[done:])])
