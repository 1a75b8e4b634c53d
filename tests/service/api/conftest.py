"""A site of its own for each test, in a folder that is thrown away."""

from pathlib import Path

import pytest

from tests.service.world import World, make_world


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)
