"""Whether the interval of a fused age is honest: labelled faces, each seen several times as a camera would see them.

    python benchmarks/fusion.py UTKFACE

Every third face of UTKFace's calibration part, in nine views: turned, moved, nearer and farther, lighter and darker,
and of fewer pixels. None of this looks at the test part.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.attributes import crop
from onlooker.attributes.estimator import FaceEstimator
from onlooker.core.demographics import age_interval, age_quantile
from onlooker.core.faces import Floats, Picture8
from onlooker.datasets import labelled
from onlooker.datasets.split import part_files
from onlooker.media.images import Picture, resize
from onlooker.tracking.fusion import Fusion, view_weight

SPLIT = Path(__file__).parent.parent / "splits" / "utkface_v1.csv"
VIEWS = 9


def view(pixels: Picture8, size: int, rng: np.random.Generator) -> tuple[Picture8, float]:
    """A crop as another frame would have given it, and the height in pixels of the face in that frame."""
    height = float(rng.uniform(35, 110))
    small = resize(pixels, *(2 * [max(16, round(height / 1.115))]))
    frame = crop.whole_picture(small.shape[1], small.shape[0])
    angle, side = np.radians(rng.normal(0, 4)), frame[0, 0] * rng.normal(1, 0.04)
    turn = side * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = frame @ [0.5, 0.5, 1] + rng.normal(0, 0.02, 2) * frame[0, 0]
    moved = np.hstack([turn, (centre - turn @ [0.5, 0.5])[:, None]])
    cut = crop.cut(small, moved, size).astype(np.float64)
    seen = cut * rng.uniform(0.75, 1.2) + rng.normal(0, 4, cut.shape)
    return np.asarray(np.clip(seen, 0, 255), dtype=np.uint8), height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    part = labelled.select(labelled.read(parser.parse_args().utkface).faces, part_files(SPLIT, "calibration"))
    faces = list(part)[::3]
    estimator = FaceEstimator()
    tails = estimator.tails
    rng = np.random.default_rng(0)
    names = ("one view", "fused, as shown", "geometric mean", "as if independent")
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    genders = []
    for face in faces:
        pixels = Picture.open(face.path).decode()
        views, heights = zip(*(view(pixels, estimator.crop_size, rng) for _ in range(VIEWS)), strict=True)
        read = estimator.estimate(views)
        fusion = Fusion(tails=tails)
        for k in range(VIEWS):
            weight = view_weight(heights[k], 0, 0, 100)
            known = fusion.add(read.age_distribution[k], float(read.p_female[k]), weight=weight, at=0.1 * k)
        rows["one view"].append((float(read.age[0]), float(read.age_low[0]), float(read.age_high[0])))
        rows["fused, as shown"].append((known.age, known.age_low, known.age_high))
        logs = np.log(read.age_distribution + 1e-6)
        rows["geometric mean"].append(interval(logs.mean(axis=0), tails))
        rows["as if independent"].append(interval(logs.sum(axis=0), tails))
        genders.append(((read.p_female[0] >= 0.5) != bool(face.female), (known.p_female >= 0.5) != bool(face.female)))
    true = np.array([face.age for face in faces], dtype=np.float64)
    print(f"{len(faces)} faces, {VIEWS} views each")
    for name in names:
        show(name, np.array(rows[name]), true)
    print("wrong genders: {:.1%} of one view, {:.1%} of the fused".format(*np.mean(genders, axis=0)))


def interval(logs: NDArray[np.floating], tails: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median and interval of a distribution given by its logarithms, up to a constant."""
    pmf = np.exp(logs - logs.max())
    pool: Floats = np.asarray(pmf / pmf.sum(), dtype=np.float32)
    middle, low, high = age_quantile(pool[None], 0.5)[0], *(end[0] for end in age_interval(pool[None], tails))
    return float(middle), float(low), float(high)


def show(name: str, rows: NDArray[np.floating], true: NDArray[np.floating]) -> None:
    age, low, high = rows.T
    held = (low <= true + 0.5) & (true - 0.5 <= high)
    print(
        f"  {name:<18} error {np.abs(age - true).mean():.2f} years, interval holds {held.mean():.1%}, "
        f"{np.median(high - low):.0f} years wide (median)"
    )


if __name__ == "__main__":
    main()
