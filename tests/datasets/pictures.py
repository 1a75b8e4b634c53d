"""Generated pictures that stand for photographs: smooth, no two seeds alike."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 96


def photograph(seed: int) -> Image.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def save(folder: Path, name: str, image: Image.Image, *, quality: int = 92) -> Path:
    path = folder / name
    image.save(path, "JPEG", quality=quality)
    return path
