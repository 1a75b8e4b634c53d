"""Files: frame by frame, at their own pace where that is wanted, again from the start where they loop."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onlooker.core.errors import InputError
from onlooker.media.video.decoding import decoded, upright
from onlooker.media.video.frame import Clock, Frame
from onlooker.media.video.reasons import said
from onlooker.media.video.source import Opened, open_source

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

BEHIND = 1.5
"""Frames by which a time may fall behind the one before. Beyond, the file's clock has begun again, as where recordings
are joined end to end, and its frames go on from there."""


def recorded_frames(opened: Opened, loop: bool, pace: bool, longest: int, clock: Clock) -> Iterator[Frame]:
    """The frames of a file; see ``frames``."""
    stream = opened.stream
    interval = float(1 / (stream.average_rate or stream.guessed_rate or 25))
    pacer = _Pacer(clock, interval) if pace else None
    number = dropped = 0
    begun, at = 0.0, 0.0  # where this round begins, and where it is, on the stream's clock
    try:
        while True:
            first: float | None = None
            for frame, seconds in _timed(opened, interval):
                first = seconds if first is None else first
                if begun + seconds - first < at - BEHIND * interval:  # the file's clock begins again
                    begun, first = at + interval, seconds
                at = max(at, begun + seconds - first)
                if pacer is not None and pacer.late(at):
                    dropped += 1
                    continue
                yield Frame(upright(frame, longest, opened.pixel_aspect), at, number, dropped)
                number, dropped = number + 1, 0
            if first is None:
                raise InputError(f"{opened.address.shown}: no frame of it can be decoded; convert it to H.264 in MP4")
            if not loop:
                return
            begun = at = at + interval
            opened.container.close()
            opened = open_source(opened.address)
    finally:
        opened.container.close()


def _timed(opened: Opened, interval: float) -> "Iterator[tuple[VideoFrame, float]]":
    """Each frame and its time in the file; one without a time follows at the usual interval."""
    import av

    seconds = -interval
    try:
        for frame in decoded(opened):
            seconds = frame.time if frame.pts is not None else seconds + interval
            yield frame, seconds
    except av.error.FFmpegError as error:
        raise InputError(
            f"{opened.address.shown}: cannot be read beyond {max(0.0, seconds):.1f} s ({said(error)}); copy it again"
        ) from None


class _Pacer:
    """Waits until a frame is due, and says which are too late to show."""

    most_late = 0.5
    """Seconds in a row that may be passed over; who is slower than that gets every frame he can take."""

    def __init__(self, clock: Clock, interval: float) -> None:
        self._clock, self._interval = clock, interval
        self._start: float | None = None
        self._passed = 0.0

    def late(self, at: float) -> bool:
        """Wait until ``at``, or say that the moment has passed by more than a frame."""
        now = self._clock.now()
        if self._start is None:
            self._start = now - at
        behind = now - (self._start + at)
        if behind > self._interval and self._passed < self.most_late:
            self._passed += self._interval
            return True
        if behind > self._interval:
            self._start = now - at  # too slow for this pace: go on from here
        self._passed = 0.0
        if behind < 0:
            self._clock.sleep(-behind)
        return False
