"""The server as it is started: over a real connection, with its worker processes, and what it survives."""

import concurrent.futures
import contextlib
import http.client
import io
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from PIL import Image

from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import ObjectStore
from onlooker.service.server import secret_of
from onlooker.settings import Serve, Settings
from tests.service.conftest import Server, start_server

PATIENCE = 60
"""Seconds after which what has not come is a failure."""

HOOK = """
import os, signal, sys, time

if "onlooker.jobs.process" in sys.orig_argv:
    from onlooker.analyzer import Analyzer

    analyze = Analyzer.analyze

    def told(self, source, name=None, confidence=None):
        if source.startswith(b"KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        if source.startswith(b"HANG"):
            time.sleep(3600)
        if source.startswith(b"SLOW"):
            time.sleep(1)
        return analyze(self, source, name, confidence)

    Analyzer.analyze = told
"""
"""A ``sitecustomize`` by which pictures tell the worker process that reads them what to do."""


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a server whose workers heed ``HOOK``."""
    folder = tmp_path_factory.mktemp("hook")
    (folder / "sitecustomize.py").write_text(HOOK)
    return {"PYTHONPATH": str(folder), "ONLOOKER_LEASE": "1"}


@pytest.fixture
def own(tmp_path: Path, detector: None) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    del detector
    running: list[Server] = []

    def start(**environment: str) -> Server:
        running.append(start_server(tmp_path, environment=environment))
        return running[-1]

    yield start
    for server in running:
        server.stop(signal.SIGKILL)
        if server.process.stdout:
            server.process.stdout.close()


def call(
    server: Server, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    """A request's status, its answer (parsed where it is JSON) and its headers."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data, answer.headers
    finally:
        connection.close()


def connect(server: Server) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((where.hostname, where.port), timeout=PATIENCE)


def awaited(condition: Callable[[], Any]) -> Any:
    """What the condition gives, once it is true."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("what was waited for did not come")


def answered(server: Server, job: str) -> dict[str, Any]:
    """A job, once it is no longer queued."""

    def done() -> Any:
        _, found, _ = call(server, "GET", f"/v1/jobs/{job}")
        return found if found["status"] != "queued" else None

    found: dict[str, Any] = awaited(done)
    return found


def sent(server: Server, data: bytes, path: str = "/v1/jobs", **headers: str) -> str:
    status, job, _ = call(server, "POST", path, data, headers)
    assert status == 202, job
    found: str = job["id"]
    return found


def works(server: Server, portrait: bytes) -> None:
    """The server reads a face as ever."""
    status, analysis, _ = call(server, "POST", "/v1/analyze", portrait)
    assert status == 200, analysis
    assert len(analysis["faces"]) == 1


@pytest.fixture(scope="module")
def portrait(samples: Path) -> bytes:
    return (samples / "grace_hopper.jpg").read_bytes()


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


def test_what_is_no_http_is_refused(server: Server, portrait: bytes) -> None:
    for rubbish in (b"\x00\xff" * 100 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a" * 200_000, b"\x16\x03\x01\r\n\r\n"):
        with connect(server) as wire:
            wire.sendall(rubbish)
            assert wire.recv(100).startswith(b"HTTP/1.1 400")
    works(server, portrait)


def stored(server: Server) -> set[Path]:
    return {path for path in (server.folder / "pictures").rglob("*") if path.is_file()}


# Privacy


def test_no_byte_of_a_picture_reaches_a_disk_where_it_is_answered_at_once(
    own: Callable[..., Server], tmp_path: Path, samples: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = own(TMPDIR=str(temporary))
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
    held = [str(link.readlink()) for link in Path(f"/proc/{server.process.pid}/fd").iterdir()]
    assert [link for link in held if "(deleted)" in link] == []


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


# Ending and starting again


def test_what_was_accepted_is_answered_after_the_server_was_killed(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked)
    jobs = [sent(server, b"SLOW"), *(sent(server, portrait) for _ in range(6))]
    server.stop(signal.SIGKILL)
    again = own(ONLOOKER_LEASE="1")
    assert [answered(again, job)["status"] for job in jobs] == ["failed"] + ["done"] * 6
    works(again, portrait)


def test_a_request_sent_again_after_the_server_was_killed_is_the_same_job(own: Callable[..., Server]) -> None:
    ids = []
    for _ in range(2):
        server = own(ONLOOKER_WORKERS="0")
        ids.append(sent(server, b"picture", **{"Idempotency-Key": "k"}))
        server.stop(signal.SIGKILL)
    assert ids[0] == ids[1]
    assert len([path for path in stored(server) if path.parent.name == "in_"]) == 1


def test_the_secret_is_the_one_that_is_set_else_the_folders_else_made_at_each_start(tmp_path: Path) -> None:
    folder, another = FolderStore(tmp_path / "pictures"), FolderStore(tmp_path / "another")
    bucket = cast("ObjectStore", object())  # only what it is not is looked at
    chosen = Settings(serve=Serve(secret="chosen"))
    assert secret_of(chosen, folder) == secret_of(chosen, another) == secret_of(chosen, bucket)
    assert secret_of(Settings(), folder) == secret_of(Settings(), FolderStore(tmp_path / "pictures"))
    made = [secret_of(chosen, folder), *(secret_of(Settings(), each) for each in (folder, another, bucket, bucket))]
    assert len(set(made)) == 5
    assert {len(each) for each in made} == {32}


def test_the_end_of_the_server_ends_its_streams_and_its_workers(
    own: Callable[..., Server], hooked: dict[str, str]
) -> None:
    server = own(**hooked)
    job = sent(server, b"SLOW" + bytes(10))
    with connect(server) as wire:
        wire.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert b"200 OK" in wire.recv(65536)
        worker = children(server)[0]
        assert server.stop(signal.SIGTERM) == 0
        while wire.recv(65536):
            pass
    awaited(lambda: not Path(f"/proc/{worker}").exists())
    assert "Traceback" not in server.log.read_text()


def children(server: Server) -> list[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


def refused(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("ONLOOKER_")}
    command = [sys.executable, "-m", "onlooker.cli.main", "serve", *arguments]
    environment = {**known, "XDG_DATA_HOME": str(tmp_path / "data"), **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False)
    return done.returncode, done.stderr.strip()


def test_two_servers_on_one_port_and_two_on_one_folder(server: Server, tmp_path: Path) -> None:
    port = str(urlsplit(server.url).port)
    code, said = refused(tmp_path, "--port", port)
    assert code == 2
    assert f"127.0.0.1:{port} is taken" in said
    assert "--port" in said
    folder = (server.folder / "pictures").as_uri()
    code, said = refused(tmp_path, "--port", "0", "--store", folder)
    assert code == 2
    assert "uses this folder" in said
    assert f"localhost:{port}" in said
    for text in (said, refused(tmp_path, "--port", "0", "--host", "192.0.2.1")[1]):
        assert len(text.splitlines()) == 1
        assert "Traceback" not in text


# Workers


def test_a_picture_that_kills_its_worker_is_given_up_and_its_neighbours_are_answered(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked, ONLOOKER_THREADS="2")
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        killing = clients.submit(call, server, "POST", "/v1/analyze", b"KILL")
        innocent = [clients.submit(call, server, "POST", "/v1/analyze", portrait) for _ in range(3)]
        status, problem, _ = killing.result()
        assert (status, problem["type"]) == (500, "urn:onlooker:problem:picture-stops-worker")
        assert "try it in another format" in problem["detail"]
        assert [call.result()[0] for call in innocent] == [200, 200, 200]
    works(server, portrait)


def test_a_job_that_kills_its_worker_goes_to_the_dead_letters_and_says_so(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked, ONLOOKER_THREADS="2")
    killing = sent(server, b"KILL")
    innocent = [sent(server, portrait) for _ in range(3)]
    failed = answered(server, killing)
    assert failed["status"] == "failed"
    assert "stopped its worker" in failed["error"]
    assert [answered(server, job)["status"] for job in innocent] == ["done"] * 3
    works(server, portrait)


def test_a_picture_that_hangs_is_given_up(own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]) -> None:
    server = own(**hooked, ONLOOKER_LIMITS_PATIENCE="1")
    status, problem, _ = call(server, "POST", "/v1/analyze", b"HANG")
    assert (status, problem["type"]) == (500, "urn:onlooker:problem:picture-stops-worker")
    awaited(lambda: call(server, "GET", "/readyz")[0] == 200)
    works(server, portrait)


def test_a_worker_that_is_killed_while_it_rests_is_replaced(own: Callable[..., Server], portrait: bytes) -> None:
    server = own()
    os.kill(children(server)[0], signal.SIGKILL)
    works(server, portrait)
    assert "worker lost" in server.log.read_text()


def test_more_than_can_wait_is_refused_at_once(own: Callable[..., Server], hooked: dict[str, str]) -> None:
    server = own(**hooked, ONLOOKER_THREADS="1", ONLOOKER_LIMITS_BACKLOG="1")
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        calls = [clients.submit(call, server, "POST", "/v1/analyze", b"SLOW") for _ in range(8)]
        outcomes = [one.result() for one in calls]
    statuses = [status for status, _, _ in outcomes]
    assert set(statuses) == {422, 503}
    for status, problem, headers in outcomes:
        if status == 503:
            assert problem["type"] == "urn:onlooker:problem:busy"
            assert int(headers["Retry-After"]) >= 1


# The disk, proxies


def test_a_file_system_that_takes_no_more_is_said_and_recovers(own: Callable[..., Server], portrait: bytes) -> None:
    """The limit on a file's size stands for a full disk: it needs no rights, and fails at the same place."""
    server = own()
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (50_000, before[1]))
    status, problem, _ = call(server, "POST", "/v1/jobs", portrait)
    assert (status, problem["type"]) == (507, "urn:onlooker:problem:storage-full")
    assert [path for path in stored(server) if path.parent.name in ("in_", "aside")] == []
    works(server, portrait)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    assert answered(server, sent(server, portrait))["status"] == "done"


@pytest.mark.parametrize(
    ("proxies", "client"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9"), ("10.9.9.9", "127.0.0.1")]
)
def test_a_forwarded_address_is_believed_of_named_proxies_alone(
    own: Callable[..., Server], proxies: str, client: str
) -> None:
    server = own(ONLOOKER_PROXIES=proxies, ONLOOKER_WORKERS="0")
    call(server, "GET", "/v1/jobs/x", None, {"X-Forwarded-For": "203.0.113.9"})
    awaited(lambda: f'"client": "{client}"' in server.log.read_text())
