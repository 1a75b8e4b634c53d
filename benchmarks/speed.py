"""How fast and how large: cold start, pictures and faces a second, memory, the size of the installation.

    python benchmarks/speed.py PICTURES [--detector NAME] [--repeat 5000]

PICTURES is a folder; ``samples`` will do. Every speed stands beside the same run's plain decoding by Pillow, as a
ratio that another machine should find again; the seconds are this machine's.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from onlooker.analyzer import Analyzer
from onlooker.attributes.estimator import FaceEstimator
from onlooker.cli.sources import pictures_below
from onlooker.models.cards import DEFAULT_MODEL


def resident() -> float:
    """Memory in use now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_of(command: list[str], runs: int = 7) -> float:
    return float(
        np.median([seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(runs)])
    )


def needed(name: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """A package and everything it needs without its extras."""
    known |= {name}
    for requirement in map(Requirement, distribution(name).requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            other = canonicalize_name(requirement.name)
            known |= needed(other, known) if other not in known else known
    return known


def installed_size() -> float:
    """MB of the core's files and all that it needs, as installed, compiled bytecode left out."""
    total = sum(
        f.size or 0 for name in needed("onlooker") for f in distribution(name).files or () if f.suffix != ".pyc"
    )
    package = Path(__file__).parent.parent / "src" / "onlooker"
    return (total + sum(p.stat().st_size for p in package.rglob("*") if p.suffix != ".pyc" and p.is_file())) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--repeat", type=int, default=5000, help="pictures analyzed to see whether memory stays flat")
    options = parser.parse_args()
    files = list(pictures_below(str(options.pictures)))[:500]
    one = files[0]
    python = sys.executable
    results: dict[str, float] = {"installed core, MB": installed_size()}
    bare = median_of([python, "-c", "pass"])
    results["import onlooker, s (python alone taken off)"] = median_of([python, "-c", "import onlooker"]) - bare
    cold = [python, "-m", "onlooker.cli.main", "analyze", one, "--detector", options.detector]
    results["onlooker analyze one picture, cold, s"] = median_of(cold)

    warm = Analyzer(options.detector)
    warm(one)
    detector = warm.detector
    assert detector is not None
    # First, so that what the other measurements leave behind is not taken for the stream's.
    marks = []
    for i, _ in enumerate(warm.stream((f, f) for f in itertools.islice(itertools.cycle(files), options.repeat))):
        if i % max(1, options.repeat // 10) == 0:
            marks.append(resident())
    results[f"memory after a tenth of {options.repeat} pictures, MB"] = marks[1]
    results[f"memory after {options.repeat} pictures, MB"] = marks[-1]
    decode = seconds(lambda: [Image.open(f).convert("RGB").load() for f in files])
    count = 0

    def analyze(workers: int) -> None:
        nonlocal count
        count = sum(len(faces) for faces in Analyzer(detector, warm.estimator, workers=workers).batch(files))

    for workers in (1, warm.workers):
        taken = seconds(lambda w=workers: analyze(w))  # type: ignore[misc]
        results[f"pictures a second, {workers} workers"] = len(files) / taken
        results[f"faces a second, {workers} workers"] = count / taken
        results[f"time beside decoding alone, {workers} workers"] = taken / decode
    for form in (DEFAULT_MODEL, f"{DEFAULT_MODEL}_fast"):
        estimator = FaceEstimator(Path(form))
        side = estimator.crop_size
        crops = [np.asarray(Image.open(BytesIO(Path(one).read_bytes())).convert("RGB").resize((side, side)))] * 64
        taken = seconds(lambda e=estimator, c=crops: [e.estimate(c) for _ in range(5)])  # type: ignore[misc]
        results[f"milliseconds a face crop, one thread, batches of 64, {form}"] = 1000 * taken / (64 * 5)

    small = np.asarray(Image.open(one).convert("RGB").resize((160, 120)))
    before = resident()
    for _ in range(20_000):
        detector.detect(small)
    results["memory added by 20,000 detections, MB"] = resident() - before
    results["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"detector": detector.name, **{k: round(v, 3) for k, v in results.items()}}, indent=2))


if __name__ == "__main__":
    main()
