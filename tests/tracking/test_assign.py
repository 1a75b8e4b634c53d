from itertools import permutations

import numpy as np
import pytest

from onlooker.core.geometry import Matrix
from onlooker.tracking.assign import IMPOSSIBLE, assign


def cheapest(cost: Matrix) -> float:
    """Of all ways to pair, by trying each."""
    wide = cost if cost.shape[0] <= cost.shape[1] else cost.T
    rows, columns = wide.shape
    return min(sum(float(wide[i, p[i]]) for i in range(rows)) for p in permutations(range(columns), rows))


@pytest.mark.parametrize("seed", range(60))
def test_the_pairs_are_the_cheapest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = (int(side) for side in rng.integers(1, 6, 2))
    cost = rng.random((n, m))
    cost[rng.random((n, m)) < 0.3] = IMPOSSIBLE
    pairs = assign(cost)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    missing = min(n, m) - len(pairs)
    assert sum(cost[pair] for pair in pairs) + missing * IMPOSSIBLE == pytest.approx(cheapest(cost))


def test_a_greedy_choice_would_cost_more() -> None:
    assert assign(np.array([[1.0, 2.0], [1.1, 9.0]])) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nobody_pairs_with_nobody(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape)) == []


def test_what_may_not_be_is_left_out() -> None:
    assert assign(np.full((2, 3), IMPOSSIBLE)) == []
