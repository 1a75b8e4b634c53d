"""A ledger of each kind behind one fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from onlooker.audience.ledger import Ledger
from tests.audience import databases


@pytest.fixture(scope="session")
def cluster() -> Iterator[databases.Cluster]:
    with databases.cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return (tmp_path / "ledger.sqlite").as_uri().replace("file:", "sqlite:")
    running: databases.Cluster = request.getfixturevalue("cluster")
    return running.empty()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url)
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in a file, for what does not depend on the database."""
    opened = Ledger(str(tmp_path / "shop.sqlite"))
    yield opened
    opened.close()
