"""What several tests share: samples, synthetic pictures, and the real data where it is present."""

import os
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.faces import Picture8

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "samples"


@pytest.fixture
def noise() -> Picture8:
    """A small picture, 48 high and 64 wide, no two rows alike."""
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the real data sets (see CONTRIBUTING); tests that need it are marked ``data``."""
    folder = Path(os.environ.get("ONLOOKER_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "utkface").is_dir():
        pytest.skip(
            "the real data sets are absent; set ONLOOKER_DATA to the folder that holds utkface, appa_real, fddb"
        )
    return folder


@pytest.fixture(scope="session")
def yunet_file(data: Path) -> Path:
    path = data / "models" / "yunet_n_dynamic.onnx"
    if not path.is_file():
        pytest.skip("YuNet's file is absent from the data folder")
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or leaves anything in, the cache of whoever runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
