"""How soon a screen takes somebody into account, and what it needs over a day.

    python benchmarks/display.py [--detector NAME] [--rounds 15] [--hours 12]

**Reaction.** A network camera of 720p and 30 frames a second (motion JPEG, from a process of its own) shows nobody, and
then three people at once. The display's own camera process follows them, the server's end hears of them, and the
chooser is asked, at every word of it, what it would play at the end of the slot. Measured is from the moment the first
picture with the three leaves the camera until a decision has been made that counts all three by their ages. An advert
is played to its end, so what is on the screen follows at the end of its slot; it is this decision that would be taken
then, and an advert for adults is stopped by it at once.

**Hours.** The camera's work on frames, its messages, the screen, the ledger and a page that asks and reports, all under
a clock that is moved by hand; two frames a second of a crowd that comes and goes.
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
from crowd import Crowd, Guess, resident, stage
from PIL import Image

from onlooker.audience.ledger import Ledger
from onlooker.cli.display import demo_campaign
from onlooker.detection.choose import choose_detector
from onlooker.media.overlay import to_jpeg
from onlooker.media.scene import Scene
from onlooker.media.video import Frame
from onlooker.service.display.camera import Watch, Wire
from onlooker.service.display.content import Content
from onlooker.service.display.gate import Gate
from onlooker.service.display.keeper import Camera
from onlooker.service.display.messages import Present, Task, unpacked
from onlooker.service.display.plays import Reported
from onlooker.service.display.screen import Clock, Screen
from onlooker.service.display.studio import Studio
from onlooker.service.security import KeyFile
from onlooker.settings import Display
from onlooker.watcher import Watcher

RATE = 30
EMPTY, THERE = 50, 90
"""Frames of nobody, one more each round so that people come at every moment of the watcher's rhythm, and of three."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--hours", type=float, default=12.0)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} programs waiting for one before this began")
    if options.rounds:
        asyncio.run(reaction(options.detector, options.rounds))
    if options.hours:
        asyncio.run(hours(options.hours))


# Reaction -------------------------------------------------------------------------------------------------------------


def film(port: int, rounds: int, appeared: "multiprocessing.Queue[float]") -> None:
    """A network camera: rounds of nobody and of three people, to whoever connects. ``appeared`` is given the moment at
    which the first picture of the three leaves it."""
    scene, wall = stage(), Scene(1280, 720, [])
    empty = [to_jpeg(Image.fromarray(wall.frame(k / RATE))) for k in range(10)]
    full = [to_jpeg(Image.fromarray(scene.frame(4 + k / RATE))) for k in range(THERE)]
    with socket.create_server(("127.0.0.1", port)) as server:
        appeared.put(0.0)
        wire, _ = server.accept()
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.recv(4096)
        wire.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        due = time.monotonic()
        for round_ in range(rounds + 1):
            shown = [(False, empty[k % 10]) for k in range(EMPTY + round_)] + [(True, each) for each in full]
            for k, (there, jpeg) in enumerate(shown):
                due += 1 / RATE
                time.sleep(max(0.0, due - time.monotonic()))
                # The first round is for the programs to warm up in.
                if there and round_ and k == EMPTY + round_:
                    appeared.put(time.monotonic())
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                with suppress(OSError):  # whoever looked has seen enough
                    wire.sendall(head + jpeg + b"\r\n")
        wire.close()


@dataclass
class Audience:
    """The screen as it hears of people, and when a decision first counted all three by their ages."""

    screen: Screen
    rates: list[float] = field(default_factory=list)
    counted: float = np.inf

    def heard(self, present: Present) -> None:
        """A word of the camera's process: it is put before the chooser at once."""
        self.screen.see(present)
        decision = self.screen.ahead()
        assert decision is not None
        if len(self.screen.audience().viewers) == 3:
            self.rates.append(present.rate)
            self.counted = min(self.counted, time.monotonic())


async def reaction(detector: str, rounds: int) -> None:
    """From a face in the picture to the decision that counts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    spawn = multiprocessing.get_context("spawn")
    appeared: multiprocessing.Queue[float] = spawn.Queue()
    filming = spawn.Process(target=film, args=(port, rounds, appeared), daemon=True)
    filming.start()
    appeared.get()
    people = Audience(Screen(Content(demo_campaign()), Display()))
    people.screen.decide("benchmark", ends_in=0.0)
    print(choose_detector(detector).name)
    camera = Camera(Task(f"http://127.0.0.1:{port}/", detector=detector), people.heard)
    camera.start()
    took = list[float]()
    begun, busy = time.monotonic(), 0.0
    while len(took) < rounds:
        moment = await asyncio.to_thread(appeared.get, timeout=120)
        if not took:
            begun, busy = time.monotonic(), processor(camera)
        people.counted = np.inf
        await asyncio.sleep(2.5)
        took.append(people.counted - moment)
    share = (processor(camera) - busy) / (time.monotonic() - begun)
    await camera.stop()
    filming.terminate()
    settled = people.rates[len(people.rates) // 4 :]
    print(
        f"720p at {RATE} a second, three faces: {statistics.median(settled):.1f} frames tracked a second (median), "
        f"{np.quantile(settled, 0.05):.1f} in the worst twentieth of the time; the camera's process had {share:.0%} of "
        "one core"
    )
    print(
        f"three people appear at once, until a decision counts all three by their ages: "
        f"{1000 * statistics.median(took):.0f} ms (median), {1000 * max(took):.0f} ms (worst of {len(took)})"
    )


def processor(camera: Camera) -> float:
    """Seconds of processor time that the camera's process has had."""
    fields = Path(f"/proc/{camera.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Hours ----------------------------------------------------------------------------------------------------------------


class Heard(RawIOBase):
    """The pipe's other end, within the program."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, data: Any) -> int:
        """A message of the camera's."""
        message = unpacked(bytes(data[4:]))
        if isinstance(message, Present):
            self._screen.see(message)
        return len(data)


async def hours(many: float) -> None:
    """A day's work as fast as it can be done, and what it leaves in memory."""
    begin, at = datetime(2026, 3, 2, 8, tzinfo=UTC), 0.0
    clock = Clock(lambda: begin + timedelta(seconds=at), lambda: at)
    with TemporaryDirectory() as folder:
        screen = Screen(Content(demo_campaign()), Display(), clock=clock, rng=np.random.default_rng(0))
        ledger = Ledger(str(Path(folder) / "ledger.sqlite"))
        gate = Gate(KeyFile(Path(folder) / "keys.json"), required=False)
        camera = Camera(Task("crowd"), screen.see)
        studio = Studio(screen.settings, screen, camera, ledger, gate, "", Path(folder) / "paused")
        crowd = Crowd()
        watcher = Watcher(crowd, Guess(), search_every=0.0)
        watch = Watch(Task("crowd", every=0.0), Wire(cast("Any", Heard(screen))))
        pixels = np.zeros((360, 640, 3), dtype=np.uint8)
        held, ends, plays, began = [], 0.0, 0, time.perf_counter()

        def one(number: int) -> Iterator[Frame]:
            yield Frame(pixels, at, number)

        for number in range(round(many * 7200)):
            crowd.at = at = number / 2
            watch.run(one(number), watcher)
            if at >= ends:
                slot = screen.decide(f"benchmark-{plays:08}", ends_in=0.0)
                plays, ends = plays + 1, at + slot.decision.slot_s
                report(screen, ledger, slot.id, slot.decision.advert.id, slot.decision.slot_s)
            if number % 120 == 0:
                await studio.count()
            if number % 1800 == 900:
                held.append(resident())
        visits, _ = ledger.totals(screen.id, begin, begin + timedelta(days=2))
        took = time.perf_counter() - began
    print(
        f"{many:g} hours simulated in {took:.0f} s, {plays:,} plays, {visits:,.0f} visits: {held[0]:.0f} MB after some "
        f"minutes, {held[len(held) // 2]:.0f} MB half way, {held[-1]:.0f} MB in the end"
    )


def report(screen: Screen, ledger: Ledger, play: str, advert: str, slot: float) -> None:
    """The page's word that a play is over, to the ledger."""
    now = screen.clock.now()
    ms = round(slot * 1000)
    told = Reported(play, advert, "demo", now, now + timedelta(seconds=slot), ms, ms)
    ledger.add_plays(screen.reported([told]))


if __name__ == "__main__":
    main()
