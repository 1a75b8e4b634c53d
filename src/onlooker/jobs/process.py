"""The worker process: the one place where pictures meet the decoder and the model.

It talks in frames over its standard input and output: four bytes with the length of a line of JSON, the line, and as
many bytes more as its ``size`` says. What comes in are pictures to answer at once; beside them it takes tasks from the
queue, if it was given one. It ends when its standard input does, so that none is left behind by a parent that died.
"""

import contextlib
import ctypes
import gc
import json
import logging
import os
import signal
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from onlooker.core.dumps import forbid_dumps
from onlooker.core.errors import OnlookerError

log = logging.getLogger(__name__)

HUNG = 70
"""Exit code of a worker that gave itself up over a picture that hangs."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process is started with: the addresses it takes tasks from (or none), and its limits."""

    store: str | None = None
    queue: str | None = None
    threads: int = 1
    lease: float = 30.0
    patience: float = 60.0
    keep_hours: float = 24.0
    detector: str = "auto"
    model: str | None = None
    min_face: float = 24.0
    max_faces: int = 100
    max_pixels: int = 120_000_000
    log_level: str = "WARNING"


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame's line and bytes, or None at the end."""
    length = stream.read(4)
    if len(length) < 4:
        return None
    line = json.loads(stream.read(struct.unpack("<I", length)[0]))
    return line, stream.read(line.get("size", 0))


def frame(line: dict[str, Any], data: bytes = b"") -> bytes:
    """A frame of a line and its bytes."""
    encoded = json.dumps({**line, "size": len(data)}).encode()
    return struct.pack("<I", len(encoded)) + encoded + data


class _Answers:
    """Pictures that came over the pipe, answered on the gate's slots."""

    def __init__(self, task: Task, out: BinaryIO) -> None:
        from onlooker.analyzer import Analyzer
        from onlooker.jobs.worker import Gate

        self.gate = Gate(task.threads)
        self.analyzer = Analyzer(
            task.detector,
            Path(task.model) if task.model else None,
            min_face=task.min_face,
            max_pixels=task.max_pixels,
            max_faces=task.max_faces,
            workers=1,
        )
        card = getattr(self.analyzer.estimator, "card", None)
        self.model: str = card.name if card else ""
        self._out = out
        self._lock = threading.Lock()
        self._since: dict[int, float] = {}
        self._patience = task.patience

    def task(self, data: bytes, name: str, confidence: float | None) -> Any:
        """The analysis of a picture that came as a task of the queue. The parent is told that there was one, to count
        it."""
        analysis = self.analyzer.analyze(data, name, confidence)
        told = {"faces": len(analysis.faces), "unreadable": analysis.error is not None, "timings": analysis.timings}
        with contextlib.suppress(OSError):  # a parent that is gone does not keep the task from being answered
            self.say({"task": True, **told})
        return analysis

    def say(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(frame(line))
            self._out.flush()

    def one(self, line: dict[str, Any], data: bytes) -> None:
        asked = time.monotonic()
        with self.gate.turn(alone=line.get("alone", False)):
            self._since[line["id"]] = begun = time.monotonic()
            try:
                analysis = self.analyzer.analyze(data, line["name"], line.get("confidence"))
                timings = {"queue": begun - asked, **analysis.timings}
                self.say({"id": line["id"], "analysis": analysis.to_dict(), "timings": timings})
            except Exception:
                log.exception("a fault in reading a picture")
                self.say({"id": line["id"], "fault": True})
            finally:
                del self._since[line["id"]]

    def watch(self) -> None:
        """Notice what hangs; and when nothing is left to do, give back the memory that was used for it."""
        trimmed = 0
        while True:
            time.sleep(min(1.0, self._patience / 4))
            if trimmed != self.gate.turns and not self.gate.busy:
                trimmed = self.gate.turns
                _trim()
            if any(time.monotonic() - since > self._patience for since in list(self._since.values())):
                log.error("a picture has taken over %.0f s; this worker is given up", self._patience)
                os._exit(HUNG)


def main() -> None:
    """Run a worker process; its ``Task`` is the only argument, as JSON."""
    forbid_dumps()
    task = msgspec.json.decode(sys.argv[1], type=Task)
    logging.basicConfig(level=task.log_level, stream=sys.stderr, format="%(message)s")
    # A terminal and a service manager send these to all of a server's processes; the parent says when to end.
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, signal.SIG_IGN)
    # Whatever prints, by mistake, must not get into the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    stop = threading.Event()
    try:
        answers = _Answers(task, out)
        worker = _queue_worker(task, answers, stop)
    except OnlookerError as error:
        out.write(frame({"error": str(error), "code": error.exit_code}))
        out.flush()
        return
    working = threading.Thread(target=worker.run) if worker else None
    try:
        answers.say({"ready": True, "model": answers.model, "pid": os.getpid()})
        if working:
            working.start()
        threading.Thread(target=answers.watch, daemon=True).start()
        with ThreadPoolExecutor(task.threads, thread_name_prefix="answer") as pool:
            while (found := read_frame(sys.stdin.buffer)) is not None:
                pool.submit(answers.one, *found)
    except BrokenPipeError:  # the parent is gone already
        pass
    finally:
        stop.set()
    if working and working.ident:
        working.join()


def _trim() -> None:
    """Have the C library return what it holds in reserve, where it is glibc."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _queue_worker(task: Task, answers: _Answers, stop: threading.Event) -> Any:
    if task.store is None or task.queue is None:
        return None
    from datetime import timedelta

    from onlooker.jobs.objects import open_store
    from onlooker.jobs.queues import open_queue
    from onlooker.jobs.worker import Worker

    return Worker(
        open_store(task.store),
        open_queue(task.queue),
        answers.task,
        gate=answers.gate,
        stop=stop,
        threads=task.threads,
        lease=task.lease,
        patience=task.patience,
        hung=lambda: os._exit(HUNG),
        keep=timedelta(hours=task.keep_hours),
    )


if __name__ == "__main__":
    main()
