"""``onlooker serve`` and what the commands that serve have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from onlooker.settings import Settings


def storage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--store``, ``--queue``, ``--workers`` and ``--config``."""
    options = [
        click.option("--store", metavar="URL", help="Where pictures wait: file:///folder or s3://bucket/prefix."),
        click.option("--queue", metavar="URL", help="Where tasks wait: sqlite:///file or sqs://name."),
        click.option("--workers", type=click.IntRange(0, 64), metavar="N", help="Worker processes.  [default: 1]"),
        click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Settings (TOML), see docs/settings.md; environment variables ONLOOKER_... go before it.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="serve")
@click.option("--host", metavar="HOST", help="Address to listen on; 0.0.0.0 lets others in.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="0 takes a free one.  [default: 8000]")
@storage_options
@click.option("--check", is_flag=True, help="Check the settings, print those in force, and end.")
def command(
    host: str | None,
    port: int | None,
    store: str | None,
    queue: str | None,
    workers: int | None,
    config: Path | None,
    check: bool,
) -> None:
    """Serve the website and the API.

    Bare, it listens on this machine alone, keeps pictures in a folder and tasks in SQLite, and starts a worker process
    of its own. Pictures are deleted as soon as they are answered.
    """
    from onlooker.settings import load

    options = {"host": host, "port": port, "store": store, "queue": queue, "workers": workers}
    settings = load(config, {"serve": options})
    if check:
        click.echo(_checked(settings))
        return
    from onlooker.core.dumps import forbid_dumps
    from onlooker.service.server import run

    forbid_dumps()  # what is uploaded goes through this process

    def said(url: str) -> None:
        click.echo(f"Onlooker is at {url}  (Ctrl-C ends it)")

    run(settings, said)


def _checked(settings: "Settings") -> str:
    """The settings in force as JSON, without what is secret. Raises ``InputError`` or ``ModelError`` for what no server
    could start with; nothing is opened or made."""
    import json

    import msgspec

    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.audience import database
    from onlooker.core import addresses
    from onlooker.detection import choose
    from onlooker.jobs.objects import store_parts
    from onlooker.jobs.queues import queue_parts

    store_parts(settings.store)
    queue_parts(settings.queue)
    in_file = database.file_of(settings.ledger) is not None
    if settings.serve.workers:  # else others, who may be elsewhere, have the model
        choose.file_of(settings.model.detector)
        if settings.model.card:
            FaceEstimator(Path(settings.model.card))
    shown = msgspec.to_builtins(settings)
    shown["serve"] |= {"store": settings.store, "queue": settings.queue}
    shown["serve"]["secret"] = shown["serve"]["secret"] and "(set)"
    shown["keys"]["file"] = str(settings.keys_file)
    shown["display"]["ledger"] = settings.ledger if in_file else addresses.shown(settings.ledger)
    return json.dumps(shown, indent=2)
