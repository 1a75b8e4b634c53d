"""The server's end of the camera: starts its process, hears it, and replaces it when it crashes, hangs or talks
nonsense."""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Literal

import msgspec

from onlooker.service.display.messages import (
    Alive,
    Picture,
    Present,
    Source,
    Task,
    Wanted,
    length,
    packed,
    unpacked,
)

log = logging.getLogger(__name__)

State = Literal["off", "starting", "seeing", "paused", "lost", "ended"]

SILENT = 6.0
"""Seconds without a word after which a process is taken for frozen, and ended."""

STALE = 4.0
"""Seconds without a sight after which nobody is taken to stand in front."""

LONGEST_PAUSE = 15.0
"""Seconds between two starts at most."""


OFF = "the camera is switched off"

COMMAND = (sys.executable, "-m", "onlooker.service.display.camera")
"""Runs a camera's process, given its ``Task`` as one more argument."""


class Camera:
    """A camera's process, kept running from ``start`` to ``stop``; either may follow the other any number of times.

    heard  called with each ``Present``, on the event loop
    command  runs the process, which is given its ``Task`` as a last argument
    """

    def __init__(
        self,
        task: Task,
        heard: Callable[[Present], None],
        *,
        silent: float = SILENT,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.task, self._heard, self._silent, self._command = task, heard, silent, command
        self.restarts = 0
        self._state: State = "off"  # a pause does not change it: what is lost meanwhile is lost afterwards too
        self._text = OFF
        self._wanted = Wanted()
        self._running: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._viewers: set[asyncio.Queue[bytes | None]] = set()
        self._seen = 0.0
        self._explained = False

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._running.pid if self._running else None

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._keeper is not None

    @property
    def looks(self) -> bool:
        """Whether it is to look at all, whatever state it is in."""
        return self._wanted.look

    @property
    def state(self) -> State:
        """What it does now; while it is not to look, that it is paused and nothing else."""
        return self._state if self.looks else "paused"

    @property
    def text(self) -> str:
        """Its state in a sentence for the operator; of a pause, with what is wrong meanwhile."""
        if self.looks:
            return self._text
        return f"looking is paused; {self._text}" if self._state in ("lost", "ended") else "looking is paused"

    @property
    def sees(self) -> bool:
        """Whether what it said last is of now."""
        fresh = asyncio.get_running_loop().time() - self._seen < STALE
        return self.state == "seeing" and fresh

    def start(self) -> None:
        """Start the process, unless it runs; it is heard of when it sees something."""
        if self.running:
            return
        self._state, self._text, self._end = "starting", "the camera is being opened", asyncio.Event()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the process, and with it what its viewers are shown."""
        self._end.set()
        for viewer in self._viewers:
            _offer(viewer, None)
        if self._running and self._running.stdin:
            self._running.stdin.close()
        if (keeper := self._keeper) is None:
            return
        await asyncio.wait([keeper], timeout=3)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        if self._keeper is keeper:
            self._keeper = self._running = None
            self._state, self._text = "off", OFF

    def look(self, wanted: bool) -> None:
        """Have the camera look, or not look at all."""
        if self.looks == wanted:
            return
        self._want(msgspec.structs.replace(self._wanted, look=wanted))
        if self._state == "seeing":  # which it was before the pause
            self._state, self._text = "starting", "looking begins again"

    async def pictures(self) -> AsyncIterator[bytes]:
        """JPEGs of what it sees, as long as somebody asks for the next; whoever is slow misses some."""
        viewer: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        with self._viewing(viewer):
            while (picture := await viewer.get()) is not None:
                yield picture

    @contextlib.contextmanager
    def _viewing(self, viewer: asyncio.Queue[bytes | None]) -> Iterator[None]:
        self._viewers.add(viewer)
        self._want(msgspec.structs.replace(self._wanted, show=True))
        try:
            yield
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._want(msgspec.structs.replace(self._wanted, show=False))

    def _want(self, wanted: Wanted) -> None:
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._tell()

    def _tell(self) -> None:
        if self._running and self._running.stdin and not self._running.stdin.is_closing():
            self._running.stdin.write(packed(self._wanted))

    async def _keep(self) -> None:
        """Keep the process running; one that ends is replaced, later each time if it ends at once."""
        loop, pause = asyncio.get_running_loop(), 0.1
        while not self._end.is_set():
            begun = loop.time()
            self._running = running = await asyncio.create_subprocess_exec(
                *self._command,
                msgspec.json.encode(self.task).decode(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"MALLOC_ARENA_MAX": "1", **os.environ},
            )
            self._explained = False
            try:
                self._tell()
                await self._listen(running)
                code = await running.wait()
            finally:
                # Also where this task is cancelled, or where what was heard was nonsense.
                if running.returncode is None:
                    running.kill()
                    await running.wait()
            if self._end.is_set():
                return
            self.restarts += 1
            if not self._explained:
                self._state, self._text = "lost", "the camera's process ended; it is started again"
            log.error(json.dumps({"event": "camera lost", "pid": running.pid, "code": code, "again_in": pause}))
            pause = 0.1 if loop.time() - begun > 20 else min(LONGEST_PAUSE, pause * 2)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), pause)

    async def _listen(self, running: asyncio.subprocess.Process) -> None:
        """Hear a process until it ends; one that is silent for too long, or not to be understood, is ended."""
        assert running.stdout is not None
        read = running.stdout.readexactly
        try:
            while True:
                async with asyncio.timeout(self._silent):
                    message = unpacked(await read(length(await read(4))))
                    data = await read(message.size) if isinstance(message, Picture) else b""
                self._take(message, data)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except TimeoutError:
            self._give_up(running, "said nothing for too long")
        except (ValueError, msgspec.MsgspecError):
            # What it said is left out: nobody knows what it is.
            self._give_up(running, "said what no camera says")

    def _give_up(self, running: asyncio.subprocess.Process, why: str) -> None:
        log.error(json.dumps({"event": "camera ended", "pid": running.pid, "why": why}))
        self._explained = True
        self._state, self._text = "lost", f"the camera's process {why}; it is started again"
        with contextlib.suppress(ProcessLookupError):
            running.kill()

    def _take(self, message: Present | Source | Alive | Picture, data: bytes) -> None:
        if isinstance(message, Present):
            if not self._wanted.look:  # said before it heard that looking is paused
                return
            self._state, self._text = "seeing", "the camera sees"
            self._seen = asyncio.get_running_loop().time()
            self._heard(message)
        elif isinstance(message, Picture):
            if self._wanted.look:
                for viewer in self._viewers:
                    _offer(viewer, data)
        elif isinstance(message, Source):
            log.warning(json.dumps({"event": "camera", "kind": message.kind, "text": message.text}))
            if message.kind in ("lost", "failed", "refused"):
                self._state, self._text = "lost", message.text
                self._explained = message.kind == "refused"
            elif message.kind == "ended":
                self._state, self._text = "ended", message.text
            else:
                # In a pause nothing is seen that would say so.
                self._state, self._text = "starting", message.text


def _offer(viewer: asyncio.Queue[bytes | None], picture: bytes | None) -> None:
    """Put a picture before a viewer, in the place of one that was not fetched."""
    with contextlib.suppress(asyncio.QueueEmpty):
        viewer.get_nowait()
    viewer.put_nowait(picture)
