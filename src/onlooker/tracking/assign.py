"""Who is who, all at once: the pairs that cost least in all."""

import numpy as np
from numpy.typing import NDArray

from onlooker.core.geometry import Matrix

IMPOSSIBLE = 1e6
"""Cost of a pair that may not be."""


def assign(cost: Matrix) -> list[tuple[int, int]]:
    """Pairs (row, column) of a cost matrix ``(n, m)``, as many as may be and of those the cheapest in all; pairs of
    cost ``IMPOSSIBLE`` or above are left out.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant, 1987), in O(n² m).
    """
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    n, m = cost.shape
    matched = np.full(m + 1, n, dtype=np.intp)  # row of each column; column m is where a path begins, row n is none
    from_row, from_column = np.zeros(n + 1), np.zeros(m + 1)
    for row in range(n):
        matched[m] = row
        column, previous = m, np.full(m + 1, m, dtype=np.intp)
        least, done = np.full(m + 1, np.inf), np.zeros(m + 1, dtype=np.bool_)
        while matched[column] != n:
            done[column] = True
            current = matched[column]
            reduced = cost[current] - from_row[current] - from_column[:m]
            better = ~done[:m] & (reduced < least[:m])
            least[:m][better], previous[:m][better] = reduced[better], column
            following = int(np.argmin(np.where(done[:m], np.inf, least[:m])))
            step = least[following]
            from_row[matched[done]] += step
            from_column[done] -= step
            least[~done] -= step
            column = following
        _flip(matched, previous, column, m)
    pairs = [(int(row), column) for column, row in enumerate(matched[:m]) if row != n]
    return sorted((row, column) for row, column in pairs if cost[row, column] < IMPOSSIBLE)


def _flip(matched: NDArray[np.intp], previous: NDArray[np.intp], column: int, start: int) -> None:
    """Exchange what is matched and what is not along the path that ends in ``column``."""
    while column != start:
        matched[column] = matched[previous[column]]
        column = int(previous[column])
