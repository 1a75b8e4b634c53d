"""What a policy would have brought, estimated from the log of another: how well that works, where the truth is known.

IPS weighs each reward by the inverse of its propensity (Horvitz and Thompson, 1952), SNIPS divides by the sum of the
weights (Swaminathan and Joachims, 2015), DR corrects a model of the rewards by the weighted errors it makes (Dudik,
Langford and Li, 2011). The policy that is evaluated plays the advert of the greatest worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onlooker.evaluation.metrics import Estimate, bootstrap, share_of
from onlooker.signage.simulation.store import Logged

ESTIMATORS = ("ips", "snips", "dr")
PRIOR_PLAYS = 5.0
"""How many plays the mean of all adverts counts as, in the model of an advert's reward."""


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """Estimates of the mean attention share of the evaluated policy, by estimator, and its true value."""

    truth: float
    estimates: dict[str, Estimate]


def evaluate(logged: Sequence[Logged], *, seed: int = 0) -> OffPolicy | None:
    """Estimates from one day's log, with 95 % bootstrap intervals over its choices; ``None`` from less than 20."""
    n = len(logged)
    if n < 20:
        return None
    rewards = np.array([row.rewards[row.chosen] for row in logged])
    hit = np.array([row.chosen == row.target for row in logged])
    weights = hit / np.array([row.propensity for row in logged])
    for_target, for_chosen = _model(logged, rewards)
    everyone = np.ones(n, dtype=bool)

    def snips(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
        total = resampled @ weights
        return np.asarray(
            np.divide(resampled @ (weights * rewards), total, out=np.full(len(total), np.nan), where=total > 0)
        )

    statistics = {
        "ips": share_of(weights * rewards, everyone),
        "snips": snips,
        "dr": share_of(for_target + weights * (rewards - for_chosen), everyone),
    }
    return OffPolicy(float(np.mean([row.rewards[row.target] for row in logged])), bootstrap(statistics, n, seed=seed))


def _model(logged: Sequence[Logged], rewards: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The reward expected of the evaluated policy's advert and of the one played, ``(n,)`` each: the mean of the advert
    in the segment, drawn towards the mean of all. Each half of the log is predicted from the other."""
    for_target, for_chosen = np.zeros(len(logged)), np.zeros(len(logged))
    for half in (0, 1):
        sums: dict[tuple[str, str], float] = {}
        counts: dict[tuple[str, str], int] = {}
        learn = range(1 - half, len(logged), 2)
        overall = float(rewards[list(learn)].mean())
        for i in learn:
            key = (logged[i].adverts[logged[i].chosen], logged[i].segment)
            sums[key] = sums.get(key, 0.0) + rewards[i]
            counts[key] = counts.get(key, 0) + 1
        for i in range(half, len(logged), 2):
            row = logged[i]
            for values, advert in ((for_target, row.target), (for_chosen, row.chosen)):
                key = (row.adverts[advert], row.segment)
                values[i] = (sums.get(key, 0.0) + PRIOR_PLAYS * overall) / (counts.get(key, 0) + PRIOR_PLAYS)
    return for_target, for_chosen
