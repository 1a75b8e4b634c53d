"""The two parts an analyzer is made of, and how long work reports itself. Anything that fits may be passed in;
``onlooker.testing`` has doubles."""

from collections.abc import Callable, Sequence
from typing import Protocol

from onlooker.core.faces import Attributes, Detections, Picture8

Progress = Callable[[int], None]
"""Told the count done of long work."""


def silent(done: int) -> None:
    """Progress that nobody wants to see."""


class Detector(Protocol):
    """Finds faces in one picture, at the picture's own scale."""

    @property
    def name(self) -> str:
        """What ``--detector`` calls it."""
        ...

    @property
    def target_face(self) -> float:
        """Height in pixels at which the smallest face asked for should be shown to it (it decides the shrinking)."""
        ...

    @property
    def refine(self) -> bool:
        """Whether it should be asked again for each face, closely; not where its first answer is final."""
        ...

    def detect(self, picture: Picture8) -> Detections:
        """Faces of an RGB picture ``(height, width, 3)``, boxes and landmarks in its pixels, best first.

        May be called from several threads at once."""
        ...


class Estimator(Protocol):
    """Reads age and gender from face crops."""

    @property
    def crop_size(self) -> int:
        """Side in pixels of the square crops it reads."""
        ...

    def estimate(self, crops: Sequence[Picture8]) -> Attributes:
        """Attributes of RGB crops, each ``(crop_size, crop_size, 3)``, in the canonical frame.

        The answer for a crop is the same whatever else is in the batch. May be called from several threads at once."""
        ...
