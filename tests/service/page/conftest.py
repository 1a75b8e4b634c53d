"""A real browser on a real server, one for each file of tests; skipped where there is no chromium."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.service.browser import Page, browser
from tests.service.conftest import Server
from tests.service.page.site import HOPPER


@pytest.fixture(scope="module")
def window(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(server.url, tmp_path_factory.mktemp("downloads")) as page:
        yield page


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    """The page as it opens. Afterwards: the console has said nothing, and nothing was asked of another host."""
    window.open()
    yield window
    # A page on which nobody has pressed anything may not ask before it is left; the browser notes that.
    assert [said for said in window.complaints() if "'beforeunload' confirmation" not in said] == []
    elsewhere = {url for url in window.requests() if urlsplit(url).netloc != urlsplit(window.url).netloc}
    assert elsewhere == set()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(HOPPER.read_bytes()[:3000])
    return path
