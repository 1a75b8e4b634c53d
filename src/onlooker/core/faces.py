"""Faces as arrays inside, rows outside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from onlooker.core import doubts
from onlooker.core.demographics import AGE_CLASSES, N_AGES, AgeClass, Gender, gender_label, likely_class
from onlooker.core.doubts import SPOIL_GENDER, Doubt

Floats = NDArray[np.float32]
Labels = NDArray[np.object_]
"""A label of each face ``(N,)``, or None where it has none; compared with a label, it is a mask."""

Picture8 = NDArray[np.uint8]
"""Pixels ``(height, width, 3)``, RGB, uint8: the only form in which pictures travel."""


def _readonly(name: str, value: object, shape: tuple[int | None, ...]) -> Floats:
    """``value`` as a float32 array that nobody can write to, checked against ``shape`` (``None`` is any length)."""
    array = np.array(value, dtype=np.float32)
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("N" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector found in one picture, best first.

    boxes      ``(N, 4)`` xyxy in pixels; may reach past the picture's edge
    scores     ``(N,)`` confidence, 0 to 1
    landmarks  ``(N, 5, 2)`` pixels, left to right as seen: eye, eye, nose, mouth corner, mouth corner; of a face on its
               side or upside down, as it is seen upright
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", _readonly("boxes", self.boxes, (None, 4)))
        object.__setattr__(self, "scores", _readonly("scores", self.scores, (len(self.boxes),)))
        object.__setattr__(self, "landmarks", _readonly("landmarks", self.landmarks, (len(self.boxes), 5, 2)))

    @classmethod
    def empty(cls) -> "Detections":
        """No face: an answer, not an error."""
        return cls(*(np.zeros(shape, np.float32) for shape in ((0, 4), (0,), (0, 5, 2))))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, mask: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Detections":
        return Detections(self.boxes[mask], self.scores[mask], self.landmarks[mask])

    def scaled(self, x: float, y: float) -> "Detections":
        """The same faces on a picture ``x`` times as wide and ``y`` times as high."""
        factor = np.array([x, y], dtype=np.float32)
        return Detections(self.boxes * np.tile(factor, 2), self.scores, self.landmarks * factor)

    def moved(self, x: float, y: float) -> "Detections":
        """The same faces ``x`` pixels further right and ``y`` further down."""
        shift = np.array([x, y], dtype=np.float32)
        return Detections(self.boxes + np.tile(shift, 2), self.scores, self.landmarks + shift)


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """What an estimator read from face crops.

    age_distribution     ``(N, 101)`` probability of each year 0 to 100
    p_female             ``(N,)`` probability of the label female, 0 to 1
    age, age_low, age_high  ``(N,)`` years: the median, and the ends of the interval the model's card states
    """

    age_distribution: Floats
    p_female: Floats
    age: Floats
    age_low: Floats
    age_high: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """How well faces can be seen; ``detection.quality`` measures it.

    pose        ``(N, 3)`` yaw, pitch, roll in degrees, as ``Pose``
    brightness  ``(N,)`` mean luma of the face, 0 (black) to 100 (white)
    sharpness   ``(N,)`` detail of the crop that the estimator reads, 0 to 100
    """

    pose: Floats
    brightness: Floats
    sharpness: Floats


class Pose(NamedTuple):
    """Which way a face looks, in degrees, as it is seen in the picture.

    yaw    positive where it looks to the picture's right
    pitch  positive where it looks up
    roll   positive where the head is tilted clockwise; yaw and pitch are those of the head put upright again
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a picture as plain numbers: a row of ``Faces``."""

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    age: float
    age_low: float
    age_high: float
    p_female: float
    gender: Gender | None
    age_class: AgeClass
    pose: Pose
    brightness: float
    sharpness: float
    doubts: tuple[Doubt, ...]

    @property
    def height(self) -> float:
        """Height of the box in pixels of the original picture."""
        return self.box[3] - self.box[1]

    def to_dict(self) -> dict[str, Any]:
        """The face as the command line, the API and the website show it: pixels, years and degrees to 0.1,
        probabilities to 0.001, quality in whole numbers."""
        return {
            "box": [round(v, 1) for v in self.box],
            "landmarks": [[round(x, 1), round(y, 1)] for x, y in self.landmarks],
            "score": round(self.score, 3),
            "age": round(self.age, 1),
            "age_low": round(self.age_low, 1),
            "age_high": round(self.age_high, 1),
            "p_female": round(self.p_female, 3),
            "gender": self.gender,
            "age_class": self.age_class,
            # A rounded -0.0 would be printed as such; adding 0 makes it 0.
            "pose": {name: round(angle, 1) + 0.0 for name, angle in self.pose._asdict().items()},
            "quality": {
                "height": round(self.height),
                "brightness": round(self.brightness),
                "sharpness": round(self.sharpness),
            },
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one picture, best detection first: frozen arrays, selected by masks, read as rows.

    >>> adults = faces[faces.age >= 18]                                        # doctest: +SKIP
    >>> women = faces[faces.gender == "female"]                                # doctest: +SKIP
    >>> for face in adults: print(face.age, face.gender)                       # doctest: +SKIP

    box               ``(N, 4)`` xyxy in pixels of the whole picture, upright
    landmarks         ``(N, 5, 2)`` pixels, left to right: eye, eye, nose, mouth corner, mouth corner
    score             ``(N,)`` of the detector, 0 to 1
    age, age_low, age_high  ``(N,)`` years: median, and the interval whose probability the model's card states
    p_female          ``(N,)`` probability of the label female, 0 to 1
    pose              ``(N, 3)`` yaw, pitch, roll in degrees, as ``Pose``
    brightness, sharpness  ``(N,)`` 0 to 100, as ``Quality``
    age_distribution  ``(N, 101)`` probability of each year 0 to 100
    """

    box: Floats
    landmarks: Floats
    score: Floats
    age: Floats
    age_low: Floats
    age_high: Floats
    p_female: Floats
    pose: Floats
    brightness: Floats
    sharpness: Floats
    age_distribution: Floats = field(repr=False)

    def __post_init__(self) -> None:
        n = len(self.box)
        tails: dict[str, tuple[int, ...]] = {"box": (4,), "landmarks": (5, 2), "pose": (3,)}
        tails["age_distribution"] = (N_AGES,)
        for f in fields(self):
            first = None if f.name == "box" else n
            value = _readonly(f.name, getattr(self, f.name), (first, *tails.get(f.name, ())))
            object.__setattr__(self, f.name, value)

    @classmethod
    def empty(cls) -> "Faces":
        """No face: an answer, not an error."""
        none = np.zeros(0, np.float32)
        read = Attributes(np.zeros((0, N_AGES), np.float32), none, none, none, none)
        return cls.join(Detections.empty(), read, Quality(np.zeros((0, 3), np.float32), none, none))

    @classmethod
    def join(cls, found: Detections, read: Attributes, seen: Quality) -> "Faces":
        """Detections, the attributes read from their crops, and how well they were seen, in the same order."""
        return cls(
            box=found.boxes,
            landmarks=found.landmarks,
            score=found.scores,
            age=read.age,
            age_low=read.age_low,
            age_high=read.age_high,
            p_female=read.p_female,
            pose=seen.pose,
            brightness=seen.brightness,
            sharpness=seen.sharpness,
            age_distribution=read.age_distribution,
        )

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, mask: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Faces":
        """The faces a boolean mask, an index array or a slice selects. For one face as plain numbers use ``row(i)``."""
        if not isinstance(mask, slice) and np.asarray(mask).ndim == 0:
            raise TypeError("faces[i] selects by mask, index array or slice; faces.row(i) gives one face")
        return Faces(*(getattr(self, f.name)[mask] for f in fields(self)))

    def row(self, i: int) -> Face:
        """Face number ``i`` as plain numbers."""
        one = self[np.array([i])]
        return self._row(i, one.doubts[0], one._classes()[0])

    def __iter__(self) -> Iterator[Face]:
        told = zip(self.doubts, self._classes(), strict=True)
        return (self._row(i, doubts, age_class) for i, (doubts, age_class) in enumerate(told))

    def _row(self, i: int, doubts: tuple[Doubt, ...], age_class: AgeClass) -> Face:
        p_female = float(self.p_female[i])
        return Face(
            box=tuple(self.box[i].tolist()),
            landmarks=tuple((x, y) for x, y in self.landmarks[i].tolist()),
            score=float(self.score[i]),
            age=float(self.age[i]),
            age_low=float(self.age_low[i]),
            age_high=float(self.age_high[i]),
            p_female=p_female,
            gender=_gender(p_female, doubts),
            age_class=age_class,
            pose=Pose(*self.pose[i].tolist()),
            brightness=float(self.brightness[i]),
            sharpness=float(self.sharpness[i]),
            doubts=doubts,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """What comes out of a pickle, or a copy, is frozen too."""
        return Faces, tuple(getattr(self, f.name) for f in fields(self))

    def to_bytes(self) -> bytes:
        """Every array's bytes, one after another: equal for equal answers, to the last digit."""
        return b"".join(np.ascontiguousarray(getattr(self, f.name)).tobytes() for f in fields(self))

    @property
    def gender(self) -> Labels:
        """``"female"``, ``"male"`` or ``None`` for each face ``(N,)``: undetermined, where the probability is too near
        to 0.5 or a doubt spoils it (``core.doubts.SPOIL_GENDER``)."""
        return _labels([_gender(float(p), given) for p, given in zip(self.p_female, self.doubts, strict=True)])

    @property
    def age_class(self) -> Labels:
        """Which of the report's three classes each face ``(N,)`` belongs to (``core.demographics.likely_class``): old
        people and children are found more often than by the ages, which are cautious about whatever is rare."""
        return _labels(self._classes())

    def _classes(self) -> list[AgeClass]:
        return [AGE_CLASSES[i] for i in likely_class(self.age_distribution)]

    @property
    def height(self) -> Floats:
        """Heights ``(N,)`` of the boxes in pixels of the original picture."""
        return np.asarray(self.box[:, 3] - self.box[:, 1], dtype=np.float32)

    @property
    def doubts(self) -> list[tuple[Doubt, ...]]:
        """For each face the reasons, if any, why its age and gender are less certain: ``core.doubts`` says when."""
        return doubts.doubts(
            height=self.height,
            sharpness=self.sharpness,
            brightness=self.brightness,
            pose=self.pose,
            landmarks=self.landmarks,
            age_distribution=self.age_distribution,
        )


def _gender(p_female: float, given: tuple[Doubt, ...]) -> Gender | None:
    return None if SPOIL_GENDER.intersection(given) else gender_label(p_female)


def _labels(values: Sequence[str | None]) -> Labels:
    return np.array(values, dtype=np.object_)
