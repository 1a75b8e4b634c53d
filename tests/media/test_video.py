import gc
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.errors import InputError
from onlooker.core.faces import Picture8
from onlooker.media import video
from onlooker.media.video import Clock, Frame, frames
from tests.media.films import counted, displayed, encoded, film, number_of, quarters
from tests.media.tools import Hand, handles

av = pytest.importorskip("av", reason="video needs the extra [video]")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames at 25 a second."""
    return film(tmp_path_factory.mktemp("film") / "ten.mp4", counted(10))


# Files ----------------------------------------------------------------------------------------------------------------


def test_every_frame_of_a_file_in_order_at_its_time(clip: Path) -> None:
    got = list(frames(clip))
    assert [number_of(f.pixels) for f in got] == list(range(10))
    assert [f.number for f in got] == list(range(10))
    assert [f.at for f in got] == pytest.approx([k / 25 for k in range(10)], abs=1e-3)
    assert {f.dropped for f in got} == {0}
    assert {(f.pixels.shape, f.pixels.dtype) for f in got} == {((96, 160, 3), np.dtype(np.uint8))}


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mov", "a b ü.mp4", "a.gif"])
def test_other_forms(tmp_path: Path, name: str) -> None:
    if name.endswith("gif"):
        pictures = [Image.fromarray(p) for p in counted(5)]
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=40)
    else:
        film(tmp_path / name, counted(5))
    assert [number_of(f.pixels) for f in frames(tmp_path / name)] == list(range(5))


def test_pixels_are_rgb(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    pixels = next(frames(film(tmp_path / "red.mp4", [red] * 2))).pixels
    assert pixels[..., 0].mean() > 180
    assert pixels[..., 1:].mean() < 20


def test_a_loop_goes_on_and_its_clock_never_runs_backwards(clip: Path) -> None:
    before = handles()
    got = []
    stream = frames(clip, loop=True)
    for frame in stream:
        got.append(frame)
        if len(got) == 35:
            break
    stream.close()
    assert [number_of(f.pixels) for f in got] == [k % 10 for k in range(35)]
    assert [f.at for f in got] == pytest.approx([k / 25 for k in range(35)], abs=5e-3)
    assert handles() == before


def test_at_its_own_pace_a_file_waits_and_passes_over_what_is_late(clip: Path) -> None:
    hand = Hand()
    got = []
    for frame in frames(clip, pace=True, clock=hand.clock):
        got.append(frame)
        if frame.number == 2:
            hand.time += 0.17  # three frames and a bit
    assert [round(f.at * 25) for f in got] == [0, 1, 2, 6, 7, 8, 9]
    assert [f.dropped for f in got] == [0, 0, 0, 3, 0, 0, 0]
    assert hand.slept[:2] == pytest.approx([0.04, 0.04], abs=1e-3)


def test_whoever_is_always_too_slow_still_gets_frames(clip: Path) -> None:
    hand = Hand()
    got = []
    for frame in frames(clip, pace=True, loop=True, clock=hand.clock):
        got.append(frame)
        hand.time += 3.0
        if len(got) == 20:
            break
    assert max(f.dropped for f in got) <= 13


def test_large_frames_are_shrunk_as_they_are_converted(tmp_path: Path) -> None:
    path = film(tmp_path / "large.mp4", counted(2, (640, 320)))
    assert next(frames(path, longest=320)).pixels.shape == (160, 320, 3)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        pytest.param((0, 1, -1, 0), lambda p: np.rot90(p, -1), id="a quarter clockwise"),
        pytest.param((0, -1, 1, 0), lambda p: np.rot90(p, 1), id="a quarter back"),
        pytest.param((-1, 0, 0, -1), lambda p: np.rot90(p, 2), id="upside down"),
        pytest.param((-1, 0, 0, 1), lambda p: p[:, ::-1], id="mirrored"),
        pytest.param((1, 0, 0, -1), lambda p: p[::-1], id="mirrored top to bottom"),
        pytest.param((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2), id="mirrored and turned"),
        pytest.param((0, -1, -1, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2), id="mirrored and turned back"),
    ],
)
def test_a_camera_held_otherwise_gives_upright_frames(
    tmp_path: Path, matrix: tuple[int, int, int, int], turned: Callable[[Picture8], Picture8]
) -> None:
    stored = quarters(96, 64)
    path = displayed(film(tmp_path / "held.mp4", [stored] * 2), matrix)
    pixels, want = next(frames(path)).pixels, turned(stored)
    assert pixels.shape == want.shape
    assert np.abs(pixels.astype(int) - want).mean() < 6


@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(4, 3), Fraction(8, 9)])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, aspect: Fraction) -> None:
    path = encoded(tmp_path / "wide.mp4", [quarters(144, 96)] * 2, aspect)
    pixels = next(frames(path)).pixels
    assert pixels.shape == (96, round(144 * aspect), 3)
    assert np.abs(pixels.astype(int) - quarters(round(144 * aspect), 96)).mean() < 6
    assert next(frames(path, longest=72)).pixels.shape == (round(72 / (144 * aspect / 96)), 72, 3)


def test_recordings_joined_end_to_end_go_on_where_the_first_ends(tmp_path: Path) -> None:
    """Each begins at the same time again, as a recorder's parts do."""
    part = encoded(tmp_path / "part.ts", counted(10)).read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part * 3)
    got = list(frames(joined))
    assert [number_of(f.pixels) for f in got] == [k % 10 for k in range(30)]
    assert [f.at for f in got] == pytest.approx([k / 25 for k in range(30)], abs=0.02)


# Release --------------------------------------------------------------------------------------------------------------


def test_nothing_is_opened_before_the_first_frame_is_asked_for() -> None:
    frames("no such file").close()


@pytest.mark.parametrize("how", ["end", "close", "drop", "raise"])
def test_a_file_is_always_closed(clip: Path, how: str) -> None:
    next(frames(clip)).pixels.sum()  # whatever is loaded once, is loaded
    gc.collect()
    before = handles()
    stream = frames(clip)
    if how == "end":
        list(stream)
    else:
        next(stream)
        assert handles() > before
        if how == "close":
            stream.close()
        elif how == "raise":
            with pytest.raises(KeyError):
                stream.throw(KeyError())
        else:
            del stream
            gc.collect()
    assert handles() == before


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere.mp4", "no such file"),
        ("folder", "a folder, not a video"),
        ("text.mp4", "not a video in a known format"),
        ("empty.mp4", "not a video in a known format"),
        ("half.mp4", "not a video in a known format"),
        ("sound.wav", "holds no video"),
        ("rtsp://user:secret@127.0.0.1:9/x", "connection refused"),
        ("http://127.0.0.1:9/x", "connection refused"),
        ("gopherhole://127.0.0.1/x", "no such protocol"),
        ("873", "there is no such camera"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_sentence(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("text.mp4").write_text("no video at all\n" * 100, encoding="utf-8")
    Path("empty.mp4").touch()
    Path("half.mp4").write_bytes(clip.read_bytes()[:600])
    with wave.open("sound.wav", "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    if source == "873" and not sys.platform.startswith("linux"):
        pytest.skip("cameras are files on Linux alone")
    with pytest.raises(InputError, match=says) as error:
        next(frames(source))
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_what_waiting_does_not_mend_is_said_at_once_even_by_who_waits() -> None:
    for source in ("gopherhole://127.0.0.1/x", "nowhere.mp4", "873"):
        with pytest.raises(InputError):
            next(frames(source, wait=True, clock=Hand().clock))


def test_without_the_extra_it_says_what_to_install(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'onlooker\[video\]'"):
        next(frames(clip))


def test_a_file_damaged_in_the_middle_is_read_past_the_damage(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", counted(30))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path.write_bytes(data)
    assert len(list(frames(path))) >= 10


def test_a_playlist_cannot_send_the_reader_to_the_network(tmp_path: Path) -> None:
    """A file from a stranger is read as a file: what it names elsewhere is not fetched."""
    asked = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        path = tmp_path / "list.m3u8"
        path.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{server.server_address[1]}/a.ts\n"
            "#EXT-X-ENDLIST\n",
            encoding="utf-8",
        )
        with pytest.raises(InputError):
            next(frames(path))
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def test_sources_that_go_by_a_name_need_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def wall(clock: Clock) -> Iterator[Frame]:
        yield Frame(np.zeros((2, 2, 3), np.uint8), clock.now(), 0)

    monkeypatch.setitem(video.NAMED, "wall", wall)
    monkeypatch.setitem(sys.modules, "av", None)
    assert [f.at for f in frames("wall", clock=Hand().clock)] == [100.0]
