"""Live sources: a thread that keeps the newest frame alone, and opens a source that is lost again."""

import threading
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onlooker.core.errors import InputError
from onlooker.media.video import patience
from onlooker.media.video.address import Address
from onlooker.media.video.decoding import decoded, upright
from onlooker.media.video.frame import Clock, Event, Frame, Told
from onlooker.media.video.reasons import said
from onlooker.media.video.source import NoAnswer, Opened, open_source

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def patiently(address: Address, told: Told | None, clock: Clock) -> Opened:
    """The source, opened once somebody answers; why nobody does is told meanwhile, once for each reason."""
    attempt, why = 0, ""
    while True:
        try:
            return open_source(address)
        except NoAnswer as error:
            if told and str(error) != why:
                told(Event("failed", f"{error}; it is tried again until it answers"))
            why = str(error)
        clock.sleep(patience.pause(attempt))
        attempt += 1


def live_frames(opened: Opened, longest: int, told: Told | None, clock: Clock) -> Iterator[Frame]:
    """The newest frame whenever one is asked for, through outages, until nobody asks."""
    reader = _Reader(opened, clock)
    # Also when the interpreter ends with the generator still open: a thread inside FFmpeg must not outlive it.
    release = weakref.finalize(reader, _Reader.release, reader.stopping, reader.thread)
    number = 0
    start: float | None = None
    try:
        while True:
            newest = reader.newest(told)
            start = newest.arrived if start is None else start
            pixels = upright(newest.frame, longest, opened.pixel_aspect)
            yield Frame(pixels, newest.arrived - start, number, newest.dropped)
            number += 1
    finally:
        release()


@dataclass(frozen=True, slots=True)
class _Newest:
    frame: "VideoFrame"
    arrived: float
    dropped: int


class _Reader:
    """A thread that decodes all that comes and keeps the last frame. It owns the source, and closes it."""

    def __init__(self, opened: Opened, clock: Clock) -> None:
        self.stopping = threading.Event()
        self._shared = _Shared()
        self.thread = threading.Thread(
            target=_read, args=(opened, clock, self._shared, self.stopping), name="onlooker-video", daemon=True
        )
        self.thread.start()

    def newest(self, told: Told | None) -> _Newest:
        """The newest frame, once there is one that was not given yet; events are told meanwhile."""
        shared = self._shared
        while True:
            with shared.changed:
                shared.changed.wait_for(lambda: shared.waiting is not None or shared.events, timeout=1.0)
                events = list(shared.events)
                shared.events.clear()
                newest, shared.waiting = shared.waiting, None
                dropped, shared.dropped = shared.dropped, 0 if newest else shared.dropped
            for event in events:
                if told:
                    told(event)
            if newest is not None:
                return _Newest(newest[0], newest[1], dropped)

    @staticmethod
    def release(stopping: threading.Event, thread: threading.Thread) -> None:
        """Ask the thread to end, and wait for it: it looks up at every frame, and FFmpeg gives up in seconds."""
        stopping.set()
        if thread is not threading.current_thread():
            thread.join(patience.SILENT_SECONDS + 1)


class _Shared:
    """What the reader and the consumer share; ``changed`` guards it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: tuple[VideoFrame, float] | None = None
        self.dropped = 0
        self.events: deque[Event] = deque(maxlen=16)

    def put(self, frame: "VideoFrame", arrived: float) -> None:
        with self.changed:
            self.dropped += self.waiting is not None
            self.waiting = (frame, arrived)
            self.changed.notify()

    def say(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify()


def _read(opened: Opened, clock: Clock, shared: _Shared, stopping: threading.Event) -> None:
    """The thread's work: read until told to stop, and open the source again whenever it is lost."""
    address, source = opened.address, opened
    attempt = 0
    try:
        while True:
            why = "it ended"
            try:
                for frame in decoded(source):
                    if stopping.is_set():
                        return
                    if attempt:
                        shared.say(Event("back", f"{address.shown}: is back"))
                        attempt = 0
                    shared.put(frame, clock.now())
            except Exception as error:  # whatever FFmpeg raises, the source is lost
                silent = type(error).__name__ in ("ExitError", "TimeoutError")
                why = f"nothing came for {patience.SILENT_SECONDS:.0f} seconds" if silent else said(error)
            if not attempt:
                shared.say(Event("lost", f"{address.shown}: lost, {why}; it is opened again"))
            again = None
            while again is None:
                source.container.close()
                if stopping.wait(patience.pause(attempt)):
                    return
                attempt += 1
                try:
                    again = open_source(address)
                except InputError as error:
                    shared.say(Event("failed", str(error)))
            source = again
    finally:
        source.container.close()
