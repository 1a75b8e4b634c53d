"""A real RTSP server, of Debian's packages, that is killed and comes back."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from onlooker.core.errors import InputError
from onlooker.media.video import Clock, Event, frames, patience

pytest.importorskip("av", reason="video needs the extra [video]")

PYTHON = "/usr/bin/python3"
_NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@pytest.fixture(scope="module")
def port() -> int:
    """A free port; skipped where there is no server to run."""
    if not shutil.which(PYTHON) or subprocess.run([PYTHON, "-c", _NEEDS], capture_output=True, check=False).returncode:
        pytest.skip(
            "no RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base "
            "gstreamer1.0-plugins-good"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def camera(port: int) -> Iterator["subprocess.Popen[str]"]:
    script = Path(__file__).with_name("rtsp_camera.py")
    running = subprocess.Popen(
        [PYTHON, str(script), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()


def test_a_camera_that_is_killed_is_noticed_and_found_again(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", (0.2,))
    told: list[Event] = []
    with camera(port) as first:
        stream = frames(f"rtsp://user:secret@127.0.0.1:{port}/camera", told=told.append)
        before = next(stream)
        assert before.pixels.shape == (240, 320, 3)
        first.kill()
        first.wait()
        with camera(port):
            frame = next(stream)
            while told[-1].kind != "back":
                frame = next(stream)
            stream.close()
    assert frame.at > before.at
    kinds = [event.kind for event in told]
    assert kinds[:2] == ["opened", "lost"]
    assert kinds[-1] == "back"
    assert "secret" not in repr(told)


def test_a_path_that_the_server_does_not_have(port: int) -> None:
    with camera(port), pytest.raises(InputError, match="there is no such stream on that server"):
        next(frames(f"rtsp://127.0.0.1:{port}/elsewhere"))


def test_a_camera_that_is_switched_on_after_the_watching_began(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", (0.2,))
    told: list[Event] = []
    with ExitStack() as later:

        def sleep(seconds: float) -> None:
            time.sleep(seconds)
            if len(told) == 1 and not running:
                running.append(later.enter_context(camera(port)))

        running: list[subprocess.Popen[str]] = []
        url = f"rtsp://user:secret@127.0.0.1:{port}/camera"
        stream = frames(url, wait=True, told=told.append, clock=Clock(sleep=sleep))
        assert next(stream).pixels.shape == (240, 320, 3)
        stream.close()
    assert [event.kind for event in told] == ["failed", "opened"]
    assert "connection refused" in told[0].text
