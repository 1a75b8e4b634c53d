"""Are all pictures answered, and each once, while workers are killed at random?

``python benchmarks/kills.py`` sends jobs to a folder and a SQLite queue, runs workers as ``onlooker worker`` does,
kills their processes (the one that reads, or the one that watches over it) with SIGKILL, and counts answers.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

from PIL import Image

from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs
from onlooker.jobs.sqlite import SqliteQueue

SAMPLE = Path(__file__).parent.parent / "samples" / "grace_hopper.jpg"
LEASE = 2.0


def start(folder: Path) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "ONLOOKER_STORE": (folder / "pictures").as_uri(),
        "ONLOOKER_QUEUE": f"sqlite://{folder}/tasks.sqlite",
        "ONLOOKER_LEASE": str(LEASE),
        "ONLOOKER_THREADS": "1",
    }
    with (folder / "log").open("ab") as log:
        command = [sys.executable, "-m", "onlooker.cli.main", "worker"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)


def children(pid: int) -> list[int]:
    """Process ids of a process's children (Linux)."""
    text = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in text.read_text().split()] if text.exists() else []


def crop() -> bytes:
    """A face of some 200 pixels."""
    file = BytesIO()
    with Image.open(SAMPLE) as image:
        image.crop((120, 20, 400, 300)).resize((200, 200)).save(file, "JPEG", quality=90)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=1.0, help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, data = random.Random(options.seed), crop()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, queue = FolderStore(folder / "pictures"), SqliteQueue(folder / "tasks.sqlite")
        jobs = Jobs(store, queue)
        sent = [jobs.submit(data, f"{n}.jpg", JobOptions()).id for n in range(options.jobs)]
        workers = [start(folder) for _ in range(options.workers)]
        killed: Counter[str] = Counter()
        begun = time.monotonic()
        try:
            while (done := sum(1 for _ in store.list("out/"))) < options.jobs:
                time.sleep(rng.expovariate(1 / options.every))
                n = rng.randrange(len(workers))
                readers = children(workers[n].pid)
                if readers and rng.random() < 0.7:
                    os.kill(readers[0], signal.SIGKILL)
                    killed["worker process"] += 1
                else:
                    workers[n].kill()
                    workers[n].wait()
                    workers[n] = start(folder)
                    killed["supervisor"] += 1
                print(f"\r{done} of {options.jobs} answered, {killed.total()} killed", end="", file=sys.stderr)
            # What was killed after its answer was written comes once more, and finds it there.
            while sum(queue.depth()) and time.monotonic() - begun < 600:
                time.sleep(0.2)
        finally:
            print(file=sys.stderr)
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
        states = Counter(job.status if (job := jobs.find(each)) else "lost" for each in sent)
        lines = [line for line in (folder / "log").read_text("utf-8", "replace").splitlines() if line.startswith("{")]
        events = [record for record in map(json.loads, lines) if record["event"] == "task"]
        outcomes = Counter(record["outcome"] for record in events)
        written = Counter(record["job"] for record in events if record["outcome"] == "answered")
        report = {
            "jobs": options.jobs,
            "answered": states["done"],
            "lost": states["lost"] + states["queued"] + states["failed"],
            "doubled": sum(count > 1 for count in written.values()),
            "kills": dict(killed),
            "deliveries that found an answer": outcomes["already"],
            "left in the store": sum(1 for _ in store.list("in/")),
            "left in the queue": sum(queue.depth()),
            "dead letters": sum(queue.dead_letters.depth()) if queue.dead_letters else 0,
            "seconds": round(time.monotonic() - begun, 1),
        }
        print(json.dumps(report))


if __name__ == "__main__":
    main()
