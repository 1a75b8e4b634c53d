"""Face crops of a data set in one file that training reads from: cut once, by the very function that serves."""

import contextlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.attributes.crop import cut, frame_from_landmarks, frames, whole_picture
from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.core.geometry import Matrix, main_box
from onlooker.core.protocols import Detector, Progress, silent
from onlooker.datasets.labelled import Examples, LabelledFace
from onlooker.detection.locate import MIN_FACE, MIN_SCORE, locate
from onlooker.media.images import Picture, resize

SURROUNDINGS = 0.4
"""Share of its side by which a bare crop is continued on each side before detection, which expects surroundings."""

DETECTION_SIDE = 160
"""Pixels that a bare crop's side is shown to the detector at."""


def face_frame(pixels: Picture8, detector: Detector) -> Matrix:
    """The frame of the face that fills a crop, from its landmarks; the crop's own square where none is found."""
    height, width = pixels.shape[:2]
    whole = whole_picture(width, height)
    pad_y, pad_x = round(height * SURROUNDINGS), round(width * SURROUNDINGS)
    padded = np.pad(pixels, ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="edge")
    scale = DETECTION_SIDE / min(height, width)
    shown = resize(padded, round(padded.shape[1] * scale), round(padded.shape[0] * scale))
    found = detector.detect(shown).scaled(padded.shape[1] / shown.shape[1], padded.shape[0] / shown.shape[0])
    if not len(found):
        return whole
    centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - np.array([pad_x + width / 2, pad_y + height / 2])
    best = int(np.argmax(found.scores - np.hypot(centre[:, 0], centre[:, 1]) / min(height, width)))
    frame = frame_from_landmarks(found.landmarks[best] - np.array([pad_x, pad_y], dtype=np.float32))
    return whole if frame is None or not _near(frame, whole) else frame


def _near(frame: Matrix, whole: Matrix) -> bool:
    """Whether a frame could be that of the face a crop was made for: about its place and size."""
    side = whole[0, 0]
    size = float(np.hypot(frame[0, 0], frame[1, 0])) / side
    shift = (frame - whole) @ np.array([0.5, 0.5, 1.0]) / side
    return 0.75 < size < 1.33 and float(np.hypot(*shift)) < 0.2


def found_frame(picture: Picture, detector: Detector) -> Matrix | None:
    """The frame of the face a photograph is about (large, central, sure), found as in use; ``None`` without one."""
    found = locate(picture, detector, MIN_FACE, MIN_SCORE).faces
    if not len(found):
        return None
    return frames(found)[main_box(found.boxes, found.scores, picture.width, picture.height)]


@dataclass(frozen=True, slots=True)
class Sheet:
    """How crops are cut: their side in pixels, the share of the frame kept around them, and by which detector."""

    size: int
    margin: float
    detector: Detector


def gather(
    faces: Sequence[LabelledFace],
    sheet: Sheet,
    target: Path,
    *,
    photographs: frozenset[Path] = frozenset(),
    workers: int,
    progress: Progress = silent,
) -> tuple[Examples, list[int], list[str]]:
    """Crops and labels of the faces that can be read, their indices, and a sentence for each that cannot.

    A picture is taken for a face crop, as UTKFace's, unless it is among ``photographs``: there the face is found first.
    """
    crops, failed = build_crops(faces, sheet, target, photographs=photographs, workers=workers, progress=progress)
    kept = [i for i in range(len(faces)) if i not in failed]
    chosen = crops if not failed else crops[np.array(kept, dtype=np.intp)]
    problems = [f"{faces[i].name}: {why}" for i, why in sorted(failed.items())]
    return Examples.of(chosen, [faces[i] for i in kept]), kept, problems


def build_crops(
    faces: Sequence[LabelledFace],
    sheet: Sheet,
    target: Path,
    *,
    photographs: frozenset[Path] = frozenset(),
    workers: int = 2,
    progress: Progress = silent,
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Crops ``(N, size, size, 3)`` of the faces, as a file that is mapped rather than read, and why, by its index, for
    each that failed (its crop stays black).

    A file that is already there is taken where it was made from the same list; a half-made one is made anew.
    """
    size, margin, detector = sheet.size, sheet.margin, sheet.detector
    files = [f"{face.name} found" if face.path in photographs else face.name for face in faces]
    stamp = {"size": size, "margin": margin, "detector": detector.name, "files": files}
    index = target.with_suffix(".json")
    if target.exists() and index.exists():
        with contextlib.suppress(ValueError, KeyError, TypeError):  # damaged: cut anew
            known = json.loads(index.read_text(encoding="utf-8"))
            if known["stamp"] == stamp and "failed" in known:
                return np.load(target, mmap_mode="r"), {int(i): why for i, why in known["failed"].items()}
    index.unlink(missing_ok=True)
    crops = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=(len(faces), size, size, 3))
    failed: dict[int, str] = {}

    def make(i: int) -> None:
        path = faces[i].path
        try:
            picture = Picture.open(path)
            pixels = picture.decode()
            frame = found_frame(picture, detector) if path in photographs else face_frame(pixels, detector)
        except PictureError as error:
            failed[i] = str(error)
            return
        if frame is None:
            failed[i] = "no face was found"
        else:
            crops[i] = cut(pixels, frame, size, margin=margin)

    with ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(make, range(len(faces))), start=1):
            progress(done)
    crops.flush()
    index.write_text(json.dumps({"stamp": stamp, "failed": failed}), encoding="utf-8")
    return np.load(target, mmap_mode="r"), failed
