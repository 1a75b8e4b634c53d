"""``onlooker export``: plays and audiences for others to work with, and a training run as a model to serve."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlooker.cli.ledgers import Options, check_screen, ledger_options, moment_of, open_ledger, with_options
from onlooker.cli.names import printable

if TYPE_CHECKING:
    from onlooker.audience.summary import Publication
    from onlooker.cli.exports import Columns, Place, Record


class _Exports(click.Group):
    """A group for which what is none of its commands is the RUN of ``model``, as ``export RUN`` always was."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            near = get_close_matches(args[0], self.commands, n=1)
            if near and not Path(args[0]).exists():
                ctx.fail(f"{args[0]}: neither a run nor something to export; did you mean {near[0]!r}?")
            args = ["model", *args]
        return super().parse_args(ctx, args)


@click.group(name="export", cls=_Exports)
def command() -> None:
    """Write plays, audiences or the audit log of a ledger, or a training run as a model.

    `onlooker export RUN` is `onlooker export model RUN`. Counts of few people are in no export: docs/exports.md.
    """


@command.command(name="model")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the .onnx file and its card go.  [default: RUN]",
)
@click.option("--name", metavar="NAME", help="What the model is called.  [default: face, or face_fast with --fast]")
@click.option("--fast", is_flag=True, help="The fast form: eight bits, no mirror image, calibrated anew.")
@click.option(
    "--with",
    "others",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    metavar="RUN",
    help="Another run on the same split: the model is the mean of both, calibrated anew. May be given several times.",
)
def model(run: Path, output: Path | None, name: str | None, others: tuple[Path, ...], *, fast: bool) -> None:
    """Write RUN's best weights as ONNX with their card, and check that they answer like the network.

    What RUN was exported as before, in its own folder, is replaced; a model of another run never is.

    Use it with: onlooker analyze PATH --model CARD
    """
    from onlooker.core.errors import InputError

    try:
        from onlooker.training.export import export, export_fast
    except ModuleNotFoundError as error:
        raise InputError(f"export needs {error.name}; install it with: pip install 'onlooker[train]'") from None
    if name is None:
        name = "face_fast" if fast else "face"
    if fast:
        card = export_fast(run, output or run, name, others)
        click.echo(f"{card.path}: {card.bytes / 1e6:.1f} MB, eight bits; its figures on the test part are in the card")
        return
    card, difference = export(run, output or run, name, others)
    click.echo(f"{card.path}: {card.bytes / 1e6:.1f} MB, logits differ from the network's by at most {difference:.1g}")


def _form(formats: tuple[str, ...]) -> Options:
    choice = click.Choice(formats)
    return [click.option("--format", "form", type=choice, default="csv", show_default=True, help="Form of the output.")]


_output: Options = [
    click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Written whole or not at all.  [default: standard output]",
    )
]


def _options(formats: tuple[str, ...]) -> Options:
    """The options that plays and audiences share."""
    return [
        *ledger_options,
        *_form(formats),
        click.option(
            "--from", "since", metavar="TIME", help="A date or a time, such as 2026-11-24 or 2026-11-24T09:00."
        ),
        click.option("--until", metavar="TIME", help="The same; the end itself is not in it."),
        click.option("--screen", metavar="ID", help="One screen only."),
        click.option(
            "--resolution",
            type=click.Choice(("5min", "hour", "day", "month")),
            default="day",
            show_default=True,
            help="Length of the periods of counts, and of openrtb.",
        ),
        click.option("--timezone", metavar="ZONE", help="Of days and times.  [default: first used, or UTC]"),
        click.option(
            "--k",
            type=click.IntRange(min=2),
            metavar="N",
            help="Smallest count shown.  [default: first used, or the displays' largest]",
        ),
        click.option(
            "--detail",
            type=click.Choice(("day", "month")),
            help="Whether gender and age are counted by day or month.  [default: first used, or day]",
        ),
        click.option("--size", default="1920x1080", show_default=True, metavar="WxH", help="openrtb: its pixels."),
        click.option("--venue", metavar="N", help="openrtb: kind of place by OpenOOH, such as 203 (grocery)."),
        click.option("--publisher", metavar="NAME", help="openrtb: who owns the screens."),
        click.option("--vendor", metavar="DOMAIN", help="openrtb: who measured."),
        *_output,
    ]


@command.command(name="plays")
@with_options(_options(("csv", "jsonl", "parquet", "xibo", "openrtb")))
def plays(**options: Any) -> None:
    """Proof of play: what was shown where and when, complete or why not.

    The audience of a single play is there only where it is large enough to be shown.
    """
    with _publication(options) as (public, window):
        from onlooker.audience.periods import zone_of
        from onlooker.cli import exports

        if options["form"] == "openrtb":
            _write_openrtb(public, window, options)
            return
        rows = public.plays(**window)
        if options["form"] == "xibo":
            _write(
                "plays",
                exports.xibo_records(rows, zone_of(public.rule.timezone)),
                exports.XIBO_COLUMNS,
                public,
                options,
            )
        else:
            _write("plays", exports.play_records(rows, public), exports.PLAY_COLUMNS, public, options)


@command.command(name="audience")
@with_options(_options(("csv", "jsonl", "parquet", "openrtb")))
def audience(**options: Any) -> None:
    """Visits by period, gender and age band; counts under k, and what would give them away, are hidden.

    A day is published when it is over. The ledger keeps the first time zone, k and detail; others are refused after.
    """
    with _publication(options) as (public, window):
        from onlooker.cli import exports

        if options["form"] == "openrtb":
            _write_openrtb(public, window, options)
        else:
            rows = exports.audience_records(public.rows(options["resolution"], **window))
            _write("audience", rows, exports.AUDIENCE_COLUMNS, public, options)


@command.command(name="log")
@with_options([*ledger_options, *_form(("csv", "jsonl")), *_output])
def log(**options: Any) -> None:
    """The audit log: exports, purges, and how screens were set, each entry with the hash of the one before.

    The chain is checked; the last hash is told on standard error, to be kept elsewhere. Where an entry was changed,
    taken away or put in, the first that does not fit is named, and the exit code is 1.
    """
    from onlooker.audience.audit import first_broken
    from onlooker.cli import exports

    _refuse(options)
    ledger = open_ledger(options["ledger"], options["config"])
    try:
        entries = ledger.audit()
    finally:
        ledger.close()
    with exports.target(options["output"]) as out:
        exports.WRITERS[options["form"]](exports.log_records(entries), exports.LOG_COLUMNS, out)
    broken = first_broken(entries)
    if broken is not None:
        click.echo(
            f"onlooker: {ledger.name}: the log does not hold together from entry {broken} on: that one was changed, "
            "or one was taken away or put in before it; what is before it is whole",
            err=True,
        )
        raise click.exceptions.Exit(1)
    last = f"; the last has the hash {entries[-1].hash}" if entries else ""
    click.echo(f"{ledger.name}: {len(entries)} entries, all whole{last}", err=True)


def _refuse(options: dict[str, Any]) -> None:
    """Raise ``InputError`` where the output would be written over the ledger or the settings."""
    from onlooker.cli.guard import refuse_database, refuse_own_input

    refuse_own_input(options["output"], options["config"])
    refuse_database(options["output"])


@contextmanager
def _publication(options: dict[str, Any]) -> "Iterator[tuple[Publication, dict[str, Any]]]":
    """What the options ask for: what may be published of the ledger, and the window."""
    from onlooker.audience.periods import zone_of
    from onlooker.audience.summary import Publication, Rule
    from onlooker.core.errors import InputError
    from onlooker.settings import load

    _refuse(options)
    if options["form"] == "parquet" and options["output"] is None:
        raise InputError("--format parquet is no text for a terminal; name a file with --output")
    place_of(options)
    settings = load(options["config"])
    ledger = open_ledger(options["ledger"], options["config"])
    try:
        check_screen(ledger, options["screen"])
        asked = {key: options[key] for key in ("k", "timezone", "detail") if options[key] is not None}
        first = ledger.rule() or Rule(k=max(ledger.screens_k().values(), default=settings.display.k)).to_dict()
        if options["config"] is not None:  # a larger k is within the promise of the settings' own
            asked.setdefault("k", max(settings.display.k, first["k"]))
        rule = Rule(**{**first, **asked})
        zone = zone_of(rule.timezone)
        window = {"since": moment_of(options["since"], zone), "until": moment_of(options["until"], zone)}
        yield Publication(ledger, rule, datetime.now(UTC), screen=options["screen"]), window
    finally:
        ledger.close()


def _write_openrtb(public: "Publication", window: dict[str, Any], options: dict[str, Any]) -> None:
    from onlooker.cli import exports

    rows = public.rows(options["resolution"], **window)
    _write("openrtb", exports.openrtb_records(rows, public, place_of(options)), {}, public, options)


def _write(
    what: str, records: "Iterator[Record]", columns: "Columns", public: "Publication", options: dict[str, Any]
) -> None:
    """Note an export in the audit log, and write it."""
    from onlooker.cli import exports

    first = exports.started(records)
    asked = {key: str(value) for key, value in options.items() if key not in ("ledger", "config") and value is not None}
    public.ledger.note("export", {"what": what, **asked}, datetime.now(UTC))
    with exports.target(options["output"]) as out:
        n = exports.WRITERS[options["form"]](first, columns, out)
    if options["output"] is not None:
        click.echo(f"{printable(str(options['output']))}: {n} rows", err=True)


def place_of(options: dict[str, Any]) -> "Place":
    """What the options say of the screens. Raises ``InputError`` for a size that is none."""
    from onlooker.cli.exports import Place
    from onlooker.core.errors import InputError

    width, _, height = options["size"].partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InputError(f"--size {options['size']}: is width x height in pixels, such as 1920x1080")
    return Place((int(width), int(height)), options["venue"], options["publisher"], options["vendor"])
