"""``onlooker models``: the cards, and fetching what does not ship with the package."""

from pathlib import Path

import click

from onlooker.cli.ranges import FiniteRange


@click.group(name="models", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show each model's card: what it is, its licence, size, figures and checksum, and whether it is here."""
    if ctx.invoked_subcommand is None:
        _show()


@command.command(name="fetch")
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take this copy instead of the address on the card (for a machine without a network).",
)
@click.option("--timeout", type=FiniteRange(min=0.1), default=30.0, show_default=True, metavar="SECONDS")
def fetch(name: str, source: Path | None, timeout: float) -> None:
    """Bring the file of the model NAME into the cache, verified by its checksum; afterwards it is used offline."""
    from onlooker.cli.options import progress
    from onlooker.models import store
    from onlooker.models.cards import builtin_card

    card = builtin_card(name)
    with progress(f"fetching {name}", card.bytes) as step:
        path = store.fetch(card, source=source, timeout=timeout, progress=step)
    click.echo(f"{name} is verified and ready: {path}")


@command.command(name="card")
@click.argument("name")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write there instead of printing."
)
def card(name: str, output: Path | None) -> None:
    """Print the model card of NAME in words, as Markdown: use, licence, figures, groups, calibration, limits.

    NAME is a model of the package, or the path of a card (.json) of your own.
    """
    from onlooker.core.errors import InputError
    from onlooker.evaluation.model_card import model_card
    from onlooker.models.cards import find_card

    text = model_card(find_card(name))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        if output.is_file() and output.stat().st_size and not output.read_bytes().startswith(b"# Model card: "):
            raise InputError(f"{output} is there, and no model card in words; name another file")
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); name another file") from None


def _show() -> None:
    from rich.console import Console
    from rich.text import Text

    from onlooker.core.errors import ModelError
    from onlooker.models import store
    from onlooker.models.cards import builtin_cards

    console = Console(highlight=False, soft_wrap=True)
    for card in builtin_cards():
        try:
            path = store.find(card)
            state = f"present: {path}" if path else f"not fetched: onlooker models fetch {card.name}"
        except ModelError as error:
            state = str(error)
        rows = {
            "": card.summary,
            "task": card.task,
            "licence": card.licence,
            "origin": card.origin,
            "size": f"{card.bytes / 1e6:.1f} MB",
            "sha256": card.sha256,
            "file": state,
            **{f"on {name}": _figures(scores) for name, scores in card.scores.items()},
            "note": card.notes,
        }
        console.print(Text(card.name, style="bold"))
        for key, value in rows.items():
            if value:
                console.print(Text(f"  {key + ': ' if key else ''}{value}"))
        console.print()


def _figures(scores: dict[str, object]) -> str:
    """The scores of one data set on one line, each with its interval."""
    from onlooker.evaluation.words import PLAIN, YEARS

    parts = []
    for key, value in scores.items():
        if isinstance(value, dict):
            if "value" in value:  # what is told by age band stands in `onlooker models card`
                form = "{:.2f}" if key in YEARS else "{:.4f}" if key in PLAIN else "{:.1%}"
                shown, low, high = (form.format(value[k]) for k in ("value", "low", "high"))
                parts.append(f"{key} {shown} ({low} to {high})" + (" years" if key in YEARS else ""))
        elif value is not None:
            parts.append(f"{key} {value}")
    return ", ".join(parts)
