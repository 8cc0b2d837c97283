"""What a report shows of choices: a reliability diagram as SVG, and the confusion matrix."""

from collections.abc import Mapping, Sequence
from html import escape

_SIZE, _FOOT = 200, 18  # of the diagram, in its own units


def diagram(bins: Sequence[tuple[int, float, float]]) -> str:
    """Of each bin its confidence against its accuracy; the larger the circle, the more rows. On the line both are the same."""
    most = max(n for n, _, _ in bins)
    circles = "".join(
        f'<circle class="one" cx="{confidence * _SIZE:.1f}" cy="{(1 - accuracy) * _SIZE:.1f}" r="{2 + 6 * (n / most) ** 0.5:.1f}">'
        f"<title>{n:,} rows: confidence {confidence:.3f}, right {accuracy:.3f}</title></circle>"
        for n, confidence, accuracy in bins
    )
    return (
        '<figure class="chart" style="max-width: 20rem"><figcaption>Reliability: how sure, against how often right</figcaption>'
        f'<svg viewBox="-10 -10 {_SIZE + 20} {_SIZE + 20 + _FOOT}" role="img" aria-label="reliability diagram">'
        f'<path class="axis" fill="none" d="M0 0 V{_SIZE} H{_SIZE}"/>'
        f'<path class="axis" stroke-dasharray="3 3" d="M0 {_SIZE} L{_SIZE} 0"/>'
        f'{circles}<text x="0" y="{_SIZE + 14}">0</text><text x="{_SIZE}" y="{_SIZE + 14}" text-anchor="end">sure: 1</text>'
        '<text x="4" y="9">right: 1</text></svg></figure>'
    )


def matrix(confusion: Mapping[str, Mapping[str, int]]) -> str:
    """A table: right choices down, chosen ones across."""
    names = list(confusion)
    head = "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(right)}</th>' + "".join(f'<td class="n">{n:,}</td>' for n in chosen.values()) + "</tr>"
        for right, chosen in confusion.items()
    )
    return f'<div class="scroll"><table><thead><tr><td>right, chosen</td>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
