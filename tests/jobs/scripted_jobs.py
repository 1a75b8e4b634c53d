"""What the tests of answering and of the worker share: a clock, an analysis and stores that do as a test says."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.faces import Faces
from onlooker.jobs.answering import SETTLED
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import ObjectStore


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Reads:
    """Analyzes by script: every picture is 4 x 3 and has no face; counts how often it was asked."""

    def __init__(self, during: Callable[[], object] = lambda: None, error: str | None = None) -> None:
        self.asked: list[str] = []
        self.confidence: float | None = None
        self.during, self.error = during, error

    def __call__(self, data: bytes, name: str, confidence: float | None = None) -> Analysis:
        del data
        self.confidence = confidence
        self.asked.append(name)
        self.during()
        return Analysis(name, 4, 3, Faces.empty(), self.error)


def jpeg(orientation: int = 1) -> bytes:
    """A picture 20 wide and 10 high, as stored, with EXIF."""
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    Image.new("RGB", (20, 10), (200, 10, 10)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def settle(store: ObjectStore, key: str) -> None:
    """The object was written a while ago."""
    assert isinstance(store, FolderStore)
    path = store._path(key)
    long_ago = path.stat().st_mtime - SETTLED - 1
    os.utime(path, (long_ago, long_ago))


class Between(FolderStore):
    """Something else happens, once, when an object is there and before whoever put it goes on."""

    def __init__(self, folder: Path, key: str, happens: Callable[[], object]) -> None:
        super().__init__(folder)
        self.waits = {key: happens}

    def put(self, key: str, data: bytes, **options: Any) -> bool:
        put = super().put(key, data, **options)
        self.waits.pop(key, lambda: None)()
        return put


class Refuses(FolderStore):
    """Fails, once each, to store the objects that are named in ``refused``."""

    def __init__(self, folder: Path, refused: dict[str, Exception]) -> None:
        super().__init__(folder)
        self.refused = refused

    def put(self, key: str, data: bytes, **options: Any) -> bool:
        if (error := self.refused.pop(key, None)) is not None:
            raise error
        return super().put(key, data, **options)
