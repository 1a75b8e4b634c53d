"""How many answers are right, with an interval, and which is taken for which."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.evaluation.metrics import bootstrap, share_of


@dataclass(frozen=True, slots=True)
class Score:
    """``n`` faces, the share that is right with its 95 % bootstrap interval, the mean recall of the classes that are
    there, and ``confusion[true][said]`` in faces."""

    n: int
    accuracy: float
    low: float
    high: float
    recall: float
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """The form of the results' files."""
        shares = {key: round(float(getattr(self, key)), 4) for key in ("accuracy", "low", "high", "recall")}
        return {"n": self.n, **shares, "confusion": self.confusion}


def score(truth: NDArray[np.intp], said: NDArray[np.intp], classes: int) -> Score:
    """Of true and said classes ``(N,)``, N at least 1."""
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (truth, said), 1)
    there = confusion.sum(axis=1) > 0
    recalls = confusion.diagonal()[there] / confusion.sum(axis=1)[there]
    right = bootstrap({"right": share_of(truth == said, np.ones(len(truth), dtype=bool))}, len(truth))["right"]
    return Score(len(truth), right.value, right.low, right.high, float(recalls.mean()), confusion.tolist())
