"""The page's figures as inline SVG, in the colours of the page they stand on."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

WIDTH, HEIGHT = 400, 230
_TEXT = 'font-size="12" fill="var(--dim)"'
_INK = 'font-size="13" fill="var(--ink)"'
_SHADES = ("var(--race-0)", "var(--race-3)", "var(--male)")


def curves(history: Sequence[dict[str, float]], key: str, title: str, best: int) -> str:
    """One score over the epochs, of the training and of the validation part; a line marks the epoch that was kept."""
    series = {"training": [row[key] for row in history], "validation": [row[f"val_{key}"] for row in history]}
    everything = [value for values in series.values() for value in values]
    low, high = min(everything), max(everything)
    pad = 0.06 * (high - low) or 0.01
    low, high = low - pad, high + pad
    left, right, top, bottom = 44, 70, 30, 26
    epochs = max(len(history) - 1, 1)

    def x(i: float) -> float:
        return left + (WIDTH - left - right) * i / epochs

    def y(value: float) -> float:
        return top + (HEIGHT - top - bottom) * (high - value) / (high - low)

    parts = [f'<text x="{left}" y="16" {_INK}>{escape(title)}</text>']
    values, digits = ticks(low, high)
    parts += [
        f'<line x1="{left}" x2="{WIDTH - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="var(--line)"/>'
        f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end" {_TEXT}>{value:.{digits}f}</text>'
        for value in values
    ]
    ends = sorted({1, len(history)})
    parts += [f'<text x="{x(n - 1):.1f}" y="{HEIGHT - 8}" text-anchor="middle" {_TEXT}>{n}</text>' for n in ends]
    parts.append(f'<text x="{(left + WIDTH - right) / 2}" y="{HEIGHT - 8}" text-anchor="middle" {_TEXT}>epoch</text>')
    parts.append(
        f'<line x1="{x(best - 1):.1f}" x2="{x(best - 1):.1f}" y1="{top}" y2="{HEIGHT - bottom}" '
        'stroke="var(--dim)" stroke-dasharray="3 3"/>'
    )
    labels = _apart({name: y(drawn[-1]) for name, drawn in series.items()})
    for name, drawn in series.items():
        colour = "var(--accent)" if name == "validation" else "var(--race-3)"
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(drawn))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
            f'<text x="{WIDTH - right + 6}" y="{labels[name] + 4:.1f}" font-size="12" fill="{colour}">{name}</text>'
        )
    told = f"{title}: training ends at {series['training'][-1]:.3f}, validation at {series['validation'][-1]:.3f}"
    return _svg(WIDTH, HEIGHT, "".join(parts), told)


def ticks(low: float, high: float) -> tuple[list[float], int]:
    """Two to six round values between, 1, 2 or 5 times a power of ten apart, and the decimals that tell them apart."""
    rough = (high - low) / 5
    power = floor(log10(rough))
    step = next(times * 10.0**power for times in (1, 2, 5, 10) if times * 10.0**power >= rough * (1 - 1e-9))
    return [k * step for k in range(ceil(low / step), floor(high / step) + 1)], max(0, -floor(log10(step * 1.01)))


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> str:
    """Which class is said of which: faces, and their share of the true class, which shades the cell. Where there is no
    face of a class, nothing can be said of it."""
    left, top, wide, high = 70, 48, 84, 46
    n = len(classes)
    parts = [
        f'<text x="0" y="16" {_INK}>{escape(title)}</text>',
        f'<text x="{left + wide * n / 2}" y="32" text-anchor="middle" {_TEXT}>said, across; true, down</text>',
    ]
    told = []
    for i, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        y = top + high * i
        parts.append(f'<text x="{left - 8}" y="{y + high / 2 + 4}" text-anchor="end" {_TEXT}>{escape(name)}</text>')
        if not sum(row):
            place = f'x="{left + wide * n / 2}" y="{y + high / 2 + 4}" text-anchor="middle"'
            parts.append(f"{_cell(left, y, wide * n, high, 0)}<text {place} {_TEXT}>none</text>")
            told.append(f"{name}: none")
            continue
        for j, count in enumerate(row):
            share = count / sum(row)
            middle = left + wide * (j + 0.5)
            parts.append(
                f"{_cell(left + wide * j, y, wide, high, share)}"
                f'<text x="{middle}" y="{y + 20}" text-anchor="middle" {_INK}>{count:,}</text>'
                f'<text x="{middle}" y="{y + 36}" text-anchor="middle" {_TEXT}>{share:.0%}</text>'
            )
            told.append(f"{name} taken for {classes[j]}: {count}")
    bottom = top + high * n
    parts += [
        f'<text x="{left + wide * (j + 0.5)}" y="{bottom + 16}" text-anchor="middle" {_TEXT}>{escape(name)}</text>'
        for j, name in enumerate(classes)
    ]
    return _svg(left + wide * n, bottom + 24, "".join(parts), f"{title}. " + "; ".join(told))


def _cell(x: float, y: float, width: float, height: float, share: float) -> str:
    return (
        f'<rect x="{x + 1}" y="{y + 1}" width="{width - 2}" height="{height - 2}" rx="4" '
        f'fill="var(--accent)" fill-opacity="{0.04 + 0.46 * share:.2f}"/>'
    )


def parts_of(shares: dict[str, dict[str, float]], classes: Sequence[str]) -> str:
    """Each part of a split as a bar: the shares of the classes in it."""
    left, width, step, top = 150, 560, 34, 26
    lines = [
        f'<rect x="{left + 70 * k}" y="4" width="12" height="12" rx="2" fill="{_SHADES[k]}"/>'
        f'<text x="{left + 70 * k + 18}" y="14" {_TEXT}>{escape(c)}</text>'
        for k, c in enumerate(classes)
    ]
    for i, (name, share) in enumerate(shares.items()):
        y, at = top + step * i + 4, float(left)
        label = f"{name}, {share['faces']:,.0f}"
        lines.append(f'<text x="{left - 10}" y="{y + 17}" text-anchor="end" {_TEXT}>{escape(label)}</text>')
        for k, c in enumerate(classes):
            wide = width * share[c]
            lines.append(f'<rect x="{at:.1f}" y="{y}" width="{wide:.1f}" height="24" fill="{_SHADES[k]}"/>')
            if wide > 48:
                words = f'font-size="12" fill="var(--paper)">{share[c]:.1%}'
                lines.append(f'<text x="{at + 8:.1f}" y="{y + 16}" {words}</text>')
            at += wide
    told = "; ".join(f"{n}: " + ", ".join(f"{c} {s[c]:.1%}" for c in classes) for n, s in shares.items())
    return _svg(left + width, top + step * len(shares), "".join(lines), told)


def _apart(places: dict[str, float]) -> dict[str, float]:
    """Labels' heights, at least 14 pixels from one another."""
    (low, a), (high, b) = sorted(places.items(), key=lambda item: item[1])
    push = max(0.0, 14 - (b - a)) / 2
    return {low: a - push, high: b + push}


def _svg(width: float, height: float, inner: str, told: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(told)}" '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )


def figures_of(result: dict[str, Any], classes: dict[str, tuple[str, ...]], titles: dict[str, str]) -> str:
    """The learning curves and the confusion matrices of one result, side by side where there is room."""
    best, history = result["best_epoch"], result["history"]
    drawn = [curves(history, "loss", "Loss", best)]
    drawn += [curves(history, f"{name}_accuracy", f"Right, {titles[name]}", best) for name in result["test"]]
    drawn += [
        confusion(score["confusion"], classes[name], f"Test part, {titles[name]}")
        for name, score in result["test"].items()
    ]
    return '<div class="sheets chart">' + "".join(f"<div>{figure}</div>" for figure in drawn) + "</div>"
