"""Boxes, points and transforms in the plane. Boxes ``(N, 4)`` are ``xyxy`` in pixels; points ``(..., 2)`` are x, y."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


def box_area(boxes: Floats) -> Floats:
    """Areas ``(N,)`` in square pixels of boxes ``(N, 4)``; a box turned inside out has area 0."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def box_shared(a: Floats, b: Floats) -> Floats:
    """Area in square pixels that every box of ``a`` ``(N, 4)`` shares with each of ``b`` ``(M, 4)``: ``(N, M)``."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1], dtype=np.float32)


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union, 0 to 1, of every box of ``a`` ``(N, 4)`` with each of ``b`` ``(M, 4)``: ``(N, M)``."""
    shared = box_shared(a, b)
    union = box_area(a)[:, None] + box_area(b)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def non_maximum_suppression(boxes: Floats, scores: Floats, max_iou: float) -> NDArray[np.intp]:
    """Indices of the boxes ``(N, 4)`` to keep, best score first: a box that overlaps a better one by more than
    ``max_iou`` goes. Ties in score keep the order given, so the answer is the same on every run."""
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        keep.append(int(best))
        overlap = box_iou(boxes[best : best + 1], boxes[rest])[0]
        order = rest[overlap <= max_iou]
    return np.asarray(keep, dtype=np.intp)


def fit_similarity(source: Matrix, target: Matrix) -> Matrix:
    """The similarity (rotation, one scale, shift; never a reflection) that maps ``source`` ``(K, 2)`` onto ``target``
    ``(K, 2)`` with the least squared error measured on ``target``, as a ``(2, 3)`` matrix.

    A similarity of the plane is ``z -> a z + b`` in complex numbers, so this is a regression with one slope.
    Raises ``ValueError`` where the source points coincide, since then no scale exists.
    """
    s = source[:, 0] + 1j * source[:, 1]
    t = target[:, 0] + 1j * target[:, 1]
    s_centre, t_centre = s.mean(), t.mean()
    spread = float((np.abs(s - s_centre) ** 2).sum())
    if not np.isfinite(spread) or spread <= 1e-12:
        raise ValueError("the points to fit a similarity to coincide or are not finite")
    a = ((s - s_centre).conj() * (t - t_centre)).sum() / spread
    b = t_centre - a * s_centre
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], dtype=np.float64)


def invert_affine(matrix: Matrix) -> Matrix:
    """The inverse ``(2, 3)`` of an affine map ``(2, 3)``. Raises ``ValueError`` where there is none."""
    linear = matrix[:, :2]
    if abs(float(np.linalg.det(linear))) < 1e-12:
        raise ValueError("an affine map that flattens the plane has no inverse")
    inverse = np.linalg.inv(linear)
    return np.hstack([inverse, -inverse @ matrix[:, 2:]])


def transform_points(matrix: Matrix, points: Matrix) -> Matrix:
    """Points ``(..., 2)`` after the affine map ``(2, 3)``."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def turned_back(points: Floats, quarters: int, side: float) -> Floats:
    """Points ``(..., 2)`` of a square of ``side`` pixels that was turned counter-clockwise by quarters (as
    ``numpy.rot90`` turns), on the square as it was."""
    for _ in range(quarters % 4):
        points = np.stack([side - points[..., 1], points[..., 0]], axis=-1)
    return np.asarray(points, dtype=np.float32)


def quarters_turned(landmarks: Floats) -> int:
    """By how many quarters clockwise, 0 to 3, a face of five landmarks ``(5, 2)`` is turned: from its eyes to its mouth
    is down. 0 where they are no face's."""
    right, down = np.mean(landmarks[3:5], axis=0) - np.mean(landmarks[:2], axis=0)
    if not np.isfinite(right + down):
        return 0
    return round(float(np.arctan2(-right, down)) / (np.pi / 2)) % 4


def affine_scale(matrix: Matrix) -> float:
    """How much an affine map ``(2, 3)`` enlarges lengths (the root of its determinant)."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def main_box(boxes: Floats, scores: Floats, width: int, height: int) -> int:
    """Index of the box that a picture is about: large, central and sure. ``boxes`` ``(N, 4)`` xyxy and the picture's
    ``width`` and ``height`` in pixels, ``scores`` ``(N,)`` 0 to 1; ``N`` at least 1."""
    size = np.array([width or 1, height or 1], dtype=np.float64)
    low, high = np.asarray(boxes[:, :2], np.float64), np.asarray(boxes[:, 2:], np.float64)
    off_centre = np.linalg.norm(((low + high) / 2 - size / 2) / size, axis=1)
    share = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(size)
    return int(np.argmax(np.sqrt(share) * scores - off_centre))
