"""``onlooker analyze``: faces, ages and genders of pictures."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import click

from onlooker.cli.completion import files
from onlooker.cli.confidence import confidence_option
from onlooker.cli.options import detector_options, progress
from onlooker.core.errors import InputError, ObjectMissing, StorageError

if TYPE_CHECKING:
    from onlooker.cli.sources import Remote


@click.command(name="analyze")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=files)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "jsonl", "csv"]),
    help="A table for people, one JSON object a picture, or one CSV row a face.  [default: by the ending of --output, "
    ".jsonl or .csv, or else table]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write there, a file or s3://bucket/key (at the end), instead of standard output; existing jsonl or csv "
    "output is continued where it ends, with the settings it was made with. No other file is written over.",
)
@click.option(
    "--annotate",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write each picture with its faces marked, as JPEG, below this folder, which is not searched for "
    "pictures.",
)
@confidence_option
@detector_options
def command(
    paths: tuple[str, ...],
    kind: str | None,
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
    from onlooker.cli.guard import refuse_own_input
    from onlooker.cli.held import agree
    from onlooker.cli.names import identity, printable
    from onlooker.cli.output import form_of, open_output
    from onlooker.cli.sources import Passed, annotated_path, expand, fetched, free_path, once

    refuse_own_input(output, model, *paths)
    card = Path(model) if model else None
    analyzer = Analyzer(detector, card, min_face=min_face, confidence=confidence, aligned=aligned, workers=workers)
    if annotate:
        _prepare(annotate)
    started = time.monotonic()
    pictures = faces = failed = unmarked = 0
    marked: dict[Path, str] = {}
    passed = Passed(annotate)
    answers = open_output(kind or form_of(output), output, lambda held: agree(analyzer, held, str(output)))
    with _told_by_name(), answers as (writer, held):
        found = list(expand(paths, passed))
        named = once(found)
        if annotate:  # a place for each, those done before among them: whose is which must not depend on where it ended
            marked |= {Path(name): name for name, _ in named}  # and none of them in the place of a picture
            for name, _ in named:
                free_path(annotated_path(name, paths, annotate), name, marked)
        items = [(name, source) for name, source in named if identity(name) not in held.done]
        if held.again:  # it takes the place of its rows, which are the last
            items.sort(key=lambda item: identity(item[0]) != held.again)
        skipped = len(named) - len(items)
        before = sum(identity(name) in held.failed for name, _ in named)
        inputs = {name: source for name, source in reversed(items) if annotate and not isinstance(source, str)}
        shown = output is not None or not sys.stdout.isatty()
        with progress("analyzing", len(items), shown=shown) as step:
            for analysis in analyzer.stream(fetched(items)):
                # The marked picture first: what stands in the output is then done in whole.
                if annotate and analysis.error is None:
                    name = analysis.source
                    target = free_path(annotated_path(name, paths, annotate), name, marked)
                    try:
                        _annotate(inputs.get(name, name), analysis.faces, target)
                    except InputError as error:
                        if isinstance(error, StorageError) and not isinstance(error, ObjectMissing):
                            raise  # the next would fare no better; this one is in no output yet, and is done again
                        unmarked += 1
                        click.echo(f"onlooker: {printable(f'{name}: {error}')}", err=True)
                writer.write(analysis)
                for remark in analysis.remarks:
                    click.echo(f"onlooker: {printable(analysis.source)}: {remark}", err=True)
                pictures += 1
                faces += len(analysis.faces)
                failed += analysis.error is not None
                step(pictures)
    file = printable(str(output))
    report = f"{_count(pictures, 'picture')}, {_count(faces, 'face')}, {time.monotonic() - started:.1f} s"
    for number, what, then in (
        (skipped, "picture", f"already in {file}"),
        (len(found) - len(named), "picture", "named again"),
        (passed.others, "other file", "left alone"),
        (passed.marked, "marked picture", "left out"),
    ):
        report += f"; {_count(number, what)} {then}" if number else ""
    click.echo(report, err=True)
    if annotate and pictures > failed + unmarked:
        click.echo(f"annotated pictures lie in {printable(str(annotate))}", err=True)
    if before:
        click.echo(
            f"onlooker: {_count(before, 'picture')} in {file} could not be read before; to try again, take those "
            "lines out",
            err=True,
        )
    if failed:
        click.echo(f"onlooker: {failed} of {_count(pictures, 'picture')} could not be read; see their lines", err=True)
    if unmarked:
        lines = f", take their lines out of {file} or name another --output," if output else ""
        told = f"{unmarked} of {_count(pictures, 'picture')} could not be annotated, each named above"
        click.echo(f"onlooker: {told}; mend that{lines} and run again", err=True)
    if failed or before or unmarked:
        raise click.exceptions.Exit(2)


@contextmanager
def _told_by_name() -> Iterator[None]:
    """What is passed over of a picture is told with its name, by ``remarks``, not by the decoder, which has none."""
    log = logging.getLogger("onlooker.media.images")
    log.addFilter(_none)
    try:
        yield
    finally:
        log.removeFilter(_none)


def _none(record: logging.LogRecord) -> bool:  # noqa: ARG001
    return False


def _prepare(folder: Path) -> None:
    """Make the folder of the marked pictures, and write into it. Raises ``InputError`` where that cannot be, which is
    better known before the work than after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written to ({error.strerror}); name another folder with --annotate"
        ) from None


def _annotate(source: "str | bytes | Remote", faces: object, target: Path) -> None:
    from onlooker.cli.sources import Remote
    from onlooker.core.faces import Faces
    from onlooker.media.draw import save_annotated
    from onlooker.media.images import Picture

    assert isinstance(faces, Faces)
    data = source.fetch() if isinstance(source, Remote) else source
    # The JPEG has no colour profile, which means sRGB.
    save_annotated(Picture.open(data).decode(srgb=True), faces, target)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
