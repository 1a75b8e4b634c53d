"""Finding, verifying and fetching model files. Nothing that fails its checksum is ever loaded or kept."""

import contextlib
import hashlib
import http.client
import os
import stat
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs

from onlooker.core.errors import ModelError, ModelUnreadable
from onlooker.core.protocols import Progress, silent
from onlooker.models.cards import ModelCard

_CHUNK = 1 << 16


def cache_folder() -> Path:
    """Where fetched models are kept: the platform's cache folder for users (``XDG_CACHE_HOME`` on Linux moves it)."""
    return platformdirs.user_cache_path("onlooker") / "models"


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(card: ModelCard, path: Path) -> Path:
    """``path`` itself, where it is the file of the card. Raises ``ModelError`` where it is missing or another,
    ``ModelUnreadable`` where this user may not read it."""
    try:
        actual = checksum(path)
    except PermissionError:
        raise _unreadable(card, path) from None
    except OSError as error:
        raise ModelError(f"{path}: the model {card.name} cannot be read ({error.strerror}); {_mend(card)}") from None
    if actual != card.sha256:
        raise ModelError(
            f"{path}: fails the checksum of {card.name} (SHA-256 {actual[:12]}..., expected {card.sha256[:12]}...); "
            f"{_mend(card)}"
        )
    return path


def find(card: ModelCard, cache: Path | None = None) -> Path | None:
    """The card's verified file, beside the card or in the cache, or ``None`` where it was not fetched yet.

    Raises ``ModelError`` where a file is there but fails its checksum, ``ModelUnreadable`` where this user may not read
    it or not even look for it.
    """
    for path in (card.folder / card.file, (cache or cache_folder()) / card.file):
        try:
            there = stat.S_ISREG(path.stat().st_mode)
        except PermissionError:
            raise _unreadable(card, path) from None
        except OSError:
            there = False
        if there:
            return verify(card, path)
    return None


def require(card: ModelCard, cache: Path | None = None) -> Path:
    """The card's verified file. Raises ``ModelError`` that says how to get it."""
    path = find(card, cache)
    if path is None:
        raise ModelError(f"the model {card.name} is missing; {_mend(card)}")
    return path


def fetch(
    card: ModelCard,
    cache: Path | None = None,
    *,
    source: Path | None = None,
    timeout: float = 30.0,
    progress: Progress = silent,
) -> Path:
    """Bring the card's file into the cache, from its URL or from a copy at ``source``; a verified one stays as it is.

    It is written under another name, verified, then moved into place, so that nothing half-written is ever found.
    Raises ``ModelError`` where it cannot be had or is not the file the card names; ``timeout`` is in seconds without a
    byte. Calls ``progress`` with the bytes done.
    """
    with contextlib.suppress(ModelError):
        if known := find(card, cache):
            return known
    if source is None and not card.url:
        raise ModelError(f"the model {card.name} comes with the package, not from a URL; {_mend(card)}")
    target = (cache or cache_folder()) / card.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open(card, source, timeout) as stream:
            handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
            draft = Path(name)
            try:
                with os.fdopen(handle, "wb") as out:
                    _copy(stream, out, card.bytes, progress)
                if (actual := checksum(draft)) != card.sha256:
                    raise ModelError(_another(card, source, actual))
                draft.chmod(0o644)  # a draft is its maker's alone; a service may read the model as another user
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
    except (OSError, http.client.HTTPException) as error:
        where = source or card.url
        raise ModelError(
            f"{card.name} could not be fetched from {where} ({getattr(error, 'reason', None) or error}); get the file "
            f"another way and run `onlooker models fetch {card.name} --from FILE`"
        ) from None
    return target


def _open(card: ModelCard, source: Path | None, timeout: float) -> BinaryIO:
    if source is not None:
        return source.open("rb")
    if not card.url.startswith("https://"):
        raise ModelError(f"{card.name}: only https addresses are fetched, the card has {card.url}")
    request = urllib.request.Request(card.url, headers={"User-Agent": "onlooker"})  # noqa: S310 (https, checked above)
    stream: BinaryIO = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    return stream


def _another(card: ModelCard, source: Path | None, actual: str) -> str:
    """What is said of a copy, or of what an address gave, that is not the card's file."""
    by_hand = f"get the file another way and run `onlooker models fetch {card.name} --from FILE`"
    shas = f"SHA-256 {actual[:12]}..., expected {card.sha256[:12]}..."
    mend = "get another copy" if source else by_hand
    return f"{source or card.url} is not the file of {card.name} ({shas}); {mend}"


def _copy(stream: BinaryIO, out: BinaryIO, expected: int, progress: Callable[[int], None]) -> None:
    """Copy no more than a little over what the card announces: a wrong address must not fill the disk."""
    done = 0
    while chunk := stream.read(_CHUNK):
        done += len(chunk)
        if done > expected + _CHUNK:
            break
        out.write(chunk)
        progress(done)


def _unreadable(card: ModelCard, path: Path) -> ModelUnreadable:
    return ModelUnreadable(
        f"{path}: this user may not read the model {card.name}; let others read the file and enter the folders above it"
    )


def _mend(card: ModelCard) -> str:
    if card.url:
        return f"run `onlooker models fetch {card.name}`"
    if card.folder.name == "weights":
        return "reinstall the package: pip install --force-reinstall onlooker"
    return "export it again with `onlooker export RUN`"
