"""A clock moved by hand, and what a source may leave open."""

import threading
from pathlib import Path

from onlooker.media.video import Clock


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def handles() -> int:
    """Open files and sockets of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("onlooker-video")]
