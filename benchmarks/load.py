"""How many pictures a second does the server hold, and what happens past that?

``python benchmarks/load.py`` starts a server, sends ``/v1/analyze`` pictures at a steady rate from this same machine
(open loop: a late answer delays no later request), and raises the rate while all are answered and none waits ever
longer. Then it sends three times that, looks at the refusals and at the memory, and sends a rate that it can hold
again. Bounded, and to the loopback address only.
"""

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parent.parent / "samples"
CONNECTIONS = 128


def crop() -> bytes:
    """A face crop, 200 pixels a side."""
    return _jpeg(Image.open(SAMPLES / "grace_hopper.jpg").convert("RGB").crop((120, 20, 400, 300)).resize((200, 200)))


def photograph() -> bytes:
    """A picture of 1280 x 720 with five faces."""
    return _jpeg(Image.open(SAMPLES / "group.jpg").convert("RGB").crop((0, 40, 1280, 760)))


def _jpeg(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


@dataclass(slots=True)
class Run:
    """What became of the requests of one run: statuses, and the seconds of the answered and of the refused ones."""

    statuses: Counter[int] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    unhelpful: int = 0

    def quantile(self, share: float, *, refused: bool = False) -> float:
        values = sorted(self.refused if refused else self.answered)
        return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)] if values else math.nan


class Client:
    """A few kept connections that send one request each at a time."""

    def __init__(self, port: int, data: bytes) -> None:
        self._port = port
        head = (
            f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._request = head.encode() + data
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._limit = asyncio.Semaphore(CONNECTIONS)

    async def one(self, run: Run) -> None:
        due = time.perf_counter()
        async with self._limit:
            while True:
                kept = bool(self._idle)
                connection = self._idle.pop() if kept else await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = connection
                writer.write(self._request)
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    break
                except (asyncio.IncompleteReadError, ConnectionError):
                    if not kept:  # one that was kept may have been closed for idleness
                        raise
            lines = head.decode().lower().split("\r\n")
            status = int(lines[0].split()[1])
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            await reader.readexactly(int(headers.get("content-length", "0")))
            self._idle.append((reader, writer))
        seconds = time.perf_counter() - due
        run.statuses[status] += 1
        (run.answered if status == 200 else run.refused).append(seconds)
        run.unhelpful += status in (429, 503) and "retry-after" not in headers

    async def at(self, rate: float, seconds: float) -> Run:
        """Requests at a steady rate for some seconds, and what became of all of them."""
        run, begun = Run(), time.perf_counter()
        tasks = []
        for n in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + n / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(self.one(run)))
        await asyncio.gather(*tasks)
        return run

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


def memory(pid: int) -> float:
    """Megabytes that a process and its children have resident."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in [str(pid), *children])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(port: int, pid: int, data: bytes, first: float, seconds: float) -> dict[str, object]:
    client = Client(port, data)
    await client.at(first, 2)
    held, at_held, rate = 0.0, Run(), first
    while True:
        run = await client.at(rate, seconds)
        p50, p99 = run.quantile(0.5), run.quantile(0.99)
        print(f"  {rate:6.1f}/s: {dict(run.statuses)}, p50 {p50:.3f} s, p99 {p99:.3f} s", file=sys.stderr)
        if set(run.statuses) != {200}:
            break
        held, at_held, rate = rate, run, rate * 1.15
    before = memory(pid)
    flood = await client.at(3 * max(held, first), seconds)
    during = memory(pid)
    await asyncio.sleep(3)
    again = await client.at(0.8 * max(held, first / 2), seconds)
    await asyncio.sleep(3)
    await client.close()
    good = len(flood.answered)
    return {
        "held a second": round(held, 1),
        "p50 ms": round(1000 * at_held.quantile(0.5)),
        "p99 ms": round(1000 * at_held.quantile(0.99)),
        "at three times that": {
            "statuses": dict(flood.statuses),
            "still answered a second": round(good / seconds, 1),
            "p99 ms of the answered": round(1000 * flood.quantile(0.99)),
            "p50 ms, p99 ms of a refusal": [round(1000 * flood.quantile(q, refused=True)) for q in (0.5, 0.99)],
            "refusals without Retry-After": flood.unhelpful,
            "memory MB before, after": [round(before), round(during)],
        },
        "afterwards": dict(again.statuses),
        "memory MB after a rest": round(memory(pid)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        environment = {
            **os.environ,
            "ONLOOKER_PORT": "0",
            "ONLOOKER_STORE": (Path(name) / "pictures").as_uri(),
            "ONLOOKER_QUEUE": f"sqlite://{name}/tasks.sqlite",
            "ONLOOKER_LIMITS_RATE": "0",
            "ONLOOKER_LOG": "error",
        }
        command = [sys.executable, "-m", "onlooker.cli.main", "serve"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline().split("  ")[0].rpartition(":")[2])
                for what, data, first in (
                    ("200 px crops", crop(), 20.0),
                    ("1280 x 720, five faces", photograph(), 2.0),
                ):
                    print(what, file=sys.stderr)
                    report = asyncio.run(measure(port, server.pid, data, first, options.seconds))
                    print(json.dumps({"pictures": what, **report}, indent=1))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
