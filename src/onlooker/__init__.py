"""Age and gender of every face in a picture, on your own machine, with honest uncertainty.

>>> import onlooker
>>> faces = onlooker.Analyzer()("people.jpg")                                   # doctest: +SKIP
>>> faces[(faces.age >= 18) & (faces.gender == "female")]                      # doctest: +SKIP

Importing this package loads nothing heavy: each name below is fetched from its room when it is first used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onlooker.analyzer import Analysis, Analyzer
    from onlooker.core.errors import DatasetError, InputError, ModelError, OnlookerError, PictureError
    from onlooker.core.faces import Face, Faces
    from onlooker.media.sources import annotate
    from onlooker.media.video import Frame, frames
    from onlooker.watcher import Sight, Watched, Watcher

__version__ = version("onlooker")

_ROOMS = {
    "Analysis": "onlooker.analyzer",
    "Analyzer": "onlooker.analyzer",
    "DatasetError": "onlooker.core.errors",
    "Face": "onlooker.core.faces",
    "Faces": "onlooker.core.faces",
    "Frame": "onlooker.media.video",
    "InputError": "onlooker.core.errors",
    "ModelError": "onlooker.core.errors",
    "OnlookerError": "onlooker.core.errors",
    "PictureError": "onlooker.core.errors",
    "Sight": "onlooker.watcher",
    "Watched": "onlooker.watcher",
    "Watcher": "onlooker.watcher",
    "annotate": "onlooker.media.sources",
    "frames": "onlooker.media.video",
}

__all__ = [
    "Analysis",
    "Analyzer",
    "DatasetError",
    "Face",
    "Faces",
    "Frame",
    "InputError",
    "ModelError",
    "OnlookerError",
    "PictureError",
    "Sight",
    "Watched",
    "Watcher",
    "__version__",
    "annotate",
    "frames",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'onlooker' has no attribute {name!r}; it has {', '.join(_ROOMS)}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return __all__
