"""Video in: frames of a camera, a stream, or a file, one at a time, in memory, and nothing left open behind them.

FFmpeg decodes, by PyAV (the extra ``[video]``). A file is read frame by frame. A live source is read by a thread that
keeps the newest frame alone, so that whoever is slow sees the present and not a queue of the past; where it falls
silent it is opened again, at growing distances, for as long as anyone asks for frames.
"""

from collections.abc import Callable, Generator, Iterator

from onlooker.media.video.address import Address, Source
from onlooker.media.video.frame import Clock, Event, Frame, Told
from onlooker.media.video.live import live_frames, patiently
from onlooker.media.video.recorded import recorded_frames
from onlooker.media.video.source import open_source

__all__ = ["LONGEST", "NAMED", "Clock", "Event", "Frame", "Source", "Told", "frames"]

LONGEST = 1920
"""Pixels of a frame's longer side; what a source sends beyond that is shrunk as it is converted."""

NAMED: dict[str, Callable[[Clock], Iterator[Frame]]] = {}
"""Sources that go by a name and need no decoder; each is called for its frames."""


def frames(
    source: Source,
    *,
    loop: bool = False,
    pace: bool = False,
    wait: bool = False,
    longest: int = LONGEST,
    told: Told | None = None,
    clock: Clock | None = None,
) -> Generator[Frame, None, None]:
    """The frames of a source, as they are asked for.

    source   a camera's number, an address (rtsp://, http:// ...), a video file or a GIF, or a name of ``NAMED``
    loop     a file starts again at its end
    pace     a file is played at its own pace, and frames that nobody was ready for are passed over, as from a camera;
             else every frame comes, as fast as it can be had
    wait     an address at which nobody answers yet is tried again until somebody does
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
    address = Address.of(source)
    opened = patiently(address, told, clock) if wait else open_source(address)
    if told:
        told(Event("opened", f"{address.shown}: {opened.stream.width} x {opened.stream.height}"))
    if address.kind == "camera" or (address.kind == "url" and not opened.container.duration):
        yield from live_frames(opened, longest, told, clock)
    else:
        yield from recorded_frames(opened, loop, pace, longest, clock)
