"""``onlooker export``: a finished run becomes a model to serve."""

from pathlib import Path

import click


@click.command(name="export")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the .onnx file and its card go.  [default: RUN]",
)
@click.option("--name", default="face", show_default=True, help="What the model is called.")
def command(run: Path, output: Path | None, name: str) -> None:
    """Write RUN's best weights as ONNX with their card, and check that they answer like the network.

    Use it with: onlooker analyze PATH --model CARD
    """
    from onlooker.core.errors import InputError

    try:
        from onlooker.training.export import export
    except ModuleNotFoundError as error:
        raise InputError(f"export needs {error.name}; install it with: pip install 'onlooker[train]'") from None
    card, difference = export(run, output or run, name)
    click.echo(f"{card.path}: {card.bytes / 1e6:.1f} MB, logits differ from the network's by at most {difference:.1g}")
