"""Cameras: the newest frame, outages, and nothing left behind."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from onlooker.media.overlay import to_jpeg
from onlooker.media.video import Clock, Event, frames, patience, source
from tests.media.films import counted
from tests.media.tools import Hand, handles, threads

av = pytest.importorskip("av", reason="video needs the extra [video]")


class Camera:
    """A network camera: motion JPEG over HTTP, as many sell it. It can fall silent, hang up, go away and come back."""

    def __init__(self, port: int = 0) -> None:
        camera = self
        self.silent = threading.Event()
        self.ended = threading.Event()
        self.sending = threading.Condition()
        self.sent = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                try:
                    while not camera.ended.is_set():
                        if not camera.silent.is_set():
                            jpeg = to_jpeg(Image.fromarray(counted(30)[number % 30]))
                            self.wfile.write(
                                b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                            )
                            self.wfile.write(jpeg + b"\r\n")
                            number += 1
                            with camera.sending:
                                camera.sent += 1
                                camera.sending.notify_all()
                        camera.ended.wait(0.01)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://user:secret@127.0.0.1:{self.port}/video"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def wait_for(self, frames: int) -> None:
        """Wait until it has sent that many more."""
        with self.sending:
            target = self.sent + frames
            assert self.sending.wait_for(lambda: self.sent >= target, timeout=30)

    def gone(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    monkeypatch.setattr(patience, "RETRY_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(patience, "SILENT_SECONDS", 0.5)
    camera = Camera()
    yield camera
    camera.gone()


def test_a_live_source_gives_the_newest_frame_and_says_what_was_passed_over(camera: Camera) -> None:
    stream = frames(camera.url)
    first = next(stream)
    seen = [first]
    for _ in range(20):  # whoever reads the camera may fall behind on a machine that is busy
        camera.wait_for(12)  # busy elsewhere, while the camera goes on
        seen.append(next(stream))
        if seen[-1].dropped >= 5:
            break
    after = next(stream)
    stream.close()
    assert (first.number, first.at) == (0, 0.0)
    assert [frame.number for frame in seen] == list(range(len(seen)))
    assert seen[-1].dropped >= 5
    assert seen[-2].at < seen[-1].at < after.at


@pytest.mark.parametrize("how", ["silent", "gone"])
def test_a_camera_that_dies_is_noticed_and_opened_again_when_it_is_back(camera: Camera, how: str) -> None:
    told: list[Event] = []
    stream = frames(camera.url, told=told.append)
    before = next(stream)
    again: list[Camera] = []
    if how == "silent":
        camera.silent.set()
        threading.Timer(1.0, camera.silent.clear).start()
    else:
        camera.gone()
        threading.Timer(0.6, lambda: again.append(Camera(camera.port))).start()
    try:
        frame = next(stream)
        while told[-1].kind != "back":
            frame = next(stream)
        kinds = [event.kind for event in told]
        assert kinds[:2] == ["opened", "lost"]
        assert kinds[-1] == "back"
        assert set(kinds[2:-1]) <= {"failed"}
        assert frame.at > before.at
        assert "secret" not in repr(told)
    finally:
        stream.close()
        for other in again:
            other.gone()


def test_an_address_that_does_not_answer_yet_is_tried_until_it_does(camera: Camera) -> None:
    """A shop is switched on in the morning: the machine is ready before the camera is."""
    port = camera.port
    camera.gone()
    told: list[Event] = []
    late: list[Camera] = []
    hand = Hand()

    def sleep(seconds: float) -> None:
        hand.sleep(seconds)
        if len(hand.slept) == 4:
            late.append(Camera(port))

    stream = frames(camera.url, wait=True, told=told.append, clock=Clock(lambda: hand.time, sleep))
    try:
        assert next(stream).number == 0
    finally:
        stream.close()
        for each in late:
            each.gone()
    assert hand.slept[:4] == [0.05, 0.1, 0.1, 0.1]
    assert [event.kind for event in told] == ["failed", "opened"]  # said once, however often it is tried
    assert "connection refused" in told[0].text
    assert "tried again until it answers" in told[0].text
    assert "secret" not in told[0].text


def test_a_live_source_leaves_neither_thread_nor_socket(camera: Camera) -> None:
    list(zip(range(2), frames(camera.url), strict=False))
    gc.collect()
    before, running = handles(), threads()
    stream = frames(camera.url)
    next(stream)
    assert threads() != running
    stream.close()
    assert threads() == running
    # The server in this very process closes its end a moment later.
    deadline = time.monotonic() + 10
    while handles() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert handles() <= before


def test_an_interpreter_that_ends_with_a_camera_open_ends(camera: Camera) -> None:
    code = "import sys; from onlooker.media.video import frames; s = frames(sys.argv[1]); print(next(s).number)"
    done = subprocess.run(
        [sys.executable, "-c", code, camera.url], capture_output=True, timeout=30, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_a_camera_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's test picture in place of a driver: the same way through the code, sizes refused on the way."""
    asked = []
    opening = av.open

    def refusing(name: str, **options: Any) -> Any:
        asked.append(options.get("options"))
        if options.get("options"):
            raise av.error.ArgumentError(22, "Invalid argument")
        return opening(name, **options)

    monkeypatch.setattr(source, "_device", lambda *_: ("lavfi", "testsrc=size=320x240:rate=50"))
    monkeypatch.setattr(av, "open", refusing)
    told: list[Event] = []
    stream = frames(0, told=told.append)
    assert next(stream).pixels.shape == (240, 320, 3)
    stream.close()
    assert [event.text for event in told] == ["camera 0: 320 x 240"]
    assert asked == [{"video_size": "1280x720", "framerate": "30"}, None]
