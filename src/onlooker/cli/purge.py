"""``onlooker purge``: forget, and say what was forgotten."""

import json
from datetime import UTC, datetime

import click

from onlooker.cli.export import moment_of, open_ledger


@click.command(name="purge")
@click.option(
    "--ledger",
    metavar="URL",
    help="sqlite:///file, postgresql://user@host/database, or a file's path.  [default: the display's own]",
)
@click.option("--all", "everything", is_flag=True, help="Everything: plays, counts, single visits.")
@click.option("--before", metavar="TIME", help="What is from before a date or time (UTC where it has no zone).")
@click.option("--screen", metavar="ID", help="What is of a screen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(ledger: str | None, everything: bool, before: str | None, screen: str | None, yes: bool) -> None:
    """Take plays, counts and visits out of a ledger, for good, and print a receipt.

    The receipt has the number of rows of every table and the hash of its entry in the audit log, which stays.
    """
    if everything + (before is not None) + (screen is not None) != 1:
        raise click.UsageError("say what to forget: one of --all, --before TIME and --screen ID")
    at = moment_of(before, UTC)
    opened = open_ledger(ledger)
    try:
        what = "everything" if everything else f"all of screen {screen}" if screen else f"all from before {before}"
        if not yes:
            click.confirm(f"forget {what} in {opened.name}?", abort=True, err=True)
        receipt = opened.purge(datetime.now(UTC), before=at, screen=screen, everything=everything)
    finally:
        opened.close()
    click.echo(
        json.dumps(
            {
                "purged": receipt.what,
                "at": receipt.at.isoformat(timespec="seconds"),
                "ledger": opened.name,
                "removed": receipt.removed,
                "audit_entry": receipt.seq,
                "hash": receipt.hash,
            },
            indent=2,
        )
    )
