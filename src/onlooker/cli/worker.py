"""``onlooker worker``: answer what waits in a queue."""

from pathlib import Path

import click

from onlooker.cli.serve import storage_options


@click.command(name="worker")
@storage_options
def command(store: str | None, queue: str | None, workers: int | None, config: Path | None) -> None:
    """Take tasks from the queue and answer them, until interrupted.

    As many as wanted may run, on one machine or many, beside a server or without one. A worker process that a picture
    stops is replaced; the picture is tried again a few times and then given up, and its job says so.
    """
    import asyncio
    import logging
    import sys

    from onlooker.service.server import work
    from onlooker.settings import load

    settings = load(config, {"serve": {"store": store, "queue": queue, "workers": workers}})
    logging.basicConfig(level=settings.serve.log.upper(), stream=sys.stderr, format="%(message)s", force=True)
    asyncio.run(work(settings, click.echo))
