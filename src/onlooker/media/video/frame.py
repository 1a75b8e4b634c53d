"""What a source gives, and what it is paced by."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from onlooker.core.faces import Picture8


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a video.

    pixels   ``(height, width, 3)`` RGB uint8, upright
    at       seconds on the stream's own clock: 0 at its first frame, never backwards, on through loops and outages
    number   0, 1, 2 ...: frames given so far
    dropped  frames that came since the one before, and were passed over because nobody was ready for them
    """

    pixels: Picture8 = field(repr=False)
    at: float
    number: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that befell a source: it was ``opened``, ``lost``, tried again in vain (``failed``), or is ``back``.
    ``text`` says it in a sentence; passwords in addresses are left out."""

    kind: Literal["opened", "lost", "failed", "back"]
    text: str


Told = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock frames are paced by and live ones are stamped with; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
