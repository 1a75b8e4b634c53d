import subprocess
import sys
from pathlib import Path

import pytest

from onlooker import __version__
from onlooker.cli.main import COMMANDS
from tests.cli.conftest import Run, process

HEAVY = "{'torch', 'onnx', 'onnxruntime', 'PIL', 'numpy', 'rich'}"


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8", timeout=60
    ).stdout


def test_importing_the_command_loads_nothing_heavy() -> None:
    assert python(f"import sys, onlooker.cli.main; print(sorted({HEAVY} & set(sys.modules)))") == "[]\n"


def test_analyzing_is_ready_without_a_training_framework() -> None:
    code = "import sys; from onlooker.cli import analyze, evaluate, models, data, train, export; from onlooker import"
    assert python(f"{code} Analyzer; print(sorted({{'torch', 'onnx'}} & set(sys.modules)))") == "[]\n"


def test_help_lists_every_command_with_what_it_is_for(run: Run) -> None:
    found = run("--help")
    assert found.code == 0
    for name, (_, text) in COMMANDS.items():
        assert any(line.split() == [name, *text.split()] for line in found.out.splitlines()), name
    assert run("-h").out == found.out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("analyze", "Find every face in PATH"),
        ("models", "Show each model's card"),
        ("models fetch", "verified by its checksum"),
        ("train", "Train on the labelled faces of DATA"),
        ("evaluate", "95 % bootstrap interval"),
        ("export", "Write RUN's best weights as ONNX"),
        ("data", "Work on pictures and labelled faces"),
        ("data split", "in which no photograph stands on both sides"),
    ],
)
def test_each_command_explains_itself(run: Run, command: str, says: str) -> None:
    found = run(*command.split(), "--help")
    assert found.code == 0
    assert found.out.startswith(f"Usage: onlooker {command} ")
    assert says in " ".join(found.out.split())
    assert found.err == ""


def test_without_a_command_the_help_is_shown_and_that_is_an_error(run: Run) -> None:
    found = run()
    assert found.code == 2
    assert "Begin with: onlooker analyze PICTURE" in found.err


def test_the_version_is_the_package_s(run: Run) -> None:
    found = run("--version")
    assert (found.code, found.out) == (0, f"onlooker, version {__version__}\n")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("analyse", "did you mean 'analyze'?"),
        ("model", "did you mean 'models'?"),
        ("evalute", "did you mean 'evaluate'?"),
        ("xyzzy", f"there are {', '.join(COMMANDS)}."),
    ],
)
def test_a_wrong_command_is_told_the_right_one(run: Run, typed: str, hint: str) -> None:
    found = run(typed)
    assert found.code == 2
    assert f"No such command '{typed}'; {hint}" in found.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze", "x.jpg", "--formt", "csv"], "--format"),
        (["analyze", "x.jpg", "--aligne"], "--aligned"),
        (["evaluate", "x", "--splitt", "y"], "--split"),
        (["analyze", "x.jpg", "--format", "xml"], "'table', 'jsonl', 'csv'"),
        (["evaluate", "x", "--format", "csv"], "'table', 'json'"),
        (["analyze", "x.jpg", "--workers", "0"], "--workers"),
        (["analyze", "x.jpg", "--min-face", "4"], "x>=8"),
        (["analyze", "x.jpg", "--model", "."], "is a directory"),
        (["analyze"], "Missing argument 'PATH...'"),
        (["data", "split", "x"], "Missing option '--output'"),
        (["data", "spilt", "x"], "No such command 'spilt'"),
    ],
)
def test_a_wrong_option_is_told_what_is_right(run: Run, arguments: list[str], says: str) -> None:
    found = run(*arguments)
    assert found.code == 2
    assert found.out == ""
    assert says in found.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["analyze", "x.jpg", "--formt", "csv"], 2),
        (["analyze", "x.jpg", "--detector", "nonsense"], 2),
        (["analyze", "x.jpg", "--model", "missing.json"], 3),
        (["models", "fetch", "nonsense"], 3),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code_and_no_traceback(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    found = process(*arguments, cwd=tmp_path)
    assert found.code == code
    assert found.out == ""
    assert "Traceback" not in found.err
    assert len(found.err.splitlines()) <= 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
@pytest.mark.parametrize("command", ["models", "analyze no.jpg"])
def test_an_output_without_room_is_one_sentence(command: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "onlooker.cli.main", *command.split()],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left on device; check the path, its rights and the room there" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_folder_that_cannot_be_made_is_one_sentence(run: Run) -> None:
    Path("file").touch()
    Path("faces").mkdir()
    Path("faces/30_1_2_20170101000000000.jpg").touch()
    done = run("train", "faces", "--output", "file/run")
    assert done.code == 2
    assert done.err.startswith("onlooker: file/run: Not a directory")
