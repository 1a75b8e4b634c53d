"""Figures as inline SVG, in the colours of the page they stand on."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from onlooker.evaluation.metrics import Estimate

WIDTH = 720
LABELS, VALUES = 170, 190
"""Pixels left for a row's name and for its figure in words."""

ROW = 30


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a dot plot: its name, its figure, others' figures for the same faces (a system's mark goes by its place
    among them), and whether it says little."""

    name: str
    value: Estimate
    n: int = 0
    others: tuple[tuple[str, Estimate | None], ...] = ()
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: its name, its points (x, figure), and whether it is the one that matters."""

    name: str
    points: Sequence[tuple[float, Estimate]]
    first: bool = True


def dots(
    rows: Sequence[Row],
    say: Callable[[float], str],
    *,
    line: float | None = None,
    zone: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """A dot for each row with its interval; a ``line`` to compare with, a ``zone`` to be in, and the values the axis is
    cut to."""
    every = [row.value for row in rows] + [other for row in rows for _, other in row.others if other is not None]
    ends = [v for e in every for v in (e.low, e.high)] + ([] if line is None else [line]) + list(zone or ())
    low, high = limits or _nice(min(ends), max(ends))
    bottom = ROW * len(rows) + 6

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low or 1.0)
        return LABELS + (WIDTH - LABELS - VALUES) * share

    parts = []
    if zone:
        parts.append(
            f'<rect class="zone" x="{x(zone[0]):.1f}" y="0" width="{x(zone[1]) - x(zone[0]):.1f}" height="{bottom}"/>'
        )
    for tick in _ticks(low, high):
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="0" y2="{bottom}"/>')
        parts.append(
            f'<text class="dim tick" x="{x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{_tick(say(tick))}</text>'
        )
    if line is not None:
        parts.append(f'<line class="goal" x1="{x(line):.1f}" x2="{x(line):.1f}" y1="0" y2="{bottom}"/>')
    parts += [_dot_row(i, row, x, say) for i, row in enumerate(rows)]
    told = "; ".join(f"{r.name} {say(r.value.value)} ({say(r.value.low)} to {say(r.value.high)})" for r in rows)
    return _svg(bottom + 26, "".join(parts), told)


def _dot_row(i: int, row: Row, x: Callable[[float], float], say: Callable[[float], str]) -> str:
    y, kind = ROW * i + 18, " faint" if row.faint else ""
    count = f'<tspan class="dim"> {row.n:,}</tspan>' if row.n else ""
    parts = [
        f'<text class="{kind.strip()}" x="{LABELS - 14}" y="{y + 4}" text-anchor="end">{escape(row.name)}{count}'
        "</text>",
        f'<line class="reach{kind}" x1="{x(row.value.low):.1f}" x2="{x(row.value.high):.1f}" y1="{y}" y2="{y}"/>',
    ]
    parts += [
        f'<circle class="other other{k}" cx="{x(other.value):.1f}" cy="{y}" r="4"><title>{escape(name)} '
        f"{say(other.value)}</title></circle>"
        for k, (name, other) in enumerate(row.others)
        if other is not None
    ]
    parts.append(f'<circle class="dot{kind}" cx="{x(row.value.value):.1f}" cy="{y}" r="5"/>')
    words = f'{say(row.value.value)}<tspan class="dim"> {say(row.value.low)} to {say(row.value.high)}</tspan>'
    parts.append(f'<text class="{kind.strip()}" x="{WIDTH}" y="{y + 4}" text-anchor="end">{words}</text>')
    return "".join(parts)


def chart(
    lines: Sequence[Line],
    say_x: Callable[[float], str],
    say_y: Callable[[float], str],
    *,
    x_name: str,
    y_name: str,
    diagonal: bool = False,
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
) -> str:
    """Curves with the intervals of their points; a ``diagonal`` where both axes should agree."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [v for line in lines for _, e in line.points for v in (e.low, e.high)]
    left, right = x_limits or _nice(min(xs), max(xs))
    low, high = y_limits or _nice(min(ys), max(ys))
    margin, top, height = 56, 8, 300
    wide = min(WIDTH - margin - 150, 2 * height)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left or 1.0)
        up = (min(max(y, low), high) - low) / (high - low or 1.0)
        return margin + wide * across, top + height * (1 - up)

    parts = []
    for tick in _ticks(low, high):
        y = at(left, tick)[1]
        parts.append(f'<line class="grid" x1="{margin}" x2="{margin + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="dim tick" x="{margin - 8}" y="{y + 4:.1f}" text-anchor="end">{_tick(say_y(tick))}</text>'
        )
    for tick in _ticks(left, right):
        x = at(tick, low)[0]
        parts.append(
            f'<text class="dim tick" x="{x:.1f}" y="{top + height + 20}" text-anchor="middle">'
            f"{_tick(say_x(tick))}</text>"
        )
    if diagonal:
        (x1, y1), (x2, y2) = at(max(left, low), max(left, low)), at(min(right, high), min(right, high))
        parts.append(f'<line class="goal" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    parts += [_curve(line, at, 24 + 20 * i, margin + wide + 16) for i, line in enumerate(lines)]
    x = margin + wide / 2
    axis = f'<text class="dim" x="{x}" y="{top + height + 42}" text-anchor="middle">{escape(x_name)}</text>'
    told = "; ".join(
        f"{line.name}: " + ", ".join(f"{say_x(x)}: {say_y(e.value)}" for x, e in line.points) for line in lines
    )
    return _svg(top + height + 50, "".join(parts) + axis, f"{y_name} by {x_name}. {told}")


def _curve(line: Line, at: Callable[[float, float], tuple[float, float]], y: float, x: float) -> str:
    kind = "" if line.first else " second"
    places = [at(px, e.value) for px, e in line.points]
    parts = [f'<polyline class="curve{kind}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in places)}"/>']
    for (px, py), (value_x, e) in zip(places, line.points, strict=True):
        ends = at(value_x, e.low)[1], at(value_x, e.high)[1]
        parts.append(f'<line class="reach{kind}" x1="{px:.1f}" x2="{px:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>')
        parts.append(f'<circle class="dot{kind}" cx="{px:.1f}" cy="{py:.1f}" r="4"/>')
    if line.name:
        parts.append(f'<circle class="dot{kind}" cx="{x}" cy="{y}" r="4"/>')
        parts.append(f'<text x="{x + 12}" y="{y + 4}">{escape(line.name)}</text>')
    return "".join(parts)


def _nice(low: float, high: float) -> tuple[float, float]:
    """Limits a little wider, on round numbers."""
    step = _step(high - low)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _step(span: float) -> float:
    """A round step that makes three to six parts of a span."""
    rough = (span or 1.0) / 6
    power = float(10 ** math.floor(math.log10(rough)))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= rough)


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [k * step + 0.0 for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(text: str) -> str:
    """A figure as an axis shows it: ``2`` for ``2.00``, ``0`` for ``+0.00``."""
    short = re.sub(r"\.0+(?!\d)|(?<=\.\d)0+(?!\d)", "", text)
    return "0" if short == "+0" else short


def _svg(height: float, inner: str, told: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(told)}" '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )
