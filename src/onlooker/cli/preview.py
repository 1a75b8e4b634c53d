"""What the camera sees, as a page for this machine alone: pictures go from memory to the browser and nowhere else."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from onlooker.core.faces import Picture8
from onlooker.media.overlay import Mark, overlay, to_jpeg

MOST_VIEWERS = 4

_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Onlooker: what the camera sees</title>
<style>html{background:#111;color:#ddd;font:14px system-ui}
body{margin:0;display:grid;min-height:100vh;place-items:center}
img{max-width:100vw;max-height:96vh}p{margin:2px}</style>
<img src="/stream" alt="The camera's picture, faces marked"><p>Shown from memory; nothing is stored.</p></html>"""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Shown = tuple[Picture8, tuple[Mark, ...]]


class Preview:
    """A server on 127.0.0.1, for as long as the ``with`` lasts. Nothing is drawn while nobody looks."""

    def __init__(self, port: int = 0) -> None:
        self._changed = threading.Condition()
        self._shown: Shown | None = None
        self._count = 0
        self._viewers = 0
        self._closing = False
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="onlooker-preview", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def show(self, pixels: Picture8, marks: tuple[Mark, ...]) -> None:
        """The picture to show from now on."""
        with self._changed:
            self._shown = (pixels, marks)
            self._count += 1
            self._changed.notify_all()

    def join(self) -> bool:
        """Take one of the viewers' places, if there is one."""
        with self._changed:
            if self._viewers >= MOST_VIEWERS:
                return False
            self._viewers += 1
            return True

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._viewers -= 1

    def after(self, count: int) -> tuple[int, Shown] | None:
        """The picture that comes after picture number ``count``, and its number; None when the preview ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._count > count)
            return None if self._closing or self._shown is None else (self._count, self._shown)

    def __enter__(self) -> "Preview":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._shown = None
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], preview: Preview) -> None:
        self.preview = preview
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """The page, or the pictures one after another."""
        # A foreign page may have its name point here; only a browser that was sent here by hand names this address.
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost"):
            self._say(HTTPStatus.FORBIDDEN, b"this page is for http://127.0.0.1 alone", "text/plain")
        elif self.path == "/":
            self._say(HTTPStatus.OK, _PAGE, "text/html; charset=utf-8")
        elif self.path != "/stream":
            self._say(HTTPStatus.NOT_FOUND, b"there is / and /stream", "text/plain")
        elif not self.server.preview.join():
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, b"too many are looking; close another page", "text/plain")
        else:
            try:
                self._stream(self.server.preview.after)
            except OSError:  # whoever looked has left
                pass
            finally:
                self.server.preview.leave()

    def _stream(self, after: Callable[[int], tuple[int, Shown] | None]) -> None:
        self._head(HTTPStatus.OK, "multipart/x-mixed-replace; boundary=frame", None)
        count = 0
        while (shown := after(count)) is not None:
            count, (pixels, marks) = shown
            jpeg = to_jpeg(overlay(pixels, marks))
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            self.wfile.write(jpeg + b"\r\n")

    def _say(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Nothing: the terminal shows who is in front."""
