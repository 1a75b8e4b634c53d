"""The command ``onlooker``. Each command's module is loaded when it is called, so that ``--help`` is instant."""

import io
import logging
import os
import sys
import warnings
from importlib import import_module

import click

from onlooker import __version__
from onlooker.cli.names import printable
from onlooker.core.errors import ConfigError, OnlookerError

COMMANDS = {
    "analyze": ("onlooker.cli.analyze", "Faces, ages and genders of pictures and folders."),
    "watch": ("onlooker.cli.watch", "Who is in front of a camera: faces, ages and visits over time."),
    "display": ("onlooker.cli.display", "Play adverts on a screen, for whoever the camera sees in front of it."),
    "serve": ("onlooker.cli.serve", "The website and the API, on this machine or in the cloud."),
    "worker": ("onlooker.cli.worker", "Answer the pictures that wait in a queue."),
    "keys": ("onlooker.cli.keys", "API keys: make, list and revoke them."),
    "simulate": ("onlooker.cli.simulate", "Ways of choosing adverts, compared in a simulated store."),
    "models": ("onlooker.cli.models", "Model cards: licence, size, figures, checksum; fetch a model."),
    "train": ("onlooker.cli.train", "Train a model on a folder of labelled faces."),
    "evaluate": ("onlooker.cli.evaluate", "How wrong is it, on labelled faces."),
    "audit": ("onlooker.cli.audit", "Who is served worse: by sex, age, race label and their crossings."),
    "calibrate": ("onlooker.cli.calibrate", "Intervals and probabilities that hold for your own cameras."),
    "export": ("onlooker.cli.export", "Plays and audiences of a display; a training run as a model."),
    "purge": ("onlooker.cli.purge", "Take plays and counts out of a ledger, with a receipt."),
    "report": ("onlooker.cli.report", "The report of 2020: its networks trained again, beside our own."),
    "data": ("onlooker.cli.data", "Pictures and labelled faces: convert, check, explore, augment, split."),
}


class _Commands(click.Group):
    """A group that knows its commands by name and loads one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit):  # rich makes the second of the first
            # Whoever read the output has seen enough (`| head`); nothing may complain when the stream is closed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="onlooker")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
def cli(verbose: bool) -> None:
    """Age and gender of every face in your pictures, on your own machine, with honest uncertainty.

    Begin with: onlooker analyze PICTURE
    """
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, format="onlooker: %(message)s")
    for name in ("PIL", "urllib3", "botocore", "boto3", "s3transfer"):
        logging.getLogger(name).setLevel(logging.WARNING if verbose else logging.ERROR)
    if not verbose:
        warnings.simplefilter("ignore")


def main() -> None:
    """Run the command line; every error a user can cause is one sentence and an exit code, never a traceback.

    0 is fine, 2 bad input or configuration, 3 a model that is missing or corrupt, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that is no text of the terminal's encoding is told as escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        text = io.StringIO()
        error.show(file=text)
        click.echo(printable(text.getvalue(), keep="\n"), err=True, nl=False)
        code = 2
    except OnlookerError as error:
        lines = "\n" if isinstance(error, ConfigError) else ""  # one for each mistake
        click.echo(f"onlooker: {printable(str(error), keep=lines)}", err=True)
        code = error.exit_code
    except OSError as error:
        place = f"{printable(str(error.filename))}: " if error.filename else ""
        click.echo(
            f"onlooker: {place}{error.strerror or error}; check the path, its rights and the room there", err=True
        )
        code = 2
        try:
            sys.stdout.flush()
        except OSError:  # it is standard output that has no room: at the end it would complain once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, click.Abort):
        click.echo("onlooker: interrupted", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
