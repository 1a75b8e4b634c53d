"""The camera's process: video in, numbers out. It may crash or hang; the server goes on, and starts another.

It ends when its standard input does, so that none is left behind by a parent that died.
"""

import logging
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from onlooker.core.dumps import forbid_dumps
from onlooker.core.errors import OnlookerError
from onlooker.service.display.messages import Alive, Face, Known, Picture, Present, Source, Task, Wanted, packed

if TYPE_CHECKING:
    from onlooker.core.faces import Picture8
    from onlooker.media.video import Event, Frame
    from onlooker.watcher import Sight, Watched, Watcher

HUNG = 70
"""Exit code of a process that gave itself up over a frame that hangs."""

SHOW_EVERY, SHOWN_WIDTH = 0.12, 960
"""Seconds between pictures for the operator's page, and their width in pixels."""

ALIVE_EVERY = 0.5

log = logging.getLogger(__name__)


class Wire:
    """The pipe to the server; a server that is gone ends the process."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def say(self, message: msgspec.Struct, data: bytes = b"") -> None:
        """Send a message."""
        try:
            with self._lock:
                self._out.write(packed(message, data))
                self._out.flush()
        except OSError:
            os._exit(0)


class Watch:
    """One run over a stream of frames."""

    def __init__(self, task: Task, wire: Wire) -> None:
        self._task, self._wire = task, wire
        self.wanted = Wanted()
        self.busy_since: float | None = None
        self._ids: frozenset[str] = frozenset()
        self._due, self._show_due = 0.0, 0.0
        self._rate, self._last = 0.0, 0.0

    def run(self, frames: "Iterator[Frame]", watcher: "Watcher") -> None:
        """Look at every frame, while looking is wanted."""
        for frame in frames:
            if not self.wanted.look:
                self._ids = frozenset()
                continue
            self.busy_since = time.monotonic()
            sight = watcher.see(frame)
            self._say(sight, frame)
            if self.wanted.show:
                self._show(frame.pixels, frame.at)
            self.busy_since = None

    def told(self, event: "Event") -> None:
        """Something befell the source."""
        self._wire.say(Source(event.kind, event.text))

    def _say(self, sight: "Sight", frame: "Frame") -> None:
        elapsed, self._last = sight.at - self._last, sight.at
        if elapsed > 0:
            self._rate += 0.05 * (min(240.0, 1 / elapsed) - self._rate)
        ids = frozenset(face.id for face in sight.faces)
        if sight.at < self._due and ids == self._ids:
            return
        self._ids, self._due = ids, sight.at + self._task.every
        height, width = frame.pixels.shape[:2]
        faces = [said_of(face, at=sight.at) for face in sight.faces]
        self._wire.say(Present(round(sight.at, 3), width, height, round(self._rate, 1), faces))

    def _show(self, pixels: "Picture8", at: float) -> None:
        if at < self._show_due:
            return
        self._show_due = at + SHOW_EVERY
        from PIL import Image

        from onlooker.media.overlay import to_jpeg

        image = Image.fromarray(pixels)
        image.thumbnail((SHOWN_WIDTH, SHOWN_WIDTH), Image.Resampling.BILINEAR)
        data = to_jpeg(image, quality=72)
        self._wire.say(Picture(len(data)), data)


def said_of(face: "Watched", *, at: float) -> Face:
    """What the server is told of a face."""
    known = None
    if (fused := face.fused) is not None:
        ages = tuple(round(max(0.0, p), 6) for p in fused.age_distribution.tolist())
        age, low, high = (round(value, 2) for value in (fused.age, fused.age_low, fused.age_high))
        known = Known(ages, age, low, high, round(fused.p_female, 4), fused.gender, fused.views)
    x1, y1, x2, y2 = (round(value, 1) for value in face.box)
    return Face(face.id, (x1, y1, x2, y2), face.facing, face.seen == at, round(face.since, 3), known)


def main() -> None:
    """Run a camera's process; its ``Task`` is the only argument, as JSON."""
    forbid_dumps()
    task = msgspec.json.decode(sys.argv[1], type=Task)
    logging.basicConfig(level=task.log_level, stream=sys.stderr, format="%(message)s")
    # A terminal and a service manager send these to all of a display's processes; the parent says when to end.
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, signal.SIG_IGN)
    # Whatever prints, by mistake, must not get into the messages.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    wire = Wire(out)
    watch = Watch(task, wire)
    threading.Thread(target=_beat, args=(watch, wire, task.patience), daemon=True).start()
    threading.Thread(target=_listen, args=(watch,), daemon=True).start()
    try:
        watcher = _watcher(task)
        from onlooker.media.demo import register
        from onlooker.media.video import frames

        register()
        source = task.source
        watch.run(frames(source, loop=task.loop, pace=True, wait=True, told=watch.told), watcher)
        wire.say(Source("ended", f"{task.shown}: has ended; with --loop it begins again"))
    except OnlookerError as error:
        wire.say(Source("refused", str(error)))
        os._exit(error.exit_code)  # at an orderly end Python would wait for the thread that reads, and abort
    threading.Event().wait()  # for the server to close the pipe


def _watcher(task: Task) -> "Watcher":
    from pathlib import Path

    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.detection.choose import choose_detector
    from onlooker.watcher import Watcher

    estimator = FaceEstimator(Path(task.model) if task.model else None) if task.demographics else None
    return Watcher(choose_detector(task.detector), estimator, min_face=task.min_face)


def _listen(watch: Watch) -> None:
    """Take what the server wants, until it closes the pipe: then end, whatever the stream is waiting for."""
    stream = sys.stdin.buffer
    while len(head := stream.read(4)) == 4:
        watch.wanted = msgspec.json.decode(stream.read(struct.unpack("<I", head)[0]), type=Wanted)
    os._exit(0)


def _beat(watch: Watch, wire: Wire, patience: float) -> None:
    """Say that the process runs, and end it where a frame hangs."""
    while True:
        since = watch.busy_since
        if since is not None and time.monotonic() - since > patience:
            log.error("a frame has taken over %.0f s; the camera's process is given up", patience)
            os._exit(HUNG)
        wire.say(Alive())
        time.sleep(ALIVE_EVERY)


if __name__ == "__main__":
    main()
