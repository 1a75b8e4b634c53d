"""The server as it is started, on its port and its folder, over a real connection, and as it ends."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest

from onlooker.jobs.folder import FolderStore
from onlooker.jobs.objects import ObjectStore
from onlooker.service.server import secret_of
from onlooker.settings import Serve, Settings
from tests.service.conftest import Server
from tests.service.running import PATIENCE, answered, awaited, call, children, connect, sent, stored, works

# Starting and ending


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
