"""What watching costs and how steady it is: frames a second at 720p, reaction, ids, ages, memory.

    python benchmarks/watch.py VIDEO... [--detector NAME] [--hours 12] [--min-face PX]

The 720p scene is composed of the sample portraits: three people walk up, pause and leave. Each VIDEO is looped, and its
tracks, and how far their ages move after their first second, are told.
"""

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from crowd import Crowd, Guess, resident, stage, stage_portrait
from PIL import Image

from onlooker.attributes.estimator import FaceEstimator
from onlooker.audience.visits import Visits
from onlooker.core.demographics import age_quantile
from onlooker.core.protocols import Detector
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import detection_scale, search
from onlooker.media.record import Recorder
from onlooker.media.scene import Actor, Scene, Step
from onlooker.media.video import Frame, frames
from onlooker.watcher import MIN_FACE, Watcher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--min-face", type=float, default=MIN_FACE)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--loops", type=int, default=10)
    options = parser.parse_args()
    detector, estimator = choose_detector(options.detector), FaceEstimator()

    def watcher() -> Watcher:
        return Watcher(detector, estimator, min_face=options.min_face)

    print(f"{detector.name}, faces of {options.min_face:g} px and up, {os.cpu_count()} cores")
    scene = stage()
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "scene.mp4"
        with Recorder(clip) as recorder:
            for number in range(12 * 30):
                recorder.add(Image.fromarray(scene.frame(number / 30)), number / 30)
        speed(clip, watcher())
    reaction(watcher)
    distance(detector, options.min_face)
    for video in options.videos:
        steadiness(video, watcher(), options.loops)
    if options.hours:
        memory(options.hours)


def speed(clip: Path, watcher: Watcher) -> None:
    """Frames a second from the file to the sight, decoding included, and how long a frame takes."""
    took, faces = [], []
    started = last = time.perf_counter()
    cpu = time.process_time()
    for sight in watcher.watch(frames(clip)):
        took.append(time.perf_counter() - last)
        last = time.perf_counter()
        faces.append(len(sight.faces))
    rate = len(took) / (last - started)
    print(
        f"720p, {statistics.median(faces):.0f} faces: {rate:.1f} frames a second, a frame takes "
        f"{1000 * statistics.median(took):.0f} ms (median), {1000 * float(np.quantile(took, 0.95)):.0f} ms (95 %), "
        f"{len(took) / (time.process_time() - cpu):.1f} frames for each second of one core"
    )


def reaction(watcher: Callable[[], Watcher]) -> None:
    """From the moment a face is in the picture, large enough, to the sight that has its age, as from a camera: frames
    that come while one is worked on are lost. Faces appear at once, at 15 moments of the watcher's rhythm. Work is
    counted in this thread's processor time, so that other programs on the machine do not count."""
    scene = stage()
    empty, full = Scene(1280, 720, []).frame(0), scene.frame(5)
    delays = []
    for start in range(15):
        eye = watcher()
        appears = 1.0 + start / 60
        camera = 0.0
        answered: float | None = None
        while answered is None:
            at = camera
            before = time.thread_time()
            sight = eye.see(Frame(full if at >= appears else empty, at, 0))
            done = at + time.thread_time() - before
            if sum(face.fused is not None for face in sight.faces) == 3:
                answered = done
            # The next frame is the newest that has come by then, 30 a second.
            camera = max(at + 1 / 30, float(np.ceil(done * 30 - 1e-6)) / 30)
        delays.append(answered - appears)
    print(
        f"reaction, three faces at once: {1000 * statistics.median(delays):.0f} ms (median), "
        f"{1000 * max(delays):.0f} ms (worst of {len(delays)})"
    )


def distance(detector: Detector, min_face: float) -> None:
    """How far away a face is still found, by the size the frame is searched at. A face's box is some 0.22 m high, and
    the camera's view 70 degrees wide: 914 pixels a metre at one metre."""
    portrait = stage_portrait()
    print("searched for faces of | costs | found of 20 with a height of 16, 24, 32, 40, 48, 64 px (metres)")
    for smallest in sorted({24.0, 32.0, 40.0, 48.0, min_face}):
        found = []
        for height in (16, 24, 32, 40, 48, 64):
            hits = 0
            for trial in range(20):
                place = Step(0, 100 + 53 * trial, 300 + 7 * trial, height / 0.52)
                there = Actor(portrait, [place, Step(1, place.x, place.y, place.height)])
                pixels = Scene(1280, 720, [there]).frame(0.05 * trial)
                scale = detection_scale(1280, 720, detector.target_face, smallest)
                seen = search(pixels, detector, scale)
                hits += bool((seen.scores >= 0.5).any())
            found.append(f"{hits} ({0.22 * 914 / height:.1f} m)")
        print(f"  {smallest:g} px | {1000 * _costs(detector, smallest):.0f} ms | " + ", ".join(found))


def _costs(detector: Detector, smallest: float) -> float:
    """Seconds that one search of a frame with three faces takes, at best."""
    pixels = stage().frame(5)
    scale = detection_scale(1280, 720, detector.target_face, smallest)
    took = []
    for _ in range(10):
        before = time.perf_counter()
        search(pixels, detector, scale)
        took.append(time.perf_counter() - before)
    return min(took)


def steadiness(video: Path, watcher: Watcher, loops: int) -> None:
    """Tracks of a video that is looped, and how far each one's age moves after its first second."""
    once = sum(1 for _ in frames(video))
    ages: dict[str, list[tuple[float, float]]] = defaultdict(list)
    genders: dict[str, set[str | None]] = defaultdict(set)
    read = seen = 0
    for sight in watcher.watch(islice(frames(video, loop=True), once * loops)):
        read += sight.read
        for face in sight.faces:
            seen += 1
            if face.fused is not None and sight.at - face.since > 1:
                ages[face.id].append((face.fused.age, float(age_quantile(face.fused.age_distribution[None], 0.5)[0])))
                genders[face.id].add(face.gender)
    print(f"{video.name}, {loops} times: {len(ages)} tracks of over a second; {read} of {seen} faces were read")
    for track, pairs in ages.items():
        shown, pooled = np.array(pairs).T
        named = " and ".join(sorted(str(g) for g in genders[track]))
        print(
            f"  {track}: age {shown[0]:.1f}, moves {np.ptp(shown):.1f} years after its first second "
            f"(the mean of its views {np.ptp(pooled):.1f}); {named}"
        )


def memory(hours: float) -> None:
    """Memory of hours with people who come and go, two frames a second, as fast as they can be simulated."""
    crowd, visits = Crowd(), Visits()
    watcher = Watcher(crowd, Guess(), search_every=0.0)
    pixels = np.zeros((360, 640, 3), dtype=np.uint8)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    over = 0
    held: list[float] = []
    for number in range(round(hours * 3600 * 2)):
        crowd.at = at = number / 2
        sight = watcher.see(Frame(pixels, at, number))
        over += len(visits.update(sight.presences(), at=at, now=start + timedelta(seconds=at)))
        if number % 3600 == 1000:
            held.append(resident())
    print(
        f"{hours:g} hours simulated, {over:,} visits: {held[0]:.0f} MB after some minutes, "
        f"{held[len(held) // 2]:.0f} MB half way, {held[-1]:.0f} MB in the end"
    )


if __name__ == "__main__":
    main()
