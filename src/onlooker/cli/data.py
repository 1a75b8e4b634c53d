"""``onlooker data``: pictures and labelled faces, from files of any kind to a split."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.names import printable
from onlooker.cli.options import progress
from onlooker.cli.ranges import FiniteRange

if TYPE_CHECKING:
    from onlooker.datasets.convert import Report
    from onlooker.report.augment import Fill

SHOWN = 20
"""Findings of one kind that are printed; a report or JSON lists them all."""


@click.group(name="data")
def command() -> None:
    """Work on pictures and labelled faces."""


@command.command(name="convert")
@click.argument("source", type=click.Path(path_type=Path), metavar="SRC")
@click.argument("destination", metavar="DST")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=92,
    show_default=True,
    metavar="Q",
    help="Of the JPEG files that are encoded anew.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Threads.  [default: one a core]")
@click.option(
    "--report",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write what became of each picture there: .csv, or else JSON.",
)
def convert(source: Path, destination: str, quality: int, workers: int | None, file: Path | None) -> None:
    """Make every picture in SRC a real JPEG file in DST, a folder or s3://bucket/prefix.

    The content is converted, never renamed: upright by its EXIF orientation, in sRGB by its colour profile, what is
    transparent on white. A true, upright sRGB JPEG is copied byte for byte. Folders stay as they are. Run again, it
    goes on where it ended and does what has changed since. A picture that cannot be read is reported and the others
    are done; the exit code is then 2.
    """
    from onlooker.cli.guard import refuse_own_input
    from onlooker.cli.targets import open_target
    from onlooker.datasets import convert as work

    with open_target(destination, source) as target:
        planned = work.plan(source, {name: entry.target for name, entry in work.recall(target).items()})
        read = (planned.root / name for name in planned.names)
        made = (Path(destination) / name for name in planned.names.values())
        refuse_own_input(file, *read, *made, option="--report")
        with progress("converting", len(planned.names)) as step:
            report = work.convert(planned, target, quality=quality, workers=workers, progress=step)
    if file is not None:
        _write(file, report.to_csv() if file.suffix.lower() == ".csv" else report.to_json())
    click.echo(_summary(report))
    lying = [f"{e.source}: {e.note.partition(';')[0]}" for e in report.entries if e.lies]
    _list("not what their names say", lying)
    failed = [f"{e.source}: {e.note}" for e in report.entries if e.state == "failed"]
    _list("failed", failed)
    if failed:
        raise click.exceptions.Exit(2)


def _summary(report: "Report") -> str:
    counts, earlier = report.counts, sum(entry.earlier for entry in report.entries)
    parts = [f"{counts[state]:,} {state}" for state in ("converted", "already fine", "failed")]
    text = f"{_count(len(report.entries), 'picture')}: {', '.join(parts)}"
    if earlier:
        text += f"; {earlier:,} of them done before"
    return text + (f"; {_count(len(report.left_alone), 'other file')} left alone" if report.left_alone else "")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _list(title: str, lines: list[str]) -> None:
    """The first of some findings, on standard error."""
    if not lines:
        return
    click.echo(f"{title}: {len(lines):,}", err=True)
    for line in lines[:SHOWN]:
        click.echo(f"  {printable(line)}", err=True)
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN:,} more; --report FILE lists them all", err=True)


def _write(path: Path, text: str) -> None:
    from onlooker.core.errors import InputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another file") from None


@command.command(name="check")
@click.argument("data", type=click.Path(path_type=Path), metavar="UTKFACE")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A summary with the first findings of each kind, or all of them.",
)
@click.option("--names-only", is_flag=True, help="Read no picture: no duplicates, but an answer at once.")
@click.option(
    "--near",
    type=FiniteRange(0.5, 1.0),
    default=0.95,
    show_default=True,
    metavar="R",
    help="Correlation above which two pictures count as one photograph.",
)
def check(data: Path, kind: str, names_only: bool, near: float) -> None:
    """Say what is wrong with UTKFACE, a folder of files named age_gender_race_time.jpg.

    Names without labels, pictures that cannot be read, the same picture twice (byte for byte, or nearly), and the same
    picture under different ages or genders. The exit code is 2 where labels are missing or contradict each other, or
    a picture cannot be read.
    """
    import json

    from onlooker.datasets import check as work

    with progress("looking at pictures", None, shown=not names_only) as step:
        found = work.check(data, pictures=not names_only, near=near, progress=step)
    if kind == "json":
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        click.echo(printable(work.summary(found, SHOWN // 2), keep="\n"))
    if not found.sound:
        raise click.exceptions.Exit(2)


@command.command(name="explore")
@click.argument("data", type=click.Path(path_type=Path), metavar="UTKFACE")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explored"),
    show_default=True,
    metavar="DIR",
    help="Where index.html and the figures (PNG and SVG) are written.",
)
@click.option("--faces/--no-faces", default=True, show_default=True, help="A sheet of sample faces with their labels.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="K", help="Draws the faces.")
def explore(data: Path, output: Path, faces: bool, seed: int) -> None:
    """Draw what UTKFACE holds, with the report's numbers beside ours: one page that works offline.

    Gender, age in the report's bins, the density of age for each gender, outliers, race by age and gender. Needs the
    extra [data].
    """
    from onlooker.datasets.explore import explore as work
    from onlooker.datasets.explore.page import swap_sentence

    numbers = work(data, output, faces=faces, seed=seed)
    if numbers.swapped:
        click.echo(swap_sentence(numbers))
    for problem in numbers.problems:
        click.echo(f"left out: {printable(problem)}", err=True)
    click.echo(f"{_count(numbers.faces, 'face')}; open {output / 'index.html'}")


@command.command(name="augment")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("augmented"),
    show_default=True,
    metavar="DIR",
    help="Where index.html and the sheets are written.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="K", help="Draws are its.")
@click.option(
    "--fill",
    type=click.Choice(["constant", "nearest", "reflect", "wrap"]),
    default="nearest",
    show_default=True,
    help="What lies beyond a picture's edge, on the sheets of techniques.",
)
def augment(picture: Path, output: Path, seed: int, fill: "Fill") -> None:
    """Show what the report's training does to PICTURE: a sheet of nine pictures a technique, and a page of them.

    Shifts, flips, rotation, brightness, zoom, shear, each fill mode, the report's generator of all at once, and its
    transform (BGR to RGB, 32 x 32, 0 to 1) before and after.
    """
    from onlooker.cli.guard import refuse_own_input
    from onlooker.core.errors import PictureError
    from onlooker.media.images import Picture
    from onlooker.report.gallery import techniques, write_gallery

    written = (*(one.name for one in techniques()), "transform")
    refuse_own_input(picture, *(output / f"{name}.png" for name in written))
    try:
        pixels = Picture.open(picture).decode()
    except PictureError as error:
        raise PictureError(f"{picture}: {error}") from None
    paths = write_gallery(pixels, output, name=picture.name, seed=seed, fill=fill)
    click.echo(f"{_count(len(paths) - 1, 'sheet')}; open {paths[0]}")


@command.command(name="split")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE")
@click.option("--seed", type=int, default=1, show_default=True)
def split(data: Path, output: Path, seed: int) -> None:
    """Write a split of DATA (file, part, group) in which no photograph stands on both sides.

    Parts are 75 % train, 7.5 % validation, 7.5 % calibration and 10 % test, alike in age, gender and race label;
    exact and near duplicates share a group and a part.
    """
    from onlooker.cli.guard import refuse_own_input
    from onlooker.core.errors import InputError
    from onlooker.datasets import labelled
    from onlooker.datasets.split import build_split, write_split

    read = labelled.read(data)
    refuse_own_input(output, data, *(face.path for face in read.faces))
    problems = list(read.problems)
    with progress("looking for duplicates", len(read.faces)) as step:
        rows = build_split(read.faces, seed=seed, progress=step, left_out=problems.append)
    if not rows:
        raise InputError(f"{data}: none of its pictures can be read; the first, {problems[-len(read.faces)]}")
    write_split(output, rows)
    for problem in problems:
        click.echo(f"left out: {printable(problem)}", err=True)
    sizes = Counter(row.part for row in rows)
    shares = ", ".join(f"{part} {n} ({n / len(rows):.1%})" for part, n in sizes.most_common())
    click.echo(f"{printable(str(output))}: {len(rows)} faces in {len({row.group for row in rows})} groups: {shares}")
