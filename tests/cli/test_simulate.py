import json
import re
from pathlib import Path

from tests.cli.conftest import Run


def test_the_figures_and_the_page_are_written_and_a_table_is_shown(run: Run, tmp_path: Path) -> None:
    found = run("simulate", "--seeds", "2", "--hours", "0.2", "--seed", "5", "--workers", "1", "--output", "out/sim")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == "2 stores of 0.2 hours; too few stores for an interval"
    assert "(" not in "".join(lines[1:11]), "an interval"
    assert [line.split()[0] for line in lines[2:11]] == [
        "random", "round-robin", "eligible", "rules", "majority", "ours", "thompson", "noisy", "oracle",
    ]  # fmt: skip
    assert lines[2].endswith("not kept")
    assert lines[7].endswith("0 broken")
    assert "not a promise" in lines[11]
    assert lines[12] == "open out/sim/simulation.html"
    figures = json.loads((tmp_path / "out/sim/simulation.json").read_text(encoding="utf-8"))
    assert figures["made_by"] == "onlooker simulate --seeds 2 --hours 0.2 --seed 5"
    assert figures["seeds"] == 2
    assert (tmp_path / "out/sim/simulation.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_enough_stores_have_intervals(run: Run) -> None:
    found = run("simulate", "--seeds", "5", "--hours", "0.1", "--workers", "1")
    lines = found.out.splitlines()
    assert lines[0] == "5 stores of 0.1 hours; 95 % intervals in brackets"
    assert [bool(re.search(r"\d \(\d+ to \d+\)", line)) for line in lines[2:11]] == [True] * 9


def test_a_campaign_with_mistakes_is_told_all_of_them(run: Run) -> None:
    Path("c.toml").write_text("hold = -1\n[[advert]]\nid = 'x'\nfile = 'x.exe'\n", encoding="utf-8")
    found = run("simulate", "--campaign", "c.toml")
    assert (found.code, found.out) == (2, "")
    assert (
        found.err.splitlines()[0]
        == "onlooker: c.toml: the file: no advert is the default: add `default = true` to one that is for everybody"
    )
    assert [line.split(":")[0] for line in found.err.splitlines()[1:]] == ["c.toml, line 1", "c.toml, line 4"]
    assert not Path("simulation").exists()


def test_what_cannot_be_done_is_told_in_a_sentence(run: Run) -> None:
    Path("taken").touch()
    found = run("simulate", "--output", "taken/below", "--seeds", "1", "--hours", "0.1", "--workers", "1")
    assert found.code == 2
    assert found.err == "onlooker: taken/below: cannot be made (Not a directory); name another --output folder\n"
    Path("full/simulation.json").mkdir(parents=True)
    found = run("simulate", "--output", "full", "--seeds", "1", "--hours", "0.1", "--workers", "1")
    assert found.err == "onlooker: full: cannot be written to (Is a directory); name another --output folder\n"
    assert run("simulate", "--hours", "0").code == 2
    assert (
        run("simulate", "--campaign", "none.toml").err
        == "onlooker: none.toml: cannot be read (No such file or directory)\n"
    )
