"""``onlooker report``: the report of 2020, its networks trained and tested again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from onlooker.report.fit import Progress

Task = Literal["gender", "age", "inception", "multi"]
TASKS: tuple[Task, ...] = ("gender", "age", "inception", "multi")

_output = click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("report"),
    show_default=True,
    metavar="DIR",
    help="Where runs, results and report.html lie; a run that was stopped goes on there.",
)


@click.group(name="report")
def command() -> None:
    """Reproduce the report of 2020 that this project began with: its networks, its splits, its figures beside ours."""


@command.command(name="run")
@click.option("--only", type=click.Choice(TASKS), help="One of the report's steps.  [default: all four]")
@click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", help="[default: 100 gender, 35 age and multi, 50 inception]"
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("UTKFace"),
    show_default=True,
    metavar="UTKFACE",
    help="Folder of the aligned, cropped faces.",
)
@click.option(
    "--split",
    type=click.Choice(["report", "shuffled", "v1"]),
    default="shuffled",
    show_default=True,
    help="Sorted as the report prints it, shuffled as its figures suggest, or this project's.",
)
@click.option(
    "--v1",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("splits/utkface_v1.csv"),
    show_default=True,
    metavar="FILE",
    help="The published split: also which faces our own model has never seen.",
)
@_output
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--weights",
    type=click.Choice(["imagenet", "none"]),
    default="imagenet",
    show_default=True,
    help="What Inception starts from: ImageNet's weights, fetched once, or random ones.",
)
@click.option("--sample", type=click.IntRange(min=200), metavar="N", help="Draw N faces, for a quick look.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Threads in all.  [default: one a core]")
def run(
    only: Task | None,
    epochs: int | None,
    data: Path,
    split: Literal["report", "shuffled", "v1"],
    v1: Path,
    output: Path,
    seed: int,
    weights: Literal["imagenet", "none"],
    sample: int | None,
    workers: int | None,
) -> None:
    """Train the report's networks, keep the best, test them and our own model on the same faces; write a page.

    Needs the extra: pip install 'onlooker[report]'. Interrupted, it goes on after the last whole epoch; run it for
    several splits into one folder, and the page shows them side by side.
    """
    from onlooker.analyzer import available_cores
    from onlooker.core.errors import InputError
    from onlooker.report.results import experiment

    try:
        from onlooker.report.run import Options, run
    except ModuleNotFoundError as error:
        raise InputError(
            f"the report's networks need {error.name}; install it with: pip install 'onlooker[report]'"
        ) from None
    experiment(output)  # goes into the page at the end: what is wrong with it, before anything is trained
    show = _Show()
    options = Options(
        data=data,
        output=output,
        v1=v1,
        split=split,
        epochs=epochs,
        seed=seed,
        weights=weights,
        sample=sample,
        threads=workers or available_cores(),
        report=show.epoch,
        count=show.count,
    )
    run([only] if only else list(TASKS), options)
    _conclude(output, data)


@command.command(name="table")
@click.argument("results", type=click.Path(file_okay=False, path_type=Path), default=Path("report"))
def table(results: Path) -> None:
    """Print the table: the report, its networks here, our own model; from RESULTS, a run's folder.

    And that of the experiment on why Inception failed, where benchmarks/report_inception.py was run into it.
    """
    from onlooker.report.results import EXPERIMENT_HEADS, experiment_rows, load, markdown
    from onlooker.report.results import table as as_table

    click.echo(as_table(load(results)))
    if experiment := experiment_rows(results):
        click.echo("\n" + markdown(EXPERIMENT_HEADS, experiment))


def _conclude(output: Path, data: Path) -> None:
    from onlooker.report.page import page
    from onlooker.report.results import experiment_rows, load
    from onlooker.report.results import table as as_table

    results = load(output)
    target = output / "report.html"
    target.write_text(page(results, data, experiment_rows(output)), encoding="utf-8")
    click.echo(as_table(results))
    click.echo(f"open {target}")


class _Show:
    """Progress on standard error: a line that is written over on a terminal, else one now and then."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def count(self, what: str, done: int, total: int) -> None:
        """Beside training; a ``total`` of 0 is not known."""
        if done == total or done % (100 if self._live else 4000) == 0:
            self._line(f"{what}: {done}" + (f" of {total}" if total else ""), last=done == total)

    def epoch(self, progress: "Progress") -> None:
        """While training."""
        where = f"{progress.network}, epoch {progress.epoch} of {progress.epochs}"
        if progress.scores:
            shown = {k: v for k, v in progress.scores.items() if k.startswith("val_") or k == "loss"}
            scores = ", ".join(f"{key} {value:.3f}" for key, value in shown.items())
            self._line(f"{where}: {scores}, {progress.scores['seconds']:.0f} s", last=True)
        elif self._live and progress.batch % 5 == 0:
            self._line(f"{where}, batch {progress.batch} of {progress.batches}")

    def _line(self, text: str, *, last: bool = False) -> None:
        if self._live:
            click.echo(f"\r\x1b[K{text}", err=True, nl=last)
        else:
            click.echo(text, err=True)
