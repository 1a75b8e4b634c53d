"""Model files: verified before they are used, fetched whole or not at all."""

import hashlib
import http.client
import re
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from onlooker.core.errors import ModelError
from onlooker.models.cards import ModelCard, builtin_card
from onlooker.models.store import cache_folder, checksum, fetch, find, require, verify

DATA = b"weights of a tiny network" * 9000
"""More than three chunks of a copy."""


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    """A card in a folder of its own, without its file."""
    folder = tmp_path / "package"
    folder.mkdir()
    return ModelCard(
        name="tiny",
        task="face detection",
        summary="a test's own",
        file="tiny.onnx",
        sha256=hashlib.sha256(DATA).hexdigest(),
        bytes=len(DATA),
        licence="Apache-2.0",
        origin="made here",
        url="https://example.org/tiny.onnx",
        path=folder / "tiny.json",
    )


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "copy.onnx"
    path.write_bytes(DATA)
    return path


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_checksum_is_sha256(source: Path) -> None:
    assert checksum(source) == hashlib.sha256(DATA).hexdigest()


def test_the_right_file_is_verified_and_handed_back(card: ModelCard, source: Path) -> None:
    assert verify(card, source) == source


def test_another_file_fails_with_both_checksums_and_the_way_out(card: ModelCard, source: Path) -> None:
    source.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(ModelError) as caught:
        verify(card, source)
    message = str(caught.value)
    assert message.startswith(f"{source}: fails the checksum of tiny")
    assert checksum(source)[:12] in message
    assert card.sha256[:12] in message
    assert message.endswith("run `onlooker models fetch tiny`")


def test_a_missing_file_fails_with_the_reason(card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent: the model tiny cannot be read \(No such file or directory\)"):
        verify(card, tmp_path / "absent")


def test_the_cache_lies_where_the_platform_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert cache_folder() == tmp_path / "onlooker" / "models"


def test_nothing_is_found_where_nothing_was_fetched(card: ModelCard, cache: Path) -> None:
    assert find(card, cache) is None


def test_a_file_beside_the_card_is_found_before_the_cache(card: ModelCard, cache: Path) -> None:
    put(cache / card.file)
    assert find(card, cache) == cache / card.file
    put(card.folder / card.file)
    assert find(card, cache) == card.folder / card.file


def test_without_a_folder_the_users_cache_is_searched(card: ModelCard) -> None:
    put(cache_folder() / card.file)
    assert find(card) == cache_folder() / card.file


@pytest.mark.parametrize("beside_the_card", [True, False])
def test_a_corrupt_file_is_an_error_not_an_absence(card: ModelCard, cache: Path, beside_the_card: bool) -> None:
    put((card.folder if beside_the_card else cache) / card.file, DATA[:-1])
    with pytest.raises(ModelError, match="fails the checksum"):
        find(card, cache)


def test_a_fetched_model_is_required_without_complaint(card: ModelCard, cache: Path) -> None:
    assert require(card, put(cache / card.file).parent) == cache / card.file


def test_a_missing_model_with_an_address_says_how_to_fetch_it(cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        require(builtin_card("yunet"), cache)
    assert str(caught.value) == "the model yunet is missing; run `onlooker models fetch yunet`"


@pytest.mark.parametrize(
    ("folder", "way_out"),
    [
        ("weights", "reinstall the package: pip install --force-reinstall onlooker"),
        ("run", "export it again with `onlooker export RUN`"),
    ],
)
def test_a_missing_model_without_an_address_says_where_it_comes_from(
    card: ModelCard, cache: Path, tmp_path: Path, folder: str, way_out: str
) -> None:
    shipped = replace(card, url="", path=tmp_path / folder / "tiny.json")
    with pytest.raises(ModelError, match=f"^{re.escape(f'the model tiny is missing; {way_out}')}$"):
        require(shipped, cache)


def test_fetching_from_a_copy_puts_the_file_into_the_cache(card: ModelCard, cache: Path, source: Path) -> None:
    done: list[int] = []
    path = fetch(card, cache, source=source, progress=done.append)
    assert path == cache / card.file
    assert path.read_bytes() == DATA
    assert source.read_bytes() == DATA
    assert path.stat().st_mode & 0o044 == 0o044, "a service of another user reads it, too"
    assert list(cache.iterdir()) == [path]
    assert done == sorted(set(done))
    assert len(done) > 3
    assert done[-1] == card.bytes


def test_fetching_again_leaves_a_verified_file_as_it_is(card: ModelCard, cache: Path, tmp_path: Path) -> None:
    path = put(cache / card.file)
    before = path.stat().st_mtime_ns
    assert fetch(card, cache, source=tmp_path / "absent") == path
    assert path.stat().st_mtime_ns == before


def test_fetching_replaces_a_corrupt_file(card: ModelCard, cache: Path, source: Path) -> None:
    path = put(cache / card.file, b"half a downl")
    assert fetch(card, cache, source=source) == path
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(
    "data", [b"", DATA[:-1], DATA + b"!", DATA * 20], ids=["empty", "short", "long", "far too long"]
)
def test_what_fails_its_checksum_leaves_nothing_behind(card: ModelCard, cache: Path, source: Path, data: bytes) -> None:
    source.write_bytes(data)
    done: list[int] = []
    with pytest.raises(ModelError, match=r"copy\.onnx is not the file of tiny \(SHA-256 .*; get another copy$"):
        fetch(card, cache, source=source, progress=done.append)
    assert list(cache.iterdir()) == []
    assert max(done, default=0) <= card.bytes + (1 << 16)


def test_what_fails_its_checksum_does_not_displace_what_was_there(card: ModelCard, cache: Path, source: Path) -> None:
    path = put(cache / card.file, b"corrupt")
    source.write_bytes(b"worse")
    with pytest.raises(ModelError, match="is not the file of tiny"):
        fetch(card, cache, source=source)
    assert path.read_bytes() == b"corrupt"


def test_a_missing_copy_is_named(card: ModelCard, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny could not be fetched from .*absent \(.*No such file"):
        fetch(card, cache, source=tmp_path / "absent")


def test_a_cache_that_cannot_be_made_is_an_error(card: ModelCard, source: Path) -> None:
    with pytest.raises(ModelError, match="tiny could not be fetched"):
        fetch(card, source / "models", source=source)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/tiny.onnx", "file:///etc/hostname", "ftp://127.0.0.1/tiny.onnx"])
def test_only_https_is_fetched(card: ModelCard, cache: Path, url: str) -> None:
    with pytest.raises(ModelError, match=f"only https addresses are fetched, the card has {re.escape(url)}"):
        fetch(replace(card, url=url), cache)
    assert list(cache.iterdir()) == []


def test_a_model_of_the_package_has_no_address_to_fetch_from(card: ModelCard, cache: Path) -> None:
    with pytest.raises(ModelError, match="comes with the package, not from a URL; export it again"):
        fetch(replace(card, url=""), cache)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes calls and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_host_that_refuses_is_reported_with_another_way(card: ModelCard, cache: Path, closed_port: int) -> None:
    url = f"https://127.0.0.1:{closed_port}/tiny.onnx"
    with pytest.raises(ModelError) as caught:
        fetch(replace(card, url=url), cache, timeout=5)
    message = str(caught.value)
    assert message.startswith(f"tiny could not be fetched from {url} (")
    assert "refused" in message
    assert message.endswith("get the file another way and run `onlooker models fetch tiny --from FILE`")
    assert list(cache.iterdir()) == []


def test_a_host_that_stays_silent_is_given_up_after_the_timeout(card: ModelCard, cache: Path, silent_port: int) -> None:
    with pytest.raises(ModelError, match=r"timed out\); get the file another way"):
        fetch(replace(card, url=f"https://127.0.0.1:{silent_port}/tiny.onnx"), cache, timeout=0.2)
    assert list(cache.iterdir()) == []


def test_the_address_of_the_card_is_fetched_over_https(
    card: ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float]] = []

    def answer(request: urllib.request.Request, timeout: float) -> BytesIO:
        asked.append((request.full_url, timeout))
        return BytesIO(DATA)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert fetch(card, cache, timeout=7).read_bytes() == DATA
    assert asked == [("https://example.org/tiny.onnx", 7)]


def test_an_address_that_gives_another_file_is_named(
    card: ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: urllib.request.Request, timeout: float) -> BytesIO:  # noqa: ARG001
        return BytesIO(b"<html>moved</html>")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(ModelError, match=r"^https://example\.org/tiny\.onnx is not the file of tiny .*another way"):
        fetch(card, cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (http.client.BadStatusLine("SSH-2.0"), "SSH-2.0"),
        (http.client.IncompleteRead(b"12"), "IncompleteRead"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_whatever_the_connection_dies_of_is_a_model_error(
    card: ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    class Dying(BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise error

    def answer(_: urllib.request.Request, timeout: float) -> BytesIO:  # noqa: ARG001
        return Dying()

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(ModelError, match=f"could not be fetched from https://example.org/tiny.onnx .*{reason}"):
        fetch(card, cache)
    assert list(cache.iterdir()) == []
