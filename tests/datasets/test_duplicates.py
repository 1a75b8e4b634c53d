from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageEnhance, ImageOps

from onlooker.core.errors import DatasetError
from onlooker.datasets.duplicates import NEAR, exact_pairs, fingerprints, groups, near_pairs
from tests.datasets.pictures import photograph, save


def test_a_fingerprint_has_mean_zero_and_length_one(tmp_path: Path) -> None:
    counts: list[int] = []
    rows = fingerprints([save(tmp_path, f"{i}.jpg", photograph(i)) for i in range(3)], counts.append)
    assert rows.shape == (3, 1024)
    assert rows.mean(axis=1) == pytest.approx(0, abs=1e-6)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert counts == [1, 2, 3]


def test_a_flat_picture_is_like_no_other(tmp_path: Path) -> None:
    flat = photograph(0)
    flat.paste((90, 90, 90), (0, 0, *flat.size))
    paths = [save(tmp_path, "flat.jpg", flat), save(tmp_path, "same.jpg", flat), save(tmp_path, "p.jpg", photograph(0))]
    rows = fingerprints(paths)
    assert np.isfinite(rows).all()
    assert near_pairs(rows).tolist() == []


def test_an_unreadable_picture_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DatasetError, match=r"empty\.jpg: the file is empty"):
        fingerprints([save(tmp_path, "good.jpg", photograph(0)), tmp_path / "empty.jpg"])


def test_one_photograph_in_several_forms_is_paired_and_another_is_not(tmp_path: Path) -> None:
    original, other = photograph(1), photograph(2)
    paths = [
        save(tmp_path, "0_original.jpg", original),
        save(tmp_path, "1_other.jpg", other),
        save(tmp_path, "2_recoded.jpg", original, quality=30),
        save(tmp_path, "3_brighter.jpg", ImageEnhance.Brightness(original).enhance(1.25)),
        save(tmp_path, "4_mirrored.jpg", ImageOps.mirror(original)),
        save(tmp_path, "5_smaller.jpg", original.resize((60, 60))),
        save(tmp_path, "6_mirrored_other.jpg", ImageOps.mirror(other)),
    ]
    same = (0, 2, 3, 4, 5)
    expected = [[i, j] for i in same for j in same if i < j] + [[1, 6]]
    assert near_pairs(fingerprints(paths)).tolist() == sorted(expected)
    assert exact_pairs(paths).tolist() == []


def test_the_threshold_decides(tmp_path: Path) -> None:
    rows = fingerprints([save(tmp_path, f"{i}.jpg", photograph(i)) for i in range(2)])
    mirrored = rows[1].reshape(32, 32)[:, ::-1].ravel()
    correlation = max(float(rows[0] @ rows[1]), float(rows[0] @ mirrored))
    assert correlation < NEAR
    assert near_pairs(rows, correlation - 0.01).tolist() == [[0, 1]]
    assert near_pairs(rows, correlation + 0.01).tolist() == []


def test_pairs_are_found_across_blocks_of_many_pictures() -> None:
    rows = np.random.default_rng(0).normal(size=(2100, 1024)).astype(np.float32)
    rows[2099] = rows[3]
    rows[2060] = rows[2050].reshape(32, 32)[:, ::-1].ravel()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert near_pairs(rows).tolist() == [[3, 2099], [2050, 2060]]


def test_no_picture_gives_no_pair() -> None:
    assert near_pairs(fingerprints([])).shape == (0, 2)
    assert exact_pairs([]).shape == (0, 2)


def test_files_with_the_same_bytes_pair_with_the_first_of_them(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c", "d", "e")]
    for path, content in zip(paths, (b"x", b"y", b"x", b"x", b"y"), strict=True):
        path.write_bytes(content)
    assert exact_pairs(paths).tolist() == [[0, 2], [0, 3], [1, 4]]


@pytest.mark.parametrize(
    ("count", "pairs", "expected"),
    [
        (0, [], []),
        (3, [], [0, 1, 2]),
        (4, [(2, 3)], [0, 1, 2, 2]),
        (5, [(3, 4), (0, 3)], [0, 1, 2, 0, 0]),
        (6, [(4, 5), (2, 3), (5, 3), (1, 0)], [0, 0, 2, 2, 2, 2]),
        (3, [(0, 0), (2, 1), (1, 2)], [0, 1, 1]),
    ],
)
def test_groups_join_all_that_are_linked(count: int, pairs: list[tuple[int, int]], expected: list[int]) -> None:
    assert groups(count, pairs).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_a_group_is_what_can_be_reached_and_bears_its_lowest_member(pairs: list[tuple[int, int]]) -> None:
    reach = [{i} for i in range(12)]
    for _ in range(12):
        for i, j in pairs:
            reach[i] |= reach[j]
            reach[j] |= reach[i]
    for _ in range(12):
        reach = [set().union(*(reach[j] for j in r)) for r in reach]
    assert groups(12, pairs).tolist() == [min(r) for r in reach]
