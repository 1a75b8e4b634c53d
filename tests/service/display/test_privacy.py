"""What the camera sees stays in memory: a whole run, with the real camera's process and an operator who looks."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from onlooker.jobs.process import Task as WorkerTask
from onlooker.service.display.messages import Picture, Task, Wanted, length, packed, unpacked
from tests.service.display.stage import Server, make_server

PATIENCE = 60.0

MAGIC = {
    "jpeg": b"\xff\xd8\xff",
    "png": b"\x89PNG\r\n\x1a\n",
    "webp": b"WEBPVP8",
    "mp4": b"ftypisom",
}

VECTOR = re.compile(rb"(-?\d\.\d+[, ]+){20}")
"""Twenty numbers in a row."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, detector: None) -> Iterator[tuple[Server, int]]:
    """A server on the demo camera whose picture was looked at until a face was read; and how many pictures came."""
    del detector
    folder = tmp_path_factory.mktemp("whole")
    server = make_server(folder, source="demo")
    server.environment["ONLOOKER_LOG"] = "debug"
    server.start()
    pictures = 0
    with urllib.request.urlopen(f"{server.url}/operator/picture", timeout=PATIENCE) as stream:
        most = time.monotonic() + PATIENCE
        while not read(server):
            assert time.monotonic() < most
            pictures += stream.read(20_000).count(MAGIC["jpeg"])
    ask(server, "/display/next", b'{"page": "page-0001", "play": "play-0001"}')
    yield server, pictures
    server.stop(signal.SIGKILL)


def ask(server: Server, path: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(f"{server.url}{path}", data, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
    return body


def read(server: Server) -> bool:
    """Whether the camera has read the age of a face."""
    with urllib.request.urlopen(f"{server.url}/operator/events", timeout=PATIENCE) as stream:
        for line in stream:
            if line.startswith(b"data: ["):
                return any(person["age"] is not None for person in json.loads(line[6:]))
    return False


def processes(server: Server) -> list[int]:
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [server.process.pid, *map(int, children)]


def opened(server: Server, pid: int) -> list[str]:
    """What a process has open now, as it says itself."""
    told = server.folder / "open" / str(pid)
    told.unlink()
    most = time.monotonic() + PATIENCE
    while not told.exists():
        assert time.monotonic() < most
        time.sleep(0.05)
    return told.read_text().split("\n")


def test_no_byte_of_a_picture_is_on_a_disk(run: tuple[Server, int]) -> None:
    server, pictures = run
    assert pictures > 3  # they were there to be seen, and so to be written
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in files)
    own = server.folder / "campaign"
    for path in files:
        if not path.is_relative_to(own):
            data = path.read_bytes()
            assert [name for name, magic in MAGIC.items() if magic in data] == [], path
            assert not VECTOR.search(data), path
    pids = processes(server)
    assert len(pids) == 2
    for pid in pids:
        held = opened(server, pid)
        assert any(link.startswith("pipe:") for link in held)
        # Nor in a file without a name, in shared memory, or in a file elsewhere that is open for writing.
        assert [link for link in held if "(deleted)" in link or "/shm/" in link or "memfd" in link] == []
        files_open = [link for link in held if link.startswith("/") and not link.startswith(("/dev/", "/proc/"))]
        assert [link for link in files_open if not link.startswith(str(server.folder))] == []


CORE = Path("/proc/sys/kernel/core_pattern")

DUMPS = ("sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", sys.executable)
"""Runs Python with as large a dump as may be."""


def camera_sees(camera: "subprocess.Popen[bytes]") -> None:
    """Wait until a camera's process has shown what it sees."""
    assert camera.stdin is not None
    assert camera.stdout is not None
    camera.stdin.write(packed(Wanted(show=True)))
    camera.stdin.flush()
    while not isinstance(unpacked(camera.stdout.read(length(camera.stdout.read(4)))), Picture):
        pass


def something_is_said(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process has said its first word."""
    assert process.stdout is not None
    assert process.stdout.read(4)


def told(task: msgspec.Struct) -> str:
    return msgspec.json.encode(task).decode()


@pytest.mark.skipif(
    not CORE.exists() or CORE.read_text().startswith(("|", "/")), reason="dumps do not go into the folder of a process"
)
@pytest.mark.parametrize(
    ("arguments", "wait"),
    [
        (["onlooker.service.display.camera", told(Task("demo"))], camera_sees),
        (["onlooker.jobs.process", told(WorkerTask())], something_is_said),
        (["onlooker.cli.main", "watch", "demo", "--format", "jsonl"], something_is_said),
    ],
    ids=["camera", "worker", "watch"],
)
def test_a_process_that_holds_pictures_and_crashes_leaves_no_dump_of_its_memory(
    tmp_path: Path, detector: None, arguments: list[str], wait: Callable[["subprocess.Popen[bytes]"], None]
) -> None:
    del detector
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    subprocess.run([*DUMPS, "-c", crash], cwd=tmp_path, check=False)
    if not (dumps := list(tmp_path.iterdir())):
        pytest.skip("no process leaves a dump here")
    for dump in dumps:
        dump.unlink()
    with subprocess.Popen(
        [*DUMPS, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        try:
            wait(process)
            assert resource.prlimit(process.pid, resource.RLIMIT_CORE)[0] == 0
            # As for a program that is handed dumps whatever the limit.
            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (most, most))
            process.send_signal(signal.SIGSEGV)
            assert process.wait(PATIENCE) == -signal.SIGSEGV
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


def test_the_log_says_nothing_of_a_face(run: tuple[Server, int]) -> None:
    server, _ = run
    people = json.loads(next(line for line in stream(server) if line.startswith("data: ["))[6:])
    log = server.log
    assert '"route": "/operator/picture"' in log or '"route": "/display/next"' in log
    for word in ("age", "gender", "p_female", "box", "ages", "female", "male"):
        assert f'"{word}"' not in log
    assert all(f'"{person["id"]}' not in log for person in people)
    assert not VECTOR.search(log.encode())


def stream(server: Server) -> Iterator[str]:
    with urllib.request.urlopen(f"{server.url}/operator/events", timeout=PATIENCE) as events:
        for line in events:
            yield line.decode()


def test_what_the_operator_is_told_of_people_are_numbers_and_labels_alone(run: tuple[Server, int]) -> None:
    server, _ = run
    known = {"id", "box", "facing", "present_s", "attention_s", "age", "low", "high", "p_female", "gender", "p_minor"}
    people = json.loads(next(line for line in stream(server) if line.startswith("data: [{"))[6:])
    for person in people:
        assert set(person) == known
        assert len(person["id"]) == 4
        assert person["gender"] in ("female", "male", None)
        assert len(person["box"]) == 4


def test_the_server_itself_holds_no_model_and_no_decoder() -> None:
    """What meets pictures is the camera's process; the server could not make anything of one."""
    code = "import sys, onlooker.service.display.server; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()).isdisjoint({"PIL", "onnxruntime", "av", "onlooker.watcher", "onlooker.media.video"})
