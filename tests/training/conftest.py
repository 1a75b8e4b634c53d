"""The pictures that small runs learn from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eighty pictures of noise named as UTKFace's: the young are dark, the old are bright."""
    random = np.random.default_rng(0)
    data = tmp_path / "faces"
    data.mkdir()
    for i in range(80):
        age = 1 + i
        pixels = random.integers(0, 60, (40, 40, 3)) + 2 * age
        name = f"{age}_{i % 2}_0_2017010100000{i:04d}.jpg.chip.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(data / name, "JPEG")
    (data / "39_1_20170101000000000.jpg.chip.jpg").write_bytes(b"")
    return data
