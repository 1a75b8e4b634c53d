"""``onlooker analyze``: faces, ages and genders of pictures."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.confidence import confidence_option
from onlooker.cli.options import detector_options, progress

if TYPE_CHECKING:
    from onlooker.cli.sources import Remote


@click.command(name="analyze")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, one JSON object a picture, or one CSV row a face.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write there, a file or s3://bucket/key (at the end), instead of standard output; existing jsonl or csv "
    "output is continued where it ends.",
)
@click.option(
    "--annotate",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write each picture with its faces marked, as JPEG, below this folder.",
)
@confidence_option
@detector_options
def command(
    paths: tuple[str, ...],
    kind: str,
    output: str | None,
    annotate: Path | None,
    confidence: float | None,
    detector: str,
    min_face: float,
    aligned: bool,
    workers: int | None,
    model: str | None,
) -> None:
    """Find every face in PATH and print its age, with an interval, and its gender.

    PATH is a picture, a folder (all pictures below it), s3://bucket/prefix (a picture, or all below it), or - for the
    bytes of a picture on standard input. A picture that cannot be read is reported in its place and the others are
    done; the exit code is then 2.
    """
    from onlooker.analyzer import Analyzer
    from onlooker.cli.output import as_written, open_output
    from onlooker.cli.sources import annotated_path, expand, fetched, free_path

    card = Path(model) if model else None
    analyzer = Analyzer(detector, card, min_face=min_face, confidence=confidence, aligned=aligned, workers=workers)
    started = time.monotonic()
    pictures = faces = failed = 0
    marked: dict[Path, str] = {}
    with open_output(kind, output) as (writer, held):
        named = list(expand(paths))
        if annotate:  # a place for each, those done before among them: whose is which must not depend on where it ended
            for name, _ in named:
                free_path(annotated_path(name, paths, annotate), name, marked)
        items = [(name, source) for name, source in named if as_written(name) not in held.done]
        skipped = len(named) - len(items)
        before = sum(as_written(name) in held.failed for name, _ in named)
        inputs = {name: source for name, source in reversed(items) if annotate and not isinstance(source, str)}
        shown = output is not None or not sys.stdout.isatty()
        with progress("analyzing", len(items), shown=shown) as step:
            for analysis in analyzer.stream(fetched(items)):
                # The marked picture first: what stands in the output is then done in whole.
                if annotate and analysis.error is None:
                    name = analysis.source
                    target = free_path(annotated_path(name, paths, annotate), name, marked)
                    _annotate(inputs.get(name, name), analysis.faces, target)
                writer.write(analysis)
                pictures += 1
                faces += len(analysis.faces)
                failed += analysis.error is not None
                step(pictures)
    report = f"{_count(pictures, 'picture')}, {_count(faces, 'face')}, {time.monotonic() - started:.1f} s"
    if skipped:
        report += f"; {_count(skipped, 'picture')} already in {output}"
    click.echo(report, err=True)
    if annotate and pictures > failed:
        click.echo(f"annotated pictures lie in {annotate}", err=True)
    if before:
        click.echo(
            f"onlooker: {_count(before, 'picture')} in {output} could not be read before; to try again, take those "
            "lines out",
            err=True,
        )
    if failed:
        click.echo(f"onlooker: {failed} of {_count(pictures, 'picture')} could not be read; see their lines", err=True)
    if failed or before:
        raise click.exceptions.Exit(2)


def _annotate(source: "str | bytes | Remote", faces: object, target: Path) -> None:
    from onlooker.cli.sources import Remote
    from onlooker.core.faces import Faces
    from onlooker.media.draw import save_annotated
    from onlooker.media.images import Picture

    assert isinstance(faces, Faces)
    data = source.fetch() if isinstance(source, Remote) else source
    save_annotated(Picture.open(data).decode(), faces, target)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
