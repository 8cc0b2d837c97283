"""Histograms as SVG, for `report.html`."""

from collections.abc import Sequence

_BINS = 24
_WIDTH, _HEIGHT, _FOOT = 320, 130, 18  # of a chart, in its own units


def chart(
    title: str, values: Sequence[float], others: Sequence[float] | None, *, most: float | None = None, whole: bool = False
) -> str:
    """A histogram: bars for `values`, and the outline of `others`; from 0 to `most`, or to the largest value."""
    end = most or max(1.0, *values, *(others or [0]))
    size = max(1.0, -(-(end + 1) // _BINS)) if whole else end / _BINS  # bins of whole numbers hold whole numbers
    bins = int(end // size) + 1 if whole else _BINS
    counted = [_binned(series, size, bins) for series in (values, others) if series is not None]
    top = max(max(counts) for counts in counted)
    step = _WIDTH / bins
    base = _HEIGHT - _FOOT

    def height(count: int) -> float:
        return round((base - 12) * count / top, 1) if top else 0.0

    def label(i: int) -> str:
        return f"{i * size:g} to {(i + 1) * size - (1 if whole else 0):g}" if not whole or size > 1 else f"{i * size:g}"

    bars = "".join(
        f'<rect class="one" x="{i * step + 0.5:.1f}" width="{max(step - 1, 0.5):.1f}" y="{base - height(n)}" height="{height(n)}">'
        f"<title>{label(i)}: {n:,}</title></rect>"
        for i, n in enumerate(counted[0])
        if n
    )
    outline = ""
    if len(counted) > 1:
        points = " ".join(f"H{i * step:.1f} V{base - height(n)} H{(i + 1) * step:.1f}" for i, n in enumerate(counted[1]))
        outline = f'<path class="two" d="M0 {base} {points} V{base}"/>'
    return (
        f'<figure class="chart"><figcaption>{title}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>{bars}{outline}'
        f'<text x="0" y="{_HEIGHT - 4}">0</text><text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{end:g}</text>'
        f'<text x="0" y="9">{top:,} examples</text></svg></figure>'
    )


def _binned(values: Sequence[float], size: float, bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        counts[min(int(value / size + 1e-9), bins - 1)] += 1
    return counts
