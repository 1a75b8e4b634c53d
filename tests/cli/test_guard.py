"""No command writes over what it reads, nor over what somebody else made."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from onlooker.audience.ledger import Ledger
from onlooker.cli.guard import hold, refuse_own_input
from onlooker.cli.output import form_of, open_output
from onlooker.core.errors import InputError
from tests.audience import people
from tests.cli.conftest import Run
from tests.cli.test_output import ANSWERS
from tests.datasets.pictures import photograph, save


def test_a_file_is_its_own_under_every_name(tmp_path: Path) -> None:
    file = tmp_path / "in.jpg"
    file.write_bytes(b"picture")
    (tmp_path / "link.jpg").symlink_to(file)
    os.link(file, tmp_path / "hard.jpg")
    for name in ("in.jpg", "link.jpg", "hard.jpg", "../" + tmp_path.name + "/in.jpg"):
        with pytest.raises(InputError, match=r"is what this command reads, and would be written over; name another -o"):
            refuse_own_input(tmp_path / name, "elsewhere.jpg", None, file, option="-o")


def test_what_is_another_file_or_none_is_no_input(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"the same bytes")
    refuse_own_input(None, tmp_path / "a.jpg")
    refuse_own_input(tmp_path / "b.jpg", tmp_path / "a.jpg", tmp_path / "missing")
    refuse_own_input(tmp_path / "missing", tmp_path / "missing", "s3://shop/a.jpg")
    refuse_own_input("/dev/null", "/dev/null")


@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_a_picture_is_not_made_a_table_of_its_faces(run: Run, portrait: Path, kind: str) -> None:
    Path("in.jpg").write_bytes(portrait.read_bytes())
    Path("link.jpg").symlink_to("in.jpg")
    for output in ("in.jpg", "./link.jpg"):
        found = run("analyze", "in.jpg", "--aligned", "--format", kind, "--output", output)
        assert found.code == 2
        assert f"onlooker: {output}: is what this command reads, and would be written over" in found.err
    assert Path("in.jpg").read_bytes() == portrait.read_bytes()


def test_a_picture_in_a_folder_that_is_read_is_not_written_over_either(run: Run, album: Path, portrait: Path) -> None:
    found = run("analyze", album, "--aligned", "--output", album / "b.jpg")
    assert found.code == 2
    assert "exists and is no table output" in found.err
    assert (album / "b.jpg").read_bytes() == portrait.read_bytes()


def test_a_forgotten_format_goes_by_the_name_of_the_output(run: Run, portrait: Path) -> None:
    run("analyze", portrait, "--aligned", "--format", "csv", "--output", "c.csv")
    before = Path("c.csv").read_bytes()
    again = run("analyze", portrait, "--aligned", "--output", "c.csv")
    assert again.code == 0
    assert Path("c.csv").read_bytes() == before
    run("analyze", portrait, "--aligned", "--output", "l.JSONL")
    assert Path("l.JSONL").read_text(encoding="utf-8").startswith('{"source": ')
    contradicted = run("analyze", portrait, "--aligned", "--format", "jsonl", "--output", "new.csv")
    assert contradicted.code == 0
    assert Path("new.csv").read_text(encoding="utf-8").startswith('{"source": ')


@pytest.mark.parametrize(
    ("target", "form"),
    [(None, "table"), ("out", "table"), ("o.txt", "table"), ("o.CSV", "csv"), ("s3://shop/o.jsonl", "jsonl")],
)
def test_the_form_of_a_name(target: str | None, form: str) -> None:
    assert form_of(target) == form


def test_a_table_replaces_a_table_of_any_width_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.txt"
    for width in ("60", "200"):
        monkeypatch.setenv("COLUMNS", width)
        with open_output("table", path) as (writer, _):
            writer.write(ANSWERS[0])
        assert path.read_text(encoding="utf-8").count("one.jpg") == 1
    monkeypatch.setenv("FORCE_COLOR", "1")
    for _ in range(2):
        with open_output("table", path) as (writer, _):
            writer.write(ANSWERS[0])
    assert path.read_text(encoding="utf-8").count("one.jpg") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such lock")
@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_two_runs_do_not_write_into_one_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    with open_output(kind, path) as (writer, _):
        writer.write(ANSWERS[0])
        held = path.read_bytes()
        with (
            pytest.raises(InputError, match="another run is writing into it; wait for its end, or name another"),
            open_output(kind, path),
        ):
            pass
        assert path.read_bytes() == held
    with open_output(kind, path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["out"], "no lock is left beside it"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such lock")
def test_a_file_that_somebody_holds_is_told_by_the_command(run: Run, portrait: Path) -> None:
    with Path("o.jsonl").open("a") as file:
        hold(file, "o.jsonl")
        found = run("analyze", portrait, "--aligned", "--output", "o.jsonl")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "onlooker: o.jsonl: another run is writing into it; wait for its end, or name another --output file\n"
    )


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_is_held_by_nobody() -> None:
    with open_output("jsonl", "/dev/null") as (one, _), open_output("jsonl", "/dev/null") as (other, _):
        one.write(ANSWERS[0])
        other.write(ANSWERS[0])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    ledger = Ledger(str(tmp_path / "led.sqlite"))
    ledger.add_plays([people.play(0)])
    ledger.close()
    return Path("led.sqlite")


@pytest.mark.parametrize("what", ["plays", "audience", "log"])
def test_an_export_replaces_no_ledger(run: Run, ledger: Path, what: str) -> None:
    shutil.copyfile(ledger, "other.sqlite")
    for output in (ledger, "other.sqlite"):
        done = run("export", what, "--ledger", ledger, "--output", output)
        assert (done.code, done.out) == (2, "")
        assert done.err == f"onlooker: {output}: is a database, perhaps the ledger itself; name another --output\n"
        with sqlite3.connect(output) as database:
            assert database.execute("SELECT count(*) FROM plays").fetchone() == (1,)
        database.close()


def test_an_export_replaces_no_settings(run: Run, ledger: Path) -> None:
    Path("display.toml").write_text(f'[display]\nledger = "{ledger}"\n', encoding="utf-8")
    done = run("export", "plays", "--config", "display.toml", "--output", "display.toml")
    assert done.code == 2
    assert "display.toml: is what this command reads" in done.err
    assert Path("display.toml").read_text(encoding="utf-8").startswith("[display]")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes by name")
def test_an_export_leaves_a_pipe_a_pipe(run: Run, ledger: Path) -> None:
    os.mkfifo("pipe")
    reading = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("export", "plays", "--ledger", ledger, "--output", "pipe").code == 0
        assert os.read(reading, 100).startswith(b"play_id,screen_id,")
        assert Path("pipe").is_fifo()
    finally:
        os.close(reading)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
def test_an_export_through_a_link_leaves_it_a_link(run: Run, ledger: Path) -> None:
    Path("elsewhere").mkdir()
    for link, place in (("old.csv", "elsewhere/old.csv"), ("new.csv", "elsewhere/new.csv")):
        Path(link).symlink_to(place)
    Path("elsewhere/old.csv").write_text("of before\n", encoding="utf-8")
    for link in ("old.csv", "new.csv"):
        assert run("export", "plays", "--ledger", ledger, "--output", link).code == 0
        assert Path(link).is_symlink()
        assert Path("elsewhere", link).read_text(encoding="utf-8").startswith("play_id,screen_id,")
    assert sorted(path.name for path in Path("elsewhere").iterdir()) == ["new.csv", "old.csv"]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd, which names what is open")
def test_an_export_to_standard_output_by_its_name_goes_where_that_goes(ledger: Path, tmp_path: Path) -> None:
    link, log = tmp_path / "stdout", tmp_path / "log"
    link.symlink_to("/dev/fd/1")
    log.write_text("of before\n", encoding="utf-8")
    command = [sys.executable, "-m", "onlooker.cli.main", "export", "plays", "--ledger", str(ledger)]
    with log.open("ab") as out:
        done = subprocess.run([*command, "--output", str(link)], cwd=tmp_path, stdout=out, check=False)
    assert done.returncode == 0
    assert link.is_symlink()
    assert log.read_text(encoding="utf-8").startswith("of before\nplay_id,screen_id,")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """``labels.csv``, and in ``photos`` the pictures it labels; one is a PNG."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(12):
        save(photos, f"{i}.{'png' if i == 3 else 'jpg'}", photograph(i))
    rows = [f"photos/{path.name},{20 + i}" for i, path in enumerate(sorted(photos.iterdir()))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,age", *rows]) + "\n", encoding="utf-8")
    return Path("labels.csv")


def test_a_split_replaces_neither_labels_nor_pictures(run: Run, labels: Path) -> None:
    for output in (labels, Path("photos/2.jpg")):
        before = output.read_bytes()
        done = run("data", "split", labels, "--output", output)
        assert done.code == 2
        assert f"{output}: is what this command reads" in done.err
        assert output.read_bytes() == before
    for _ in range(2):
        assert run("data", "split", labels, "--output", "split.csv").code == 0


@pytest.mark.usefixtures("labels")
def test_the_report_of_a_conversion_replaces_no_picture(run: Run) -> None:
    before = Path("photos/3.png").read_bytes()
    done = run("data", "convert", "photos", "conv", "--report", "photos/3.png")
    assert done.code == 2
    assert "photos/3.png: is what this command reads, and would be written over; name another --report" in done.err
    assert Path("photos/3.png").read_bytes() == before
    assert not list(Path("conv").glob("*.jpg")), "it is said before the work"
    for _ in range(2):
        assert run("data", "convert", "photos", "conv", "--report", "photos/report.json").code == 0
    assert run("data", "convert", "photos", "conv", "--report", "conv/3.jpg").code == 2
    assert Path("conv/3.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_sheets_do_not_replace_their_picture(run: Run, portrait: Path) -> None:
    Path("out").mkdir()
    Path("out/zoom.png").write_bytes(portrait.read_bytes())
    done = run("data", "augment", "out/zoom.png", "--output", "out")
    assert done.code == 2
    assert "out/zoom.png: is what this command reads" in done.err
    assert Path("out/zoom.png").read_bytes() == portrait.read_bytes()
