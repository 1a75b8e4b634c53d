"""Invented answers for tests: no picture, no model."""

import numpy as np

from onlooker.evaluation.answers import Answers, named_by


def answers(n: int = 400, *, seed: int = 0, spread: float = 6.0) -> Answers:
    """People of 1 to 90 in two invented groups, read with errors of some years, worse in group B."""
    random = np.random.default_rng(seed)
    true = random.integers(1, 91, n).astype(np.float64)
    group = np.where(random.random(n) < 0.3, "B", "A")
    age = np.clip(true + random.normal(0, np.where(group == "B", 2 * spread, spread)), 0, 100)
    female = random.integers(0, 2, n).astype(np.int8)
    p = 1 / (1 + np.exp(-random.normal(np.where(female == 1, 2.5, -2.5), 2)))
    weights = np.exp(-0.5 * ((np.arange(101) - age[:, None]) / spread) ** 2)
    return Answers(
        label_low=true,
        label_high=true,
        female=female,
        age=age,
        age_low=np.clip(age - 1.6 * spread, 0, 100),
        age_high=np.clip(age + 1.6 * spread, 0, 100),
        p_female=p,
        named=named_by(p),
        distribution=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        files=np.array([f"{i}.jpg" for i in range(n)]),
        groups={"group": group, "file_of": np.array([str(i) for i in range(n)])},
    )
