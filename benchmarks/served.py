"""What undoing the oversampling and the mirror image are worth, on the faces that a run holds back.

    python benchmarks/served.py RUN [--beside MODEL ...]

RUN is a finished training run. Prints a row a variant, on its validation part and on what it held back of further sets
(after ``--refit``, which holds back neither, on the part that it is calibrated on);
the row before any MODEL is what ``onlooker export`` serves. Each MODEL is another exported model: a row of its own, and
at the end one of the mean of all. None of this looks at a test part.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from onlooker.attributes.estimator import calibrated
from onlooker.datasets.labelled import Examples
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.metrics import measure
from onlooker.models import store
from onlooker.models.calibration import Calibration
from onlooker.models.cards import find_card
from onlooker.models.runtime import Session
from onlooker.training.config import TrainConfig
from onlooker.training.fit import logits
from onlooker.training.network import ServedNetwork, load_weights
from onlooker.training.oversampling import undo_oversampling
from onlooker.training.parts import read_part
from onlooker.training.teach import inner

Floats = NDArray[np.float32]
Logits = tuple[Floats, Floats]
AS_IT_IS = Calibration(0.9, 1.0, (0.0,), (0.9,), ((0.45,),))


def show(name: str, said: dict[str, Logits], sets: dict[str, Examples]) -> None:
    row = name.ljust(38)
    for part, examples in sets.items():
        read = calibrated(*said[part], AS_IT_IS)
        answers = Answers.of(read, examples.age_low, examples.age_high, examples.females)
        found = measure(replace(answers, distribution=None))  # classes by the ages, which are what is compared
        told = [found.mae and f"{found.mae.value:5.2f}"]
        told += [share and f"{share.value:.1%}" for share in (found.class_macro_recall, found.gender_accuracy)]
        row += " | " + ", ".join(text for text in told if text)
    print(row, flush=True)


def answer(session: Session, crops: NDArray[np.uint8]) -> Logits:
    outs = [session.run({"pixels": crops[start : start + 64]}) for start in range(0, len(crops), 64)]
    return np.concatenate([out["age"] for out in outs]), np.concatenate([out["gender"] for out in outs])


def mean(several: list[Logits]) -> Logits:
    age, gender = (np.asarray(sum(logits) / len(logits), np.float32) for logits in zip(*several, strict=True))
    return age, gender


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--beside", metavar="MODEL", nargs="+", default=[])
    options = parser.parse_args()
    torch.set_num_threads(2)
    parts = [part for part in ("validation", "other") if (options.run / f"{part}.npz").exists()] or ["calibration"]
    sets = {part: read_part(options.run, part) for part in parts}
    train = read_part(options.run, "train")
    print("MAE in years, macro recall of the ages' three classes, gender where labelled; on: " + ", ".join(sets))
    power = TrainConfig.load(options.run / "config.json").oversampling
    served: dict[str, Logits] = {}
    for undone in (0.0, power / 2, power):
        network = load_weights(options.run, "best.pt")
        undo_oversampling(network, train, undone)
        for mirror in (False, True):
            half = ["half undone"] * (0 < undone < power)
            name = " + ".join(["as trained", *half, *["undone"] * (undone == power), *["mirror image"] * mirror])
            served = {part: logits(ServedNetwork(network, mirror=mirror), e.crops) for part, e in sets.items()}
            show(name, served, sets)
    together = {part: [served[part]] for part in sets}
    for name in options.beside:
        card = find_card(name)
        session = Session(store.require(card))
        other = {part: answer(session, inner(np.array(e.crops), 0.0, card.input_size)) for part, e in sets.items()}
        show(name, other, sets)
        for part in sets:
            together[part].append(other[part])
    if options.beside:
        show("the mean of all", {part: mean(together[part]) for part in sets}, sets)


if __name__ == "__main__":
    main()
