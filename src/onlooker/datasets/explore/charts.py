"""The figures, drawn by Vega-Altair and vl-convert, without a browser."""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from onlooker.datasets.explore.numbers import BINS, Numbers, density
from onlooker.datasets.extra import data_extra
from onlooker.datasets.utkface import GENDERS, RACES

if TYPE_CHECKING:
    import altair as alt

FONT = "Liberation Sans, Arial, sans-serif"
"""Also within a page, as words are measured in it when a figure is drawn."""

COLOURS = {
    "--paper": "#ffffff",
    "--ink": "#14201a",
    "--dim": "#52605a",
    "--line": "#d5dcd7",
    "--bar": "#a9b8b0",
    "--male": "#1f69a8",
    "--female": "#b23a7b",
    "--race-0": "#0b6b4b",
    "--race-1": "#c9821b",
    "--race-2": "#4f7fc1",
    "--race-3": "#9c4f96",
    "--race-4": "#8a968f",
    "--age-0": "#cfe6da",
    "--age-1": "#a8d3bf",
    "--age-2": "#7fbea1",
    "--age-3": "#56a684",
    "--age-4": "#318a68",
    "--age-5": "#156d4c",
    "--age-6": "#084f38",
}
"""The page's colours by their names in its style, as a file of its own is drawn: in the light ones."""


def inline(svg: str, name: str, alt_text: str) -> str:
    """A drawn figure as part of a page: its colours are the page's, light or dark, its ids no other figure's."""
    for variable, colour in COLOURS.items():
        svg = re.sub(colour, f"var({variable})", svg, flags=re.IGNORECASE)
    svg = svg.replace('"white"', '"var(--paper)"')
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{alt_text}" ', 1)


def render(chart: "alt.TopLevelMixin") -> tuple[str, bytes]:
    """A figure as SVG and as PNG at twice its size."""
    with data_extra():
        import vl_convert
    spec: dict[str, Any] = chart.to_dict()
    return vl_convert.vegalite_to_svg(spec), vl_convert.vegalite_to_png(spec, scale=2)


def gender_chart(numbers: Numbers) -> "alt.TopLevelMixin":
    """The pie of genders."""
    return _pie(numbers.genders, [COLOURS[f"--{gender}"] for gender in GENDERS], "gender")


def age_chart(numbers: Numbers) -> "alt.TopLevelMixin":
    """The pie of ages in the report's bins."""
    colours = [COLOURS[f"--age-{i}"] for i in range(len(BINS))]
    return _pie(numbers.bins, colours, "age", begin=-math.pi / 2)  # narrow slices at the left, where words stack


def density_chart(numbers: Numbers) -> "alt.TopLevelMixin":
    """How ages are spread, for each gender by itself."""
    alt = _altair()
    values = [
        {"gender": gender, "age": age, "share": float(share)}
        for gender in GENDERS
        for age, share in enumerate(density(numbers.ages[gender]))
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("age:Q", title="age in years", scale=alt.Scale(nice=False)),
        y=alt.Y("share:Q", title="share of faces a year", axis=alt.Axis(format=".1%"), stack=None),
        color=_gender_colour(),
    )
    layers = base.mark_area(opacity=0.15) + base.mark_line(strokeWidth=2)
    return _dressed(layers.properties(width=640, height=260))


def outlier_chart(numbers: Numbers) -> "alt.TopLevelMixin":
    """A box for each gender, and the ages beyond its fences, sized by how many faces have them."""
    alt = _altair()
    boxes = [
        {"gender": s.gender, "low": s.low, "q1": s.first, "q2": s.median, "q3": s.third, "high": s.high}
        for s in numbers.spreads
    ]
    beyond = [
        {"gender": s.gender, "age": age, "faces": count} for s in numbers.spreads for age, count in s.outliers.items()
    ]
    most = max((count for s in numbers.spreads for count in s.outliers.values()), default=1)
    sizes = sorted({1, max(1, most // 2), most})
    grey = {"symbolFillColor": COLOURS["--bar"], "symbolStrokeColor": COLOURS["--bar"]}
    # Above, and not at the edge: other letters than those it was measured in would be cut off there.
    legend = alt.Legend(title="faces of that age", values=sizes, titleLimit=200, orient="top", **grey)
    row = alt.Y("gender:N", title=None, sort=list(GENDERS), axis=alt.Axis(labelFontSize=13))
    box = alt.Chart(alt.Data(values=boxes)).encode(y=row, color=_gender_colour(legend=False))
    reach = box.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", title="age in years"), x2="high:Q")
    middle = box.mark_bar(size=34, opacity=0.35).encode(x="q1:Q", x2="q3:Q")
    median = box.mark_tick(thickness=3, size=34).encode(x="q2:Q")
    dots = (
        alt.Chart(alt.Data(values=beyond))
        .mark_circle(opacity=0.6)
        .encode(
            x="age:Q",
            y=row,
            color=_gender_colour(legend=False),
            size=alt.Size("faces:Q", scale=alt.Scale(range=[15, 260]), legend=legend),
        )
    )
    layers: Any = reach + middle + median
    return _dressed((layers + dots if beyond else layers).properties(width=560, height=150))


def race_chart(numbers: Numbers) -> "alt.TopLevelMixin":
    """The share of each race label in each bin of age, for each gender."""
    alt = _altair()
    values = [
        {"gender": gender, "age": name, "race": race, "faces": numbers.races[race, name, gender], "order": i}
        for gender in GENDERS
        for name in BINS
        for i, race in enumerate(RACES)
    ]
    scale = alt.Scale(domain=list(RACES), range=[COLOURS[f"--race-{i}"] for i in range(len(RACES))])
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(stroke=COLOURS["--paper"], strokeWidth=1)
        .encode(
            x=alt.X("age:N", sort=list(BINS), title="age in years", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("faces:Q", stack="normalize", title="share of faces", axis=alt.Axis(format="%")),
            color=alt.Color("race:N", scale=scale, sort=list(RACES), legend=alt.Legend(title=None, orient="top")),
            order="order:Q",
        )
        .properties(width=310, height=240)
        .facet(column=alt.Column("gender:N", title=None, sort=list(GENDERS)))
    )
    return _dressed(bars)


CHARTS: dict[str, Callable[[Numbers], "alt.TopLevelMixin"]] = {
    "gender": gender_chart,
    "age": age_chart,
    "density": density_chart,
    "outliers": outlier_chart,
    "race": race_chart,
}
"""Each figure, by the name of its files."""


def _altair() -> Any:
    with data_extra():
        import altair as alt
    return alt


def _pie(counts: dict[str, int], colours: Sequence[str], title: str, *, begin: float = 0.0) -> "alt.TopLevelMixin":
    """Slices clockwise from an angle (radians, 0 is the top), each with its name, its count and its share beside it."""
    alt = _altair()
    total = sum(counts.values()) or 1
    values = [
        {title: name, "faces": count, "order": i, "label": [name, f"{count:,} ({count / total:.1%})"]}
        for i, (name, count) in enumerate(counts.items())
        if count
    ]
    scale = alt.Scale(domain=list(counts), range=list(colours))
    turn = alt.Scale(range=[begin, begin + 2 * math.pi])
    base = alt.Chart(alt.Data(values=values)).encode(
        theta=alt.Theta("faces:Q", stack=True, scale=turn),
        order=alt.Order("order:Q"),
        color=alt.Color(f"{title}:N", legend=None, scale=scale),
    )
    slices = base.mark_arc(outerRadius=130, stroke=COLOURS["--paper"], strokeWidth=2)
    words = base.mark_text(radius=186, fontSize=13, lineHeight=17, baseline="middle").encode(
        text="label:N", color=alt.value(COLOURS["--ink"])
    )
    return _dressed((slices + words).properties(width=520, height=390))


def _gender_colour(*, legend: bool = True) -> Any:
    alt = _altair()
    scale = alt.Scale(domain=list(GENDERS), range=[COLOURS[f"--{gender}"] for gender in GENDERS])
    shown = alt.Legend(title=None, orient="top", symbolOpacity=1, symbolType="stroke", symbolStrokeWidth=3)
    return alt.Color("gender:N", scale=scale, legend=shown if legend else None)


def _dressed(chart: Any) -> "alt.TopLevelMixin":
    """A figure in the product's type and colours."""
    ink, dim, line = COLOURS["--ink"], COLOURS["--dim"], COLOURS["--line"]
    dressed: alt.TopLevelMixin = (
        chart.configure(background=COLOURS["--paper"], font=FONT, padding=8, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=dim, titleColor=dim, gridColor=line, domainColor=line, tickColor=line, labelFontSize=12,
            titleFontSize=12, titleFontWeight="normal",
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=ink, titleColor=dim, labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
        .configure_header(labelColor=ink, labelFontSize=13, labelFontWeight="bold")
    )  # fmt: skip
    return dressed
