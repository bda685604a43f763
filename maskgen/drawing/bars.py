"""Bars as SVG in the colors of the page around them."""

from __future__ import annotations

from collections.abc import Sequence

from .page import plain

WIDTH, HEIGHT = 280, 136
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 6, 18, 22


def draw_bars(
    title: str, counts: Sequence[int], names: Sequence[str], ticks: Sequence[tuple[float, str]] = ()
) -> str:
    """An SVG element of `WIDTH` by `HEIGHT` with a bar for each count, the highest with its number.

    Args:
        title: what it shows, for those who do not see it.
        counts: at least one.
        names: of the bars: shown with the count when a pointer rests on one.
        ticks: (place, text) below the axis; place 0 is the left end of the first bar, 1 the right end of
            the last; the bars' names, centered, where there are none.

    Example:
        >>> from maskgen.drawing.bars import draw_bars
        >>> draw_bars("pieces", [3, 1], ["1", "2"]).count("<rect")
        2
    """
    most, wide = max(*counts, 1), (WIDTH - _LEFT - _RIGHT) / len(counts)
    foot = HEIGHT - _BOTTOM
    told = ", ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True) if count)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{plain(f"{title}. {told}", 1000)}">'
    ]
    for number, (count, name) in enumerate(zip(counts, names, strict=True)):
        high = (foot - _TOP) * count / most
        high = max(high, 1.0) if count else 0.0  # one among many is seen, too
        left = _LEFT + number * wide
        parts.append(
            f'<rect class="bar" x="{left + 0.75:.2f}" y="{foot - high:.2f}" width="{wide - 1.5:.2f}" '
            f'height="{high:.2f}" rx="1.5"><title>{plain(name)}: {count:,}</title></rect>'
        )
    top = list(counts).index(max(counts))
    if counts[top]:
        x = min(max(_LEFT + (top + 0.5) * wide, 30), WIDTH - 30)
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{_TOP - 5}" text-anchor="middle">{counts[top]:,}</text>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" y1="{foot}" x2="{WIDTH - _RIGHT}" y2="{foot}"/>')
    marks = ticks or [((number + 0.5) / len(names), name) for number, name in enumerate(names)]
    parts += [_tick(place, text) for place, text in marks]
    return "\n".join([*parts, "</svg>"])


def _tick(place: float, text: str) -> str:
    x = _LEFT + place * (WIDTH - _LEFT - _RIGHT)
    anchor = "start" if place <= 0 else "end" if place >= 1 else "middle"
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{plain(text)}</text>'
