"""Video in: frames of a camera, a stream, or a file, one at a time, in memory, and nothing left open behind them.

FFmpeg decodes, by PyAV (the extra ``[video]``). A file is read frame by frame. A live source is read by a thread that
keeps the newest frame alone, so that whoever is slow sees the present and not a queue of the past; where it falls
silent it is opened again, at growing distances, for as long as anyone asks for frames.
"""

import re
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from onlooker.core.errors import InputError
from onlooker.core.faces import Picture8

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

OPEN_SECONDS, SILENT_SECONDS = 8.0, 3.0
"""How long a source may take to open, and how long a live one may send nothing, before it counts as lost."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a lost source is opened again; the last one repeats."""

LONGEST = 1920
"""Pixels of a frame's longer side; what a source sends beyond that is shrunk as it is converted."""

_FILES = "file"
_NETWORK = "file,crypto,data,tcp,udp,tls,rtp,rtsp,rtmp,http,https,httpproxy,srt"
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


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
Source = int | str | Path


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock frames are paced by and live ones are stamped with; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


NAMED: dict[str, Callable[[Clock], Iterator[Frame]]] = {}
"""Sources that go by a name and need no decoder; each is called for its frames."""


def frames(
    source: Source,
    *,
    loop: bool = False,
    pace: bool = False,
    longest: int = LONGEST,
    told: Told | None = None,
    clock: Clock | None = None,
) -> Generator[Frame, None, None]:
    """The frames of a source, as they are asked for.

    source   a camera's number, an address (rtsp://, http:// ...), a video file or a GIF, or a name of ``NAMED``
    loop     a file starts again at its end
    pace     a file is played at its own pace, and frames that nobody was ready for are passed over, as from a camera;
             else every frame comes, as fast as it can be had
    longest  pixels of the longer side; larger frames are shrunk
    told     called with each ``Event``, by the thread that asks for frames

    Nothing is opened before the first frame is asked for. Everything is released when the source ends, the generator
    is closed or dropped, or the interpreter ends. Raises ``InputError``, in one sentence, where the source cannot be
    opened or holds no video; a live source that is lost later is not an error but an event.
    """
    clock = clock or Clock()
    name = str(source)
    if name in NAMED:
        yield from NAMED[name](clock)
        return
    address = _Address.of(source)
    opened = _open(address)
    if told:
        told(Event("opened", f"{address.shown}: {opened.stream.width} x {opened.stream.height}"))
    if address.kind == "camera" or (address.kind == "url" and not opened.container.duration):
        yield from _live(opened, longest, told, clock)
    else:
        yield from _recorded(opened, loop, pace, longest, clock)


# A source's address ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Address:
    kind: Literal["camera", "url", "file"]
    value: str
    shown: str

    @classmethod
    def of(cls, source: Source) -> "_Address":
        text = str(source)
        if text.isdecimal():
            return cls("camera", text, f"camera {text}")
        if _URL.match(text):
            return cls("url", text, re.sub(r"//[^/@]*@", "//***@", text))
        return cls("file", text, text)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A source that is open, until its container is closed."""

    address: _Address
    container: "InputContainer"
    stream: "VideoStream"


def _open(address: _Address) -> _Opened:
    """The source, opened, and its video stream. Raises ``InputError`` where there is none."""
    try:
        import av
    except ModuleNotFoundError:
        raise InputError(
            "video needs the extra [video]: install it with `pip install 'onlooker[video]'`, or analyze pictures"
        ) from None
    container = None
    try:
        container = _camera(av, address) if address.kind == "camera" else _stream(av, address)
        if not container.streams.video:
            raise InputError(f"{address.shown}: holds no video, only sound or text; name another source")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO" if address.kind == "file" else "SLICE"  # frame threads hold frames back
        if not stream.codec_context.width:
            raise InputError(f"{address.shown}: its video ({stream.codec_context.name}) cannot be decoded; convert it")
    except InputError:
        if container is not None:
            container.close()
        raise
    except Exception as error:  # FFmpeg's errors share no base but Exception with PyAV's own
        if container is not None:
            container.close()
        raise InputError(f"{address.shown}: {_reason(address, error)}") from None
    return _Opened(address, container, stream)


def _stream(av: Any, address: _Address) -> "InputContainer":
    remote = address.kind == "url"
    options = {"protocol_whitelist": _NETWORK if remote else _FILES}
    if address.value.lower().startswith("rtsp"):
        options |= {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}
    timeout = (OPEN_SECONDS, SILENT_SECONDS) if remote else None
    opened: InputContainer = av.open(address.value, options=options, timeout=timeout)
    return opened


def _camera(av: Any, address: _Address) -> "InputContainer":
    """A camera by its number: at 720p and 30 frames a second where it can, as motion JPEG where it must (USB is slow),
    else as it likes."""
    driver, name = _device(av, int(address.value))
    wanted = {"video_size": "1280x720", "framerate": "30"}
    motion_jpeg = [{**wanted, "input_format": "mjpeg"}] if driver == "v4l2" else []
    for options in [*motion_jpeg, wanted]:
        try:
            opened: InputContainer = av.open(
                name, format=driver, options=options, timeout=(OPEN_SECONDS, SILENT_SECONDS)
            )
        except (FileNotFoundError, PermissionError):
            raise
        except (ValueError, OSError):
            continue  # it has no such size or form
        return opened
    opened = av.open(name, format=driver, timeout=(OPEN_SECONDS, SILENT_SECONDS))
    return opened  # noqa: RET504 (mypy is told its type above)


def _device(av: Any, number: int) -> tuple[str, str]:
    """FFmpeg's driver for cameras on this platform, and what it calls a camera."""
    platform: str = sys.platform  # else mypy checks one of them alone
    if platform.startswith("linux"):
        return "v4l2", f"/dev/video{number}"
    if platform == "darwin":
        return "avfoundation", f"{number}:none"
    cameras = [d for d in av.enumerate_input_devices("dshow") if "video" in str(d.media_types).lower()]
    if number >= len(cameras):
        raise InputError(f"camera {number}: there are {len(cameras)} cameras here, counted from 0")
    return "dshow", f"video={cameras[number].name}"


def _reason(address: _Address, error: Exception) -> str:
    """Why a source could not be opened, and what to do."""
    if address.kind == "camera":
        if isinstance(error, FileNotFoundError):
            there = ", ".join(sorted(p.name.removeprefix("video") for p in Path("/dev").glob("video[0-9]*")))
            return f"there is no such camera (cameras here: {there or 'none'}); plug one in, or name a video file"
        if isinstance(error, PermissionError):
            return "no permission to use it; add yourself to the group `video` and log in again"
        return f"cannot be opened ({_said(error)}); another program may be using it"
    if address.kind == "url":
        if isinstance(error, ConnectionRefusedError):
            return "nobody answers at this address (connection refused); check host and port, and that it is running"
        if type(error).__name__ in ("ExitError", "TimeoutError"):
            return f"no answer within {OPEN_SECONDS:.0f} seconds; check the address and the network"
        if type(error).__name__ in ("HTTPUnauthorizedError", "HTTPForbiddenError"):
            return "refused; write user and password into the address: rtsp://user:password@host/path"
        if type(error).__name__ == "HTTPNotFoundError":
            return "there is no such stream on that server (404); check the path"
        if type(error).__name__ == "ProtocolNotFoundError":
            return "no such protocol; write rtsp://, http:// or https://"
        return f"cannot be opened ({_said(error)}); check the host's name and the path"
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path (a camera is named by its number, 0 for the first)"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a video; name one file"
    if isinstance(error, PermissionError):
        return "no permission to read the file; change its rights or run as its owner"
    if type(error).__name__ == "DecoderNotFoundError":
        return "no decoder here knows its codec; convert it to H.264"
    return "not a video in a known format, or damaged; convert it to H.264 in MP4"


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).split(":", maxsplit=1)[0] or type(error).__name__


# Decoding -------------------------------------------------------------------------------------------------------------


def _decoded(opened: _Opened) -> "Iterator[VideoFrame]":
    """Frames as they are decoded; a packet that is damaged is passed over."""
    import av

    for packet in opened.container.demux(opened.stream):
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


def _pixels(frame: "VideoFrame", longest: int) -> Picture8:
    """Upright RGB, its longer side at most ``longest``."""
    scale = min(1.0, longest / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, as numpy turns
    return np.ascontiguousarray(np.rot90(rgb, quarters) if quarters else rgb)


# Files ----------------------------------------------------------------------------------------------------------------


def _recorded(opened: _Opened, loop: bool, pace: bool, longest: int, clock: Clock) -> Iterator[Frame]:
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
                at = max(at, begun + seconds - first)
                if pacer is not None and pacer.late(at):
                    dropped += 1
                    continue
                yield Frame(_pixels(frame, longest), at, number, dropped)
                number, dropped = number + 1, 0
            if first is None:
                raise InputError(f"{opened.address.shown}: no frame of it can be decoded; convert it to H.264 in MP4")
            if not loop:
                return
            begun = at = at + interval
            opened.container.close()
            opened = _open(opened.address)
    finally:
        opened.container.close()


def _timed(opened: _Opened, interval: float) -> "Iterator[tuple[VideoFrame, float]]":
    """Each frame and its time in the file; one without a time follows at the usual interval."""
    import av

    seconds = -interval
    try:
        for frame in _decoded(opened):
            seconds = frame.time if frame.pts is not None else seconds + interval
            yield frame, seconds
    except av.error.FFmpegError as error:
        raise InputError(
            f"{opened.address.shown}: cannot be read beyond {max(0.0, seconds):.1f} s ({_said(error)}); copy it again"
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


# Live sources ---------------------------------------------------------------------------------------------------------


def _live(opened: _Opened, longest: int, told: Told | None, clock: Clock) -> Iterator[Frame]:
    reader = _Reader(opened, clock)
    # Also when the interpreter ends with the generator still open: a thread inside FFmpeg must not outlive it.
    release = weakref.finalize(reader, _Reader.release, reader.stopping, reader.thread)
    number = 0
    start: float | None = None
    try:
        while True:
            newest = reader.newest(told)
            start = newest.arrived if start is None else start
            yield Frame(_pixels(newest.frame, longest), newest.arrived - start, number, newest.dropped)
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

    def __init__(self, opened: _Opened, clock: Clock) -> None:
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
            thread.join(SILENT_SECONDS + 1)


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


def _read(opened: _Opened, clock: Clock, shared: _Shared, stopping: threading.Event) -> None:
    """The thread's work: read until told to stop, and open the source again whenever it is lost."""
    address, source = opened.address, opened
    attempt = 0
    try:
        while True:
            why = "it ended"
            try:
                for frame in _decoded(source):
                    if stopping.is_set():
                        return
                    if attempt:
                        shared.say(Event("back", f"{address.shown}: is back"))
                        attempt = 0
                    shared.put(frame, clock.now())
            except Exception as error:  # whatever FFmpeg raises, the source is lost
                silent = type(error).__name__ in ("ExitError", "TimeoutError")
                why = f"nothing came for {SILENT_SECONDS:.0f} seconds" if silent else _said(error)
            if not attempt:
                shared.say(Event("lost", f"{address.shown}: lost, {why}; it is opened again"))
            again = None
            while again is None:
                source.container.close()
                if stopping.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]):
                    return
                attempt += 1
                try:
                    again = _open(address)
                except InputError as error:
                    shared.say(Event("failed", str(error)))
            source = again
    finally:
        source.container.close()
