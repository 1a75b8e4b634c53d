"""Exact and near duplicates among face crops, so that no photograph stands on both sides of a split."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onlooker.core.errors import DatasetError, PictureError
from onlooker.core.protocols import Progress, silent
from onlooker.media.images import Picture

NEAR = 0.95
"""Correlation of two centre crops, grey and 32 x 32, above which they count as one photograph. Looked at pair by pair,
nearly all UTKFace pairs above 0.96 are one photograph re-encoded, toned or cut anew; a pair joined wrongly costs a
split nothing, a pair missed leaks."""

_SIDE = 32
_BLOCK = 2048


def fingerprints(
    paths: Sequence[Path], progress: Progress = silent, unreadable: dict[int, str] | None = None
) -> NDArray[np.float32]:
    """A row of 1,024 numbers a picture, ``(N, 1024)``: its central half, grey, 32 x 32, mean 0 and length 1, so that
    the product of two rows is their correlation. Calls ``progress`` with the count done.

    What cannot be read goes into ``unreadable``, by its index, and has a row of zeros, like nothing else. Without that,
    ``DatasetError`` is raised that names the file.
    """
    rows = np.zeros((len(paths), _SIDE * _SIDE), dtype=np.float32)
    for i, path in enumerate(paths):
        try:
            grey = Image.fromarray(Picture.open(path).decode()).convert("L")
        except PictureError as error:
            if unreadable is None:
                raise DatasetError(f"{path}: {error}") from None
            unreadable[i] = str(error)
            progress(i + 1)
            continue
        width, height = grey.size
        box = (width // 4, height // 4, width - width // 4, height - height // 4)
        row = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=box), dtype=np.float32).ravel()
        row -= row.mean()
        rows[i] = row / max(float(np.linalg.norm(row)), 1e-6)
        progress(i + 1)
    return rows


def near_pairs(rows: NDArray[np.float32], threshold: float = NEAR) -> NDArray[np.intp]:
    """Index pairs ``(K, 2)``, lower first, whose fingerprints correlate above ``threshold``, mirrored ones included."""
    mirrored = rows.reshape(len(rows), _SIDE, _SIDE)[:, :, ::-1].reshape(len(rows), _SIDE * _SIDE)
    found: list[NDArray[np.intp]] = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        for other in (rows, mirrored):
            i, j = np.nonzero(block @ other[start:].T > threshold)
            pairs = np.stack([i, j], axis=1) + start
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), dtype=np.intp)


def correlations(rows: NDArray[np.float32], pairs: NDArray[np.intp]) -> NDArray[np.float32]:
    """How alike the pictures of each pair are, ``(K,)``: the larger of the correlation as they are and mirrored."""
    first, second = rows[pairs[:, 0]], rows[pairs[:, 1]]
    mirrored = first.reshape(-1, _SIDE, _SIDE)[:, :, ::-1].reshape(-1, _SIDE * _SIDE)
    return np.asarray(np.maximum((first * second).sum(axis=1), (mirrored * second).sum(axis=1)), dtype=np.float32)


def exact_pairs(paths: Sequence[Path]) -> NDArray[np.intp]:
    """Index pairs ``(K, 2)`` of files with the same bytes: each with the first of its kind."""
    first: dict[bytes, int] = {}
    pairs = []
    for i, path in enumerate(paths):
        seen = first.setdefault(hashlib.sha256(path.read_bytes()).digest(), i)
        if seen != i:
            pairs.append((seen, i))
    return np.asarray(pairs, dtype=np.intp).reshape(-1, 2)


def groups(count: int, pairs: Iterable[tuple[int, int]]) -> NDArray[np.intp]:
    """A group number for each of ``count`` items, such that paired items share one: the lowest index in the group."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        a, b = root(int(i)), root(int(j))
        parent[max(a, b)] = min(a, b)
    return np.asarray([root(i) for i in range(count)], dtype=np.intp)
