"""Small numbers cannot be undone: every small case is tried against someone who knows all that is published, and this
very code."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlooker.audience.suppression import apportion, quiet, suppress


def tables(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to split a total into so many parts."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in tables(total - first, parts - 1):
            yield (first, *rest)


def shown(table: tuple[int, ...], k: int) -> tuple[int | None, ...]:
    return tuple(suppress(dict(enumerate(table)), k, range(len(table))).values())


@pytest.mark.parametrize(
    ("k", "parts", "largest"),
    [
        (2, 3, 12),
        (3, 2, 20),
        (3, 3, 16),
        (3, 4, 12),
        (3, 5, 9),
        (4, 3, 18),
        (4, 4, 13),
        (5, 3, 22),
        (5, 4, 14),
        (10, 2, 45),
    ],
)
def test_a_hidden_part_may_be_anything_in_as_wide_a_range_as_the_small_numbers(
    k: int, parts: int, largest: int
) -> None:
    for total in range(k, largest + 1):
        alike: dict[tuple[int | None, ...], list[tuple[int, ...]]] = defaultdict(list)
        for table in tables(total, parts):
            alike[shown(table, k)].append(table)
        for published, candidates in alike.items():
            for place, number in enumerate(published):
                if number is None:
                    values = {table[place] for table in candidates}
                    assert max(values) - min(values) >= k - 2, (total, published, values)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=24), st.integers(2, 12))
def test_nothing_small_is_shown_and_what_is_shown_is_true(counts: list[int], k: int) -> None:
    if sum(counts) < k:
        with pytest.raises(ValueError, match="hidden itself"):
            suppress(dict(enumerate(counts)), k, range(len(counts)))
        return
    published = shown(tuple(counts), k)
    assert all(number is None or number == 0 or number >= k for number in published)
    assert all(number in (None, count) for number, count in zip(published, counts, strict=True))
    # What can be had by subtraction is the sum of what is hidden: of nobody, or of at least k and in two parts or more.
    hidden = [count for number, count in zip(published, counts, strict=True) if number is None]
    assert not hidden or (len(hidden) >= 2 and sum(hidden) >= k) or len(counts) == 1


@given(st.lists(st.integers(0, 60), min_size=2, max_size=12), st.integers(2, 12))
def test_without_small_parts_nothing_is_hidden(counts: list[int], k: int) -> None:
    large = [count + k if count else 0 for count in counts]
    if any(large):
        assert shown(tuple(large), k) == tuple(large)


def test_which_part_is_hidden_beside_a_small_one_is_fixed_and_not_by_size() -> None:
    parts = {"a": 3, "b": 50, "c": 20, "d": 40}
    assert suppress(parts, 10, ["c", "b", "d", "a"]) == {"a": None, "b": 50, "c": None, "d": 40}
    assert suppress(parts, 10, ["d", "b", "c", "a"]) == {"a": None, "b": 50, "c": 20, "d": None}


def test_several_small_parts_hide_each_other_where_they_can() -> None:
    assert suppress({1: 4, 2: 5, 3: 6, 4: 30}, 10, [4, 3, 2, 1]) == {1: None, 2: None, 3: None, 4: 30}
    # 9 and 9 together are 18, which says what each is.
    assert suppress({1: 9, 2: 9, 3: 30, 4: 40}, 10, [3, 4, 1, 2]) == {1: None, 2: None, 3: None, 4: 40}


@pytest.mark.parametrize(("hidden", "k"), [(n, k) for n in range(2, 6) for k in (3, 4, 5)])
def test_quiet_is_when_each_may_be_the_least_and_the_most(hidden: int, k: int) -> None:
    for together in range(hidden, hidden * (k - 1) + 1):
        splits = [t for t in tables(together, hidden) if all(0 < part < k for part in t)]
        if quiet(hidden, together, k):
            assert {t[0] for t in splits} == set(range(1, k))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_apportioned_numbers_are_whole_near_and_sum_up(counts: list[int], noise: list[float]) -> None:
    weights = {i: count + noise[i] for i, count in enumerate(counts)}
    total = round(sum(weights.values()))
    first = next(iter(weights))
    weights[first] = max(0.0, weights[first] + total - sum(weights.values()))
    whole = apportion(weights, total)
    if abs(sum(weights.values()) - total) < 1e-6:
        assert sum(whole.values()) == total
        assert all(abs(whole[i] - weights[i]) < 1 + 1e-6 for i in weights)


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 99), min_size=1), min_size=1, max_size=40))
def test_a_number_of_people_by_shares_is_never_more_than_had_a_share(people: list[dict[str, int]]) -> None:
    """So k-anonymity of counts holds for sums of probabilities: nobody adds more than one to a cell, and rounding never
    goes beyond the next whole number."""
    weights = dict.fromkeys("abcdef", 0.0)
    for shares in people:
        for cell, share in shares.items():
            weights[cell] += share / sum(shares.values())
    counts = apportion(weights, len(people))
    assert sum(counts.values()) == len(people)
    for cell, count in counts.items():
        assert count <= sum(cell in shares for shares in people)
