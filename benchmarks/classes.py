"""From which probability on a face should be called a child, or old (``core.demographics.CLASS_SHARE``).

    python benchmarks/classes.py RUN [--parts validation calibration other] [--model MODEL]

RUN is a finished training run, of which the faces are read that it held back; a run with ``--refit`` has no others
than those it is calibrated on, and the model must not have learnt from them. Prints, part by part and for each share,
how many faces are in the right class, the mean over the classes of the share of their faces found, and that share for
each. None of this looks at a test part.
"""

import argparse
from pathlib import Path

import numpy as np

from onlooker.core.demographics import AGE_CLASSES, age_class, age_quantile, likely_class, softmax
from onlooker.models import store
from onlooker.models.cards import DEFAULT_MODEL, find_card
from onlooker.models.runtime import Session
from onlooker.training.parts import read_part
from onlooker.training.teach import inner

SHARES = (0.5, 0.45, 0.4, 0.35, 0.3)
BATCH = 64


def row(name: str, said: np.ndarray, true: np.ndarray) -> str:
    found = [float((said[true == k] == k).mean()) for k in range(len(AGE_CLASSES))]
    figures = [float((said == true).mean()), float(np.mean(found)), *found]
    return f"{name:<14}" + "".join(f"{figure:>8.1%}" for figure in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--parts", nargs="+", default=["calibration"])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    card = find_card(options.model)
    session = Session(store.require(card), threads=2)
    for part in options.parts:
        faces = read_part(options.run, part)
        known = age_class(faces.age_low) == age_class(faces.age_high)
        crops, true = faces.crops, age_class(faces.age_low)[known]
        answers = [
            session.run({"pixels": inner(np.array(crops[start : start + BATCH]), 0.0, card.input_size)})["age"]
            for start in range(0, len(crops), BATCH)
        ]
        distribution = softmax(np.concatenate(answers))[known]
        print(f"{part}, {len(true)} faces".ljust(14) + "   right  recall" + "".join(f"{c:>8}" for c in AGE_CLASSES))
        print(row("by the age", age_class(age_quantile(distribution, 0.5)), true))
        for share in SHARES:
            print(row(f"from {share:.0%}", likely_class(distribution, share), true))


if __name__ == "__main__":
    main()
