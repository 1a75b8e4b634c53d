"""``onlooker keys``: who may call the API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from onlooker.service.security import KeyFile

file_option = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the keys' digests lie.  [default: in this user's data folder, as `onlooker serve` looks]",
)


@click.group(name="keys")
def command() -> None:
    """API keys: make, list and revoke them. A running server sees a change at its next call.

    A server asks for keys where `[keys] required = true` is set (or ONLOOKER_KEYS_REQUIRED=true). To rotate a key, add
    one of the same name, hand it out, then revoke the old one by its id.
    """


@command.command(name="add")
@click.argument("name")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="The key ends after so many days.")
@click.option(
    "--rekognition", is_flag=True, help="Also for Rekognition clients, who sign with it; it is then kept itself."
)
@file_option
def add(name: str, days: int | None, rekognition: bool, file: Path | None) -> None:
    """Make a key for NAME and print it, once: only its digest is kept."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
    key, plain = _file(file).add(name, expires=expires, rekognition=rekognition)
    click.echo(plain)
    if rekognition:
        click.echo(f"AWS_ACCESS_KEY_ID={key.id}\nAWS_SECRET_ACCESS_KEY={plain}")
    click.echo(f"key {key.id} of {name}; it is not shown again", err=True)


@command.command(name="list")
@file_option
def list_(file: Path | None) -> None:
    """The keys there are, without themselves."""
    now = datetime.now(UTC)
    for key in _file(file).keys():  # noqa: SIM118 (no mapping)
        state = "valid" if key.valid(now) else "ended"
        until = f"until {key.expires:%Y-%m-%d}" if key.expires else "no end"
        click.echo(f"{key.id}  {key.name}  made {key.created:%Y-%m-%d}  {until}  {state}")


@command.command(name="revoke")
@click.argument("identity", metavar="NAME_OR_ID")
@file_option
def revoke(identity: str, file: Path | None) -> None:
    """Take away all keys of a name, or the one of an id."""
    gone = _file(file).revoke(identity)
    if not gone:
        raise click.ClickException(f"there is no key of that name or id: {identity}; see `onlooker keys list`")
    click.echo(f"{len(gone)} revoked", err=True)


def _file(path: Path | None) -> "KeyFile":
    from onlooker.service.security import KeyFile
    from onlooker.settings import load

    return KeyFile(path or load().keys_file)
