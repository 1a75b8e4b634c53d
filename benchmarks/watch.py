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
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from onlooker.attributes.estimator import FaceEstimator
from onlooker.audience.visits import Visits
from onlooker.core.demographics import N_AGES, age_quantile
from onlooker.core.faces import Attributes, Detections, Picture8
from onlooker.core.protocols import Detector
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import detection_scale, search
from onlooker.media.record import Recorder
from onlooker.media.scene import Actor, Scene, Step
from onlooker.media.video import Frame, frames
from onlooker.testing import face_detection
from onlooker.watcher import MIN_FACE, Watcher

SAMPLES = Path(__file__).parent.parent / "samples"


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


def stage() -> Scene:
    """Three people: each comes from afar, stands for some seconds and leaves to the side."""
    collins = stage_portrait()
    hopper = Image.open(SAMPLES / "grace_hopper.jpg").convert("RGB").crop((90, 40, 450, 480))
    ways = [
        (collins, [Step(0, 300, 420, 120), Step(3, 260, 420, 330), Step(9, 262, 420, 332), Step(12, -200, 420, 330)]),
        (hopper, [Step(0, 640, 400, 130), Step(3, 640, 400, 360), Step(9, 642, 402, 362), Step(12, 640, 420, 130)]),
        (
            collins.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            [Step(0, 960, 420, 120), Step(3, 1020, 420, 330), Step(9, 1018, 420, 330), Step(12, 1500, 420, 330)],
        ),
    ]
    return Scene(1280, 720, [Actor(portrait, steps) for portrait, steps in ways])


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


def stage_portrait() -> Image.Image:
    """One portrait whose face is about half as high as the picture."""
    return Image.open(SAMPLES / "eileen_collins.png").convert("RGB").crop((60, 0, 400, 400))


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


class _Crowd:
    """A detector that sees people come, stand and leave, for ever: eight ways, each walked anew all the time."""

    name = "crowd"
    refine = False
    target_face = MIN_FACE
    at = 0.0

    def detect(self, picture: Picture8) -> Detections:
        """Those who are there now."""
        del picture
        here = []
        for way in range(8):
            round_ = (self.at + 7 * way) % (23 + 3 * way)
            if round_ < 12 + way:
                here.append(face_detection(20 + 75 * way + 2 * round_, 60 + 3 * round_, 40 + round_))
        if not here:
            return Detections.empty()
        parts = ([d.boxes for d in here], [d.scores for d in here], [d.landmarks for d in here])
        boxes, scores, landmarks = (np.concatenate(part) for part in parts)
        return Detections(boxes, scores, landmarks)


class _Guess:
    """An estimator that guesses another age every time, so that the fusion has work."""

    crop_size = 32

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def estimate(self, crops: Sequence[Picture8]) -> Attributes:
        """A guess a crop."""
        ages = self._rng.normal(35, 8, len(crops))
        pmf = np.exp(-0.5 * ((np.arange(N_AGES)[None] - ages[:, None]) / 6) ** 2)
        years = ages.astype(np.float32)
        pmf = (pmf / pmf.sum(axis=1, keepdims=True)).astype(np.float32)
        return Attributes(pmf, np.full(len(crops), 0.9, np.float32), years, years - 10, years + 10)


def memory(hours: float) -> None:
    """Memory of hours with people who come and go, two frames a second, as fast as they can be simulated."""
    crowd, visits = _Crowd(), Visits()
    watcher = Watcher(crowd, _Guess(), search_every=0.0)
    pixels = np.zeros((360, 640, 3), dtype=np.uint8)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    over = 0
    resident: list[float] = []
    for number in range(round(hours * 3600 * 2)):
        crowd.at = at = number / 2
        sight = watcher.see(Frame(pixels, at, number))
        over += len(visits.update(sight.presences(), at=at, now=start + timedelta(seconds=at)))
        if number % 3600 == 1000:
            resident.append(_resident())
    print(
        f"{hours:g} hours simulated, {over:,} visits: {resident[0]:.0f} MB after some minutes, "
        f"{resident[len(resident) // 2]:.0f} MB half way, {resident[-1]:.0f} MB in the end"
    )


def _resident() -> float:
    """Memory in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
