"""How long the function takes for a picture: ``python deploy/measure.py PACKAGE.zip`` (of this Python's version).

The package is unpacked and its handler called as Lambda would, by a Python that sees nothing else, held to one core as
a function of 1769 MB is. The store is a folder, so what S3 adds is not in it; nor is a core of Lambda's this one.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple


class Seconds(NamedTuple):
    """What a picture took: by the clock, and of the processor, which other programs on this machine do not lengthen."""

    clock: float
    processor: float


SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def main() -> None:
    """Read the command line; unpack and start, or, started so, measure."""
    parser = argparse.ArgumentParser(description="Measure the function's milliseconds a picture.")
    parser.add_argument("package", type=Path, metavar="PACKAGE.zip")
    parser.add_argument(
        "--pictures", type=Path, default=SAMPLES, metavar="FOLDER", help="other pictures than the samples"
    )
    parser.add_argument("--rounds", type=int, default=30, help="how often each (default: %(default)s)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.package, given.pictures, given.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(given.package) as archive:
            archive.extractall(folder)
        options = [folder, "--pictures", str(given.pictures.resolve()), "--rounds", str(given.rounds), "--inside"]
        environment = {"ONLOOKER_STORE": (Path(folder) / "pictures").as_uri(), "HOME": folder}
        # This very file, in an empty environment.
        command = [sys.executable, "-I", "-S", __file__, *options]
        raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603


def inside(folder: Path, samples: Path, rounds: int) -> None:
    """Measure the package that lies unpacked in ``folder``."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sys.path.insert(0, str(folder))
    sys.stdout, shown = (Path(folder) / "log").open("w"), sys.stdout  # the function's own lines
    begun = time.perf_counter()
    from onlooker.jobs.aws_lambda import handler
    from onlooker.jobs.folder import FolderStore
    from onlooker.jobs.job import JobOptions, Jobs
    from onlooker.jobs.sqlite import SqliteQueue

    loaded = time.perf_counter() - begun
    store = FolderStore(folder / "pictures")
    jobs = Jobs(store, SqliteQueue(folder / "tasks.sqlite"), send=False)

    def answered(path: Path) -> tuple[Seconds, Any]:
        job = jobs.submit(path.read_bytes(), path.name, JobOptions())
        event = {"Records": [{"messageId": "1", "body": f'{{"job": "{job.id}"}}', "eventSource": "aws:sqs"}]}
        start, busy = time.perf_counter(), time.process_time()
        failed = handler(event, None)
        seconds = Seconds(time.perf_counter() - start, time.process_time() - busy)
        found = jobs.find(job.id)
        if failed != {"batchItemFailures": []} or found is None or found.analysis is None:
            raise SystemExit(f"{path.name} was not answered: {(found and found.error) or failed}")
        jobs.delete(job.id)
        return seconds, found

    pictures = sorted(path for path in samples.iterdir() if path.suffix in (".jpg", ".png"))
    first, _ = answered(pictures[0])
    shown.write(f"import {loaded:.2f} s, first picture {first.clock:.2f} s; medians of {rounds}:\n")
    medians = []
    for path in pictures:
        times, found = zip(*(answered(path) for _ in range(rounds)), strict=True)
        clock, processor = (1000 * statistics.median(kind) for kind in zip(*times, strict=True))
        medians.append(processor)
        faces = len(found[0].analysis["faces"])
        shown.write(f"{path.name:20} {faces} faces {clock:7.1f} ms, of them the processor's {processor:7.1f} ms\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shown.write(f"the processor's mean {statistics.fmean(medians):.1f} ms; at most {peak:.0f} MiB\n")
    shown.flush()


if __name__ == "__main__":
    main()
