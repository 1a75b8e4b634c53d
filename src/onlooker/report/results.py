"""What was reached, read back, and the table of it: the report, its networks here, our own model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onlooker.core.errors import InputError
from onlooker.report.splits import SPLITS

Result = dict[str, Any]

REPORTED = {
    ("gender_cnn", "gender"): 0.89,
    ("age_cnn", "age"): 0.87,
    ("inception_gender", "gender"): 0.52,
    ("inception_age", "age"): 0.28,
}
"""The shares of right answers that the report prints (2020)."""

NETWORKS = ("gender_cnn", "age_cnn", "multi_output", "inception_gender", "inception_age")
NAMES = {
    "gender_cnn": "gender CNN",
    "age_cnn": "age CNN",
    "multi_output": "several outputs",
    "inception_gender": "Inception V3, gender",
    "inception_age": "Inception V3, age",
}
SPLIT_NAMES = {"report": "as printed", "shuffled": "shuffled", "v1": "v1"}
NEEDED = {
    "network", "split", "seed", "parameters", "epochs", "best_epoch", "made_by", "summary", "shares", "history", "test",
    "ours", "same_faces", "pictures",
}  # fmt: skip
"""What the table and the pages take from a result."""
OUTPUTS = {"gender": "gender", "age": "three age classes", "race": "the set's race label"}


def load(folder: Path) -> list[Result]:
    """The results in a folder, or in its ``results``, by network and split. Raises ``InputError`` where none is."""
    inner = folder / "results"
    paths = sorted((inner if inner.is_dir() else folder).glob("*-*.json"))
    found = []
    for path in paths:
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            if missing := NEEDED - result.keys():
                raise ValueError(f"without {', '.join(missing)}")
            found.append((NETWORKS.index(result["network"]), SPLITS.index(result["split"]), result))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{path}: not a result of `onlooker report run`; move it elsewhere") from None
    if not found:
        raise InputError(f"{folder}: holds no results yet; run `onlooker report run --output {folder}`")
    return [result for *_, result in sorted(found, key=lambda item: item[:2])]


def rows(results: list[Result]) -> list[list[str]]:
    """A row for each output of each result, under ``HEADS``: the report, the reproduction, the same faces by three."""
    lines = []
    for result in results:
        for output, score in result["test"].items():
            reported = REPORTED.get((result["network"], output)) if result["split"] != "v1" else None
            name = title(result) + (f": {OUTPUTS[output]}" if len(result["test"]) > 1 else "")
            same = result["same_faces"].get(output, {})
            lines.append(
                [
                    name,
                    SPLIT_NAMES[result["split"]],
                    str(result["epochs"]),
                    f"{reported:.0%}" if reported else "",
                    _interval(score),
                    *(f"{same[who]['accuracy']:.1%}" if same else "" for who in ("network", "ours_32", "ours_full")),
                    f"{same['network']['n']:,}" if same else "",
                ]
            )
    return lines


def title(result: Result) -> str:
    """What a result's network is called."""
    random = ", random base" if "--weights none" in result["made_by"] else ""
    return NAMES[result["network"]] + random


HEADS = (
    "network",
    "split",
    "epochs",
    "the report",
    "our reproduction",
    "it, on unseen faces",
    "our model, 32 px",
    "our model, full",
    "unseen faces",
)


def table(results: list[Result]) -> str:
    """The rows as Markdown."""
    return markdown(HEADS, rows(results))


SHARE_HEADS = ("split", "part", "faces", "child", "adult", "old", "women")


def share_rows(results: list[Result]) -> list[list[str]]:
    """A row for each part of each split: how many faces, and the shares of the classes in it."""
    lines = []
    for split, name in SPLIT_NAMES.items():
        shares: dict[str, dict[str, float]] = next((r["shares"] for r in results if r["split"] == split), {})
        for part, share in shares.items():
            figures = [f"{share[c]:.1%}" for c in ("child", "adult", "old", "female")]
            lines.append([name, part, f"{share['faces']:,.0f}", *figures])
    return lines


EXPERIMENT_NEEDED = {
    "base", "pixels", "scaling", "norms", "split", "age", "age_recall", "gender", "constant_age", "constant_gender",
}  # fmt: skip

EXPERIMENT = "inception.json"
"""What ``benchmarks/report_inception.py`` writes, kept beside the results."""

EXPERIMENT_HEADS = (
    "base",
    "faces",
    "scaled to",
    "batch norms while learning",
    "split",
    "age classes",
    "mean recall",
    "gender",
    "a constant answer",
)


def experiment(folder: Path) -> list[Result]:
    """The cases of the experiment on why Inception failed, none where it was not made. Raises ``InputError`` where the
    file is none of its."""
    path = folder / EXPERIMENT
    if not path.is_file():
        return []
    try:
        cases: list[Result] = json.loads(path.read_text(encoding="utf-8"))
        if any(EXPERIMENT_NEEDED - case.keys() for case in cases):
            raise ValueError("a case is not whole")
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError(
            f"{path}: not what benchmarks/report_inception.py writes; remove it and run that again"
        ) from None
    return cases


def experiment_rows(folder: Path) -> list[list[str]]:
    """A row for each case of the experiment, under ``EXPERIMENT_HEADS``."""
    lines = []
    for row in experiment(folder):
        scaling = "what it knows" if row["scaling"] == "right" else "0 to 1"
        norms = {"stored": "stored", "batch": "each batch's"}[row["norms"]]
        shares = [f"{row[key]:.1%}" for key in ("age", "age_recall", "gender")]
        constant = f"{row['constant_age']:.1%}, {row['constant_gender']:.1%}"
        lines.append([row["base"], row["pixels"], scaling, norms, row["split"], *shares, constant])
    return lines


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table as Markdown writes it."""
    whole = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in whole)


def _interval(score: dict[str, Any]) -> str:
    return f"{score['accuracy']:.1%} ({100 * score['low']:.1f} to {100 * score['high']:.1f})"
