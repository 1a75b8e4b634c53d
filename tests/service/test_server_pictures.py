"""What a real server says to pictures that are none or too large, and what it keeps of a picture."""

import contextlib
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.service.conftest import Server
from tests.service.display.test_privacy import CORE, something_is_said
from tests.service.display.test_privacy import (
    test_a_process_that_holds_pictures_and_crashes_leaves_no_dump_of_its_memory as leaves_no_dump,
)
from tests.service.running import answered, awaited, call, children, connect, sent, stored, works

ROOT = Path(__file__).parents[2]


def bomb(side: int = 60_000) -> bytes:
    """A PNG of some kilobytes that says it is ``side`` x ``side`` pixels, and holds some of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(3_000_000))) + chunk(b"IEND", b"")


def noise_jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 90).save(file, "JPEG", quality=95)
    return file.getvalue()


# Pictures that are none


def bad_pictures(portrait: bytes) -> dict[str, bytes]:
    return {
        "text": b"this is no picture",
        "one byte": b"\xff",
        "truncated": portrait[: len(portrait) // 2],
        "header alone": portrait[:20],
        "bomb": bomb(),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "gif without frames": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        "zeros": bytes(100_000),
    }


def test_a_bad_picture_gets_one_sentence_and_the_next_is_read(server: Server, portrait: bytes) -> None:
    for name, data in bad_pictures(portrait).items():
        status, problem, headers = call(server, "POST", "/v1/analyze", data, {"Content-Type": "image/png"})
        assert (name, status) == (name, 422)
        assert headers["Content-Type"] == "application/problem+json"
        assert problem["type"] == "urn:onlooker:problem:unreadable-picture"
        assert "\n" not in problem["detail"]
        assert "Traceback" not in problem["detail"]
        assert "/site-packages/" not in problem["detail"]
        job = answered(server, sent(server, data))
        assert (name, job["status"], job["error"]) == (name, "failed", job["analysis"]["error"])
    works(server, portrait)


def test_a_picture_without_a_face_is_an_answer(server: Server) -> None:
    status, analysis, _ = call(server, "POST", "/v1/analyze", noise_jpeg(64, 48))
    assert (status, analysis["found"], analysis["faces"], analysis["error"]) == (200, 0, [], None)


def test_of_a_thousand_faces_the_largest_hundred_are_read(server: Server, samples: Path) -> None:
    with Image.open(samples / "eileen_collins.png") as image:
        face = image.convert("RGB").crop((100, 20, 350, 270)).resize((64, 64))
    crowd = Image.new("RGB", (40 * 64, 25 * 64))
    for number in range(1000):
        crowd.paste(face, (number % 40 * 64, number // 40 * 64))
    file = io.BytesIO()
    crowd.save(file, "JPEG", quality=92)
    status, analysis, _ = call(server, "POST", "/v1/analyze", file.getvalue())
    assert status == 200, analysis
    assert len(analysis["faces"]) == 100
    assert analysis["found"] > 100


# Too much, too slow, gone


@pytest.mark.parametrize("path", ["/v1/analyze", "/v1/jobs", "/v1/store"])
def test_50_mb_are_refused_to_a_client_that_sends_them_all(server: Server, portrait: bytes, path: str) -> None:
    large = bytes(50_000_000)
    status, problem, _ = call(server, "POST", path, large, {"Content-Type": "image/jpeg"})
    assert (status, problem["type"]) == (413, "urn:onlooker:problem:too-large")

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(large), 1_000_000):
            yield large[start : start + 1_000_000]

    status, problem, _ = call(server, "POST", path, chunks(), {"Content-Type": "image/jpeg"})
    assert (status, problem["type"]) == (413, "urn:onlooker:problem:too-large")
    works(server, portrait)


def test_50_mb_are_refused_before_they_are_sent_where_the_client_asks(server: Server) -> None:
    with connect(server) as wire:
        head = "POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n"
        wire.sendall(head.encode())
        answer = wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_who_asks_before_sending_is_told_to_go_on(server: Server, portrait: bytes) -> None:
    with connect(server) as wire:
        head = (
            f"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: {len(portrait)}\r\nExpect: 100-continue\r\n\r\n"
        )
        wire.sendall(head.encode())
        assert wire.recv(65536).startswith(b"HTTP/1.1 100 ")
        wire.sendall(portrait)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/v1/analyze", "/v1/jobs", "/v1/store"])
def test_a_client_that_goes_away_in_the_middle_leaves_nothing(server: Server, portrait: bytes, path: str) -> None:
    before = stored(server)
    with connect(server) as wire:
        wire.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".encode() + bytes(50_000))
    awaited(lambda: f'"route": "{path}", "status": 499' in server.log.read_text())
    assert [path for path in stored(server) - before if path.parent.name in ("in_", "aside")] == []
    works(server, portrait)


def test_who_asks_for_a_web_socket_is_answered_as_any_other(server: Server) -> None:
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "a" * 22,
    }
    status, problem, _ = call(server, "GET", "/v1/jobs/web-socket", None, asked)
    assert (status, problem["type"]) == (404, "urn:onlooker:problem:not-found")
    awaited(lambda: problem["instance"].rpartition(":")[2] in server.log.read_text())
    log = server.log.read_text()
    assert [line for line in log.splitlines() if "upgrade" in line.lower() or "websocket" in line.lower()] == []


def test_what_is_no_http_is_refused(server: Server, portrait: bytes) -> None:
    for rubbish in (b"\x00\xff" * 100 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a" * 200_000, b"\x16\x03\x01\r\n\r\n"):
        with connect(server) as wire:
            wire.sendall(rubbish)
            assert wire.recv(100).startswith(b"HTTP/1.1 400")
    works(server, portrait)


# Privacy


def test_no_byte_of_a_picture_reaches_a_disk_where_it_is_answered_at_once(
    own: Callable[..., Server], tmp_path: Path, samples: Path
) -> None:
    temporary, telling = tmp_path / "temporary", tmp_path / "telling"
    for folder in (temporary, telling):
        folder.mkdir()
    told = telling / "open"
    (telling / "sitecustomize.py").write_text(
        f"import pathlib\nfrom tests.service.display.open_files import tell\ntell(pathlib.Path({str(told)!r}))\n"
    )
    server = own(TMPDIR=str(temporary), PYTHONPATH=f"{telling}{os.pathsep}{ROOT}")
    data = (samples / "group.jpg").read_bytes() + os.urandom(3_000_000)
    boundary = b'--x\r\nContent-Disposition: form-data; name="file"; filename="anna.jpg"\r\n\r\n'
    form = boundary + data + b"\r\n--x--\r\n"
    marker = data[-2_000_000:-1_999_900]
    seen: list[Path] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with contextlib.suppress(FileNotFoundError):  # gone between the listing and the look
                seen.extend(path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1_000_000)

    looking = threading.Thread(target=look)
    looking.start()
    for kind, body in (("image/jpeg", data), ("multipart/form-data; boundary=x", form)):
        status, analysis, _ = call(server, "POST", "/v1/analyze", body, {"Content-Type": kind})
        assert status == 200, analysis
        assert analysis["found"] == 5
    over.set()
    looking.join()
    assert seen == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if marker in path.read_bytes()] == []
    # Nor does a process hold it in a file that has no name.
    pids = [server.process.pid, *children(server)]
    assert len(pids) == 2
    for pid in pids:
        held = opened_now(told / str(pid))
        assert any(link.startswith("pipe:") for link in held)
        assert [link for link in held if "(deleted)" in link] == []


def opened_now(told: Path) -> list[str]:
    """What a process has open now, as it says itself: nobody but root may look from outside."""
    told.unlink()
    awaited(told.exists)
    return told.read_text().split("\n")


@pytest.mark.skipif(
    not CORE.exists() or CORE.read_text().startswith(("|", "/")), reason="dumps do not go into the folder of a process"
)
def test_a_server_that_crashes_leaves_no_dump_of_what_it_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "crash"
    folder.mkdir()
    leaves_no_dump(folder, None, ["onlooker.cli.main", "serve", "--port", "0"], something_is_said)


def test_a_picture_is_gone_from_the_folder_once_answered_and_the_answer_once_deleted(
    server: Server, portrait: bytes
) -> None:
    before = stored(server)
    job = sent(server, portrait, "/v1/jobs?keep=true&name=anna.jpg")
    done = answered(server, job)
    assert done["status"] == "done", done
    awaited(lambda: not [path for path in stored(server) if job in path.name and path.parent.name == "in_"])
    marker = portrait[20_000:20_100]
    assert [path for path in stored(server) - before if marker in path.read_bytes()] == []
    status, kept, _ = call(server, "GET", done["picture"])
    assert status == 200
    with Image.open(io.BytesIO(kept)) as image:
        assert not image.getexif()
    assert call(server, "DELETE", f"/v1/jobs/{job}")[0] == 204
    assert [path for path in stored(server) if job in path.name] == []


def test_the_log_holds_no_name_no_id_and_no_secret(own: Callable[..., Server], portrait: bytes) -> None:
    server = own(ONLOOKER_LOG="debug")
    job = sent(server, portrait, "/v1/jobs?name=anna.jpg", **{"Idempotency-Key": "idem-secret"})
    answered(server, job)
    call(server, "GET", f"/v1/jobs/{job}/events")
    call(server, "POST", "/v1/analyze?name=anna.jpg", portrait, {"Authorization": "Bearer olk_secretsecret"})
    call(server, "POST", "/v1/analyze?name=anna.jpg", b"no picture", {"Cookie": "onlooker=cookie-secret"})
    _, upload, _ = call(server, "POST", "/v1/uploads", '{"name": "anna.jpg"}')
    call(server, "DELETE", f"/v1/jobs/{job}")
    assert server.stop() == 0
    log = server.log.read_text()
    assert f'"job": "{job[:8]}"' in log
    for secret in (
        job,
        upload["id"],
        upload["fields"]["signature"],
        "anna",
        "olk_secret",
        "idem-secret",
        "cookie-secret",
    ):
        assert secret not in log
    assert "Traceback" not in log
