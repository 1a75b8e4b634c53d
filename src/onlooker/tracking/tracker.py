"""Ids between frames: which face of this frame is which of the last.

A face is followed by where it is, how fast it moves and how large it is, and by nothing of what it looks like: who
leaves and returns is someone new. The pairs of tracks and faces are those that cost least in all, and faces that the
detector is unsure of may continue a track but never begin one (ByteTrack, Zhang et al., 2022).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex

import numpy as np

from onlooker.core.faces import Detections, Floats
from onlooker.core.geometry import box_iou
from onlooker.tracking.assign import IMPOSSIBLE, assign

SURE = 0.5
"""Score from which a face may begin a track; below, it may only continue one."""

CERTAIN = 0.75
"""Score from which a face is followed at its first sight; another must be seen twice, as the detector may err."""

PATIENCE = 1.0
"""Seconds a track lives on without being seen: a head that turns away, someone who passes in front."""

SLOW = 2.5
"""... or for so many frames, where a camera gives few: one a second must not end every track at every frame. Visits
wait as long (``audience.visits.SLOW``)."""

UNPROVEN = 0.3
"""The same for a track that is not proven yet."""

SPEED, SLACK, REACH = 8.0, 0.4, 1.5
"""How far a face may be from where it is expected, in heights of its box: ``SLACK``, and ``SPEED`` for each second
since it was seen (a head is 0.22 m high, and who runs past makes some 2 m/s), but never beyond ``REACH``: the next
person begins about there."""

GROWTH = math.log(2.0)
"""Most that the logarithm of its height may differ."""

MOST_TRACKS = 64
"""Tracks at a time; faces beyond that are passed over until one ends."""

_POSITION, _VELOCITY = 0.6, 0.3
"""Gains of the filter (alpha-beta) on what it did not expect."""

_COASTING = 0.25
"""Seconds after which a face that is not seen has lost most of its speed (to 1/e)."""


@dataclass(slots=True, eq=False)
class Track:
    """A face that is being followed.

    id         random, never given again, dies with the track
    since      seconds on the stream's clock when it was first seen
    seen       ... and last
    box        ``(4,)`` xyxy in pixels, smoothed; ``landmarks`` ``(5, 2)`` and ``score`` are those last seen
    sights     how often it was seen
    """

    id: str
    since: float
    seen: float
    box: Floats
    landmarks: Floats
    score: float
    sights: int = 1
    state: Floats = field(default_factory=lambda: np.zeros(4, np.float32), repr=False)
    speed: Floats = field(default_factory=lambda: np.zeros(4, np.float32), repr=False)

    @property
    def proven(self) -> bool:
        """No chance find of the detector: seen more than once, or beyond doubt."""
        return self.sights > 1 or self.score >= CERTAIN

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])


class Tracker:
    """Follows the faces of one stream. Not for several threads."""

    def __init__(self, *, sure: float = SURE, patience: float = PATIENCE) -> None:
        self._sure, self._patience = sure, patience
        self._tracks: list[Track] = []
        self._at = -math.inf
        self._interval = 0.0

    @property
    def tracks(self) -> Sequence[Track]:
        """The tracks that live, oldest first."""
        return tuple(self._tracks)

    def expected(self, at: float) -> Floats:
        """Boxes ``(N, 4)`` where the tracks should be at a time."""
        states = [self._ahead(track, at) for track in self._tracks]
        return np.array([_box(state) for state in states], dtype=np.float32).reshape(-1, 4)

    def update(self, found: Detections, at: float) -> list[Track]:
        """Take in the faces of the frame at ``at`` (seconds); returns the tracks that ended.

        A clock that runs backwards is another stream: every track ends.
        """
        ended = self.end() if at < self._at else []
        if 0 < at - self._at < math.inf:
            self._interval += 0.2 * (min(at - self._at, 2.0) - self._interval)
        self._at = at
        alive = [track for track in self._tracks if not self._over(track, at)]
        ended += [track for track in self._tracks if self._over(track, at)]
        self._tracks = alive
        sure = found.scores >= self._sure
        rest = self._match(found[sure], self._tracks, at, reach=REACH)
        missed = [track for track in self._tracks if track.seen < at]
        self._match(found[~sure], missed, at, reach=SLACK)
        self._begin(found[sure][np.array(rest, dtype=np.intp)], at)
        return ended

    def end(self) -> list[Track]:
        """End every track, and return them: the source was lost."""
        ended, self._tracks = self._tracks, []
        return ended

    def _over(self, track: Track, at: float) -> bool:
        patience = self._patience if track.proven else min(UNPROVEN, self._patience)
        return at - track.seen > max(patience, SLOW * self._interval)

    def _match(self, found: Detections, tracks: Sequence[Track], at: float, *, reach: float) -> list[int]:
        """Give each track its face; returns the faces that are nobody's."""
        if not len(found) or not tracks:
            return list(range(len(found)))
        measured = np.stack([_state(box) for box in found.boxes])
        expected = np.stack([self._ahead(track, at) for track in tracks])
        height = np.exp((measured[None, :, 2] + expected[:, None, 2]) / 2)
        away = np.hypot(*np.moveaxis(measured[None, :, :2] - expected[:, None, :2], 2, 0)) / height
        growth = np.abs(measured[None, :, 2] - expected[:, None, 2])
        within = np.array([min(reach, SLACK + SPEED * (at - track.seen)) for track in tracks])
        cost = np.where((away <= within[:, None]) & (growth <= GROWTH), away + 0.5 * growth, IMPOSSIBLE)
        pairs = assign(cost.astype(np.float64))
        for row, column in pairs:
            self._correct(tracks[row], expected[row], measured[column], found, column, at)
        taken = {column for _, column in pairs}
        return [i for i in range(len(found)) if i not in taken]

    def _correct(
        self, track: Track, expected: Floats, measured: Floats, found: Detections, column: int, at: float
    ) -> None:
        elapsed = max(at - track.seen, 1e-3)
        surprise = measured - expected
        jumped = math.hypot(*surprise[:2]) > SLACK * math.exp(expected[2])
        # A jump (a cut in the film, frames that were lost) says nothing of how the face moves.
        track.state = measured if jumped else expected + _POSITION * surprise
        track.speed = np.zeros(4, np.float32) if jumped else track.speed + _VELOCITY * surprise / elapsed
        track.box, track.landmarks, track.score = (
            _box(track.state),
            found.landmarks[column],
            float(found.scores[column]),
        )
        track.seen = at
        track.sights += 1

    def _begin(self, found: Detections, at: float) -> None:
        """A new track for each face that is not another look at one that has its own."""
        if not len(found):
            return
        seen = np.array([track.box for track in self._tracks if track.seen == at], dtype=np.float32).reshape(-1, 4)
        new = box_iou(found.boxes, seen).max(axis=1, initial=0) < 0.4
        for i in np.flatnonzero(new)[: MOST_TRACKS - len(self._tracks)]:
            state = _state(found.boxes[i])
            track = Track(token_hex(4), at, at, found.boxes[i], found.landmarks[i], float(found.scores[i]), state=state)
            self._tracks.append(track)

    def _ahead(self, track: Track, at: float) -> Floats:
        """The state at a later time, the speed dying away."""
        coasted = _COASTING * (1 - math.exp(-(at - track.seen) / _COASTING))
        return np.asarray(track.state + track.speed * coasted, dtype=np.float32)


def _state(box: Floats) -> Floats:
    """Centre x and y in pixels, logarithms of height and of width over height."""
    width, height = max(1.0, float(box[2] - box[0])), max(1.0, float(box[3] - box[1]))
    centre = (box[:2] + box[2:]) / 2
    return np.array([centre[0], centre[1], math.log(height), math.log(width / height)], dtype=np.float32)


def _box(state: Floats) -> Floats:
    height = math.exp(min(float(state[2]), 12.0))
    half = np.array([height * math.exp(float(np.clip(state[3], -2, 2))), height], dtype=np.float32) / 2
    return np.concatenate([state[:2] - half, state[:2] + half]).astype(np.float32)
