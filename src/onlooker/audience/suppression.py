"""Small numbers that cannot be undone.

A *partition* is a published total of at least ``k`` people split into parts: a day into its hours, a day into gender by
age band. Parts of 1 to k - 1 are hidden. So that a difference does not bring them back, further parts are hidden until
what is hidden together (which anyone can work out: the total less the rest) says nothing about one of them.

Which part goes beside the small ones is not decided by the numbers, for that would say something about them: it is the
next in a fixed ``order``. The promise, held by a test that tries every case of small tables against someone who knows
this very code: as far as can be told from outside, a hidden number may be anything in a range at least as wide as from
1 to k - 1.

Partitions of the same people that share nothing but their total, as the hours and the ages of a day, tell nothing of
each other's hidden numbers.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Part = TypeVar("Part")

DEFAULT_K = 10
"""CMS hides 1 to 10, which is a k of 11."""


def quiet(hidden: int, together: int, k: int) -> bool:
    """Whether ``hidden`` parts of 1 to k - 1 each, which are ``together``, may each still be 1 and be k - 1."""
    return hidden == 0 or hidden - 1 + k <= together <= (hidden - 1) * (k - 1) + 1


def suppress(parts: Mapping[Part, int], k: int, order: Sequence[Part]) -> dict[Part, int | None]:
    """The parts of a total of at least ``k`` as they may be published: a number that is 0 or at least ``k``, or None.

    ``order`` has every part, first those that are missed least. Raises ``ValueError`` for a total under ``k``, which
    must be hidden itself.
    """
    if sum(parts.values()) < k:
        raise ValueError(f"a total of {sum(parts.values())} is under {k} and hidden itself")
    hidden = {part for part, count in parts.items() if 0 < count < k}
    if not quiet(len(hidden), sum(parts[part] for part in hidden), k):
        for part in order:
            if parts[part] >= k:
                hidden.add(part)
                if len(hidden) > 1 and sum(parts[one] for one in hidden) >= 2 * k + len(hidden) - 2:
                    break
        else:
            hidden = set(parts)
    return {part: None if part in hidden else count for part, count in parts.items()}


def apportion(weights: Mapping[Part, float], total: int) -> dict[Part, int]:
    """Whole numbers near ``weights`` that sum to ``total``, by the largest remainders; weights that sum to it too."""
    whole = {part: int(weight) for part, weight in weights.items()}
    left = total - sum(whole.values())
    for part in sorted(weights, key=lambda part: whole[part] - weights[part])[: max(0, left)]:
        whole[part] += 1
    return whole
