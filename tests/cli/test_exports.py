"""``onlooker export plays|audience`` and ``onlooker purge``, as their users meet them."""

import csv
import io
import json
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from onlooker.audience import audit
from onlooker.audience.ledger import Ledger
from onlooker.cli import exports
from tests.audience import people
from tests.audience.people import MAN, visits
from tests.cli.conftest import Run

PLAYS = (
    "play_id,screen_id,campaign_id,creative_id,started_at,ended_at,planned_ms,actual_ms,complete,reason,"
    "faces_present,watchers,dwell_s,attention_s,propensity"
)
AUDIENCE = "screen,period,gender,age_band,count,suppressed"
NOON = datetime(2020, 11, 2, 12, tzinfo=UTC)
"""Long ago by any machine's clock: a day must be over to be published."""

play = partial(people.play, at=NOON)

FORMS = [("plays", form) for form in ("csv", "jsonl", "parquet", "xibo", "openrtb")] + [
    ("audience", form) for form in ("csv", "jsonl", "parquet", "openrtb")
]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ledger]:
    """A shop's ledger, in ``shop.sqlite``: two days, one of few people; four plays with and without an audience."""
    ledger = Ledger(str(tmp_path / "shop.sqlite"))
    hour, day = timedelta(hours=1), timedelta(days=1)
    ledger.add_visits("till", [*visits(30, NOON), *visits(40, NOON + hour, MAN), *visits(4, NOON + day)])
    ledger.add_plays([play(0, faces=12), play(1, faces=3), play(2), play(240, faces=15)])
    yield ledger
    ledger.close()


@pytest.mark.usefixtures("shop")
def test_plays_as_csv(run: Run) -> None:
    done = run("export", "plays", "--ledger", "shop.sqlite")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == PLAYS
    first, few, unknown, _ = csv.DictReader(io.StringIO(done.out))
    assert (first["play_id"], first["creative_id"], first["complete"]) == ("play-000000", "advert-0", "true")
    assert first["started_at"] == "2020-11-02T12:00:00.000+00:00"
    assert [first[name] for name in ("faces_present", "watchers", "dwell_s", "attention_s")] == [
        "12",
        "12",
        "48.0",
        "18.0",
    ]
    for row in (few, unknown):
        assert {row[name] for name in ("faces_present", "watchers", "dwell_s", "attention_s")} == {""}


@pytest.mark.usefixtures("shop")
def test_audience_as_csv(run: Run) -> None:
    done = run("export", "audience", "--ledger", "shop.sqlite")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == AUDIENCE
    assert lines[1] == "till,2020-11-02,all,all,70,false"
    assert "till,2020-11-02,female,25-34,30,false" in lines
    assert "till,2020-11-03,all,all,,true" in lines


@pytest.mark.usefixtures("shop")
def test_lines_of_json_hold_the_same(run: Run) -> None:
    table = csv.DictReader(io.StringIO(run("export", "audience", "--ledger", "shop.sqlite").out))
    lines = [
        json.loads(line)
        for line in run("export", "audience", "--ledger", "shop.sqlite", "--format", "jsonl").out.splitlines()
    ]
    assert [(line["period"], line["count"]) for line in lines] == [
        (row["period"], int(row["count"]) if row["count"] else None) for row in table
    ]


@pytest.mark.usefixtures("shop")
def test_parquet_holds_the_same_with_types(run: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    assert (
        run("export", "plays", "--ledger", "shop.sqlite", "--format", "parquet", "--output", "plays.parquet").code == 0
    )
    rows = parquet.read_table("plays.parquet").to_pylist()
    assert list(rows[0]) == PLAYS.split(",")
    assert (rows[0]["faces_present"], rows[0]["complete"], rows[1]["faces_present"]) == (12, True, None)


@pytest.mark.usefixtures("shop")
def test_xibos_own_columns(run: Run) -> None:
    done = run("export", "plays", "--ledger", "shop.sqlite", "--format", "xibo", "--timezone", "Europe/Berlin")
    assert done.out.splitlines()[:2] == [
        "Stat Date,Type,FromDT,ToDT,Layout,Campaign,Display,Media,Tag,Duration,Count,Engagements",
        "2020-11-02 13:00:00,media,2020-11-02 13:00:00,2020-11-02 13:00:15,advert-0,winter,till,advert-0,,15,1,[]",
    ]


def check_openrtb(request: dict[str, Any]) -> None:
    """The field rules of OpenRTB 2.6 that bear on such a request, from its tables: what is required, the types, what
    excludes what, and the lists of AdCOM that numbers come from."""
    assert isinstance(request["id"], str)
    assert request["id"]
    assert not {"site", "app"} & set(request)  # a request has one of site, app and dooh
    assert request["device"] == {"devicetype": 8}  # AdCOM: out of home
    dooh = request["dooh"]
    assert set(dooh) <= {"id", "name", "venuetype", "venuetypetax", "publisher", "domain", "keywords", "content", "ext"}
    assert isinstance(dooh["id"], str)  # id or a venue type is needed to tell a screen
    assert all(isinstance(venue, str) for venue in dooh.get("venuetype", []))
    assert ("venuetype" in dooh) == ("venuetypetax" in dooh)
    assert dooh.get("venuetypetax", 1) in range(6)
    assert set(dooh.get("publisher", {})) <= {"id", "name", "cat", "domain", "ext"}
    assert len(request["imp"]) >= 1
    for imp in request["imp"]:
        assert isinstance(imp["id"], str)
        assert {"banner", "video", "audio", "native"} & set(imp)
        assert all(isinstance(imp["banner"][side], int) for side in ("w", "h"))
        assert isinstance(imp["dt"], int | float)
        assert datetime.fromtimestamp(imp["dt"] / 1000, UTC).year == 2020  # milliseconds
        qty = imp["qty"]
        assert set(qty) <= {"multiplier", "sourcetype", "vendor", "ext"}
        assert isinstance(qty["multiplier"], float)
        assert qty["multiplier"] > 0
        assert qty["sourcetype"] in range(4)
        assert qty["sourcetype"] != 1 or isinstance(qty["vendor"], str)


@pytest.mark.parametrize("what", ["plays", "audience"])
@pytest.mark.usefixtures("shop")
def test_openrtb_says_what_a_play_was_worth(run: Run, what: str) -> None:
    known = ["--venue", "203", "--publisher", "Corner Shop", "--vendor", "example.com", "--size", "1080x1920"]
    for options in ([], known):
        done = run("export", what, "--ledger", "shop.sqlite", "--format", "openrtb", "--resolution", "hour", *options)
        requests = [json.loads(line) for line in done.out.splitlines()]
        for request in requests:
            check_openrtb(request)
        # 30 people in an hour of 3 plays, 40 in one of 1.
        assert [request["imp"][0]["qty"]["multiplier"] for request in requests] == [10.0, 40.0]
        assert [request["imp"][0]["qty"]["sourcetype"] for request in requests] == [2, 2]
    assert requests[0]["dooh"] == {
        "id": "till",
        "name": "till",
        "venuetype": ["203"],
        "venuetypetax": 1,
        "publisher": {"name": "Corner Shop"},
    }
    assert requests[0]["imp"][0]["qty"]["vendor"] == "example.com"
    assert requests[0]["imp"][0]["banner"] == {"w": 1080, "h": 1920}


@pytest.mark.parametrize(("what", "form"), FORMS)
def test_an_empty_ledger_gives_an_empty_export_of_every_form(run: Run, tmp_path: Path, what: str, form: str) -> None:
    Ledger(str(tmp_path / "new.sqlite")).close()
    assert run("export", what, "--ledger", "new.sqlite", "--format", form, "--output", "out").code == 0
    assert Path("out").exists()


@pytest.mark.parametrize(("what", "form"), FORMS)
def test_every_export_is_in_the_audit_log(run: Run, shop: Ledger, what: str, form: str) -> None:
    run("export", what, "--ledger", "shop.sqlite", "--format", form, "--output", "out", "--screen", "till")
    log = shop.audit()
    assert [entry.kind for entry in log] == ["configuration", "export"]
    assert json.loads(log[1].detail) | {"format": form, "screen": "till"} == json.loads(log[1].detail) | {
        "format": form
    }
    assert audit.first_broken(log) is None


def test_windows_and_screens(run: Run, shop: Ledger) -> None:
    shop.add_plays([play(900, screen="door")])

    def ids(*options: str) -> list[str]:
        done = run("export", "plays", "--ledger", "shop.sqlite", "--format", "jsonl", *options)
        assert done.code == 0, done.err
        return [json.loads(line)["play_id"][-3:] for line in done.out.splitlines()]

    assert ids("--screen", "door") == ["900"]
    assert ids("--from", "2020-11-02T13:00") == ["240", "900"]
    assert ids("--from", "2020-11-02T14:00+01:00", "--until", "2020-11-02T14:00") == ["240"]
    assert ids("--until", "2020-11-02") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--ledger", "none.sqlite"],
            "none.sqlite: no such ledger; name the file or database that the display writes to",
        ),
        (["--ledger", "mysql://x/y"], "a ledger is sqlite:///file (three slashes) or postgresql://"),
        (["--ledger", "shop.sqlite", "--from", "yesterday"], "yesterday: is no date or time; write it as 2026-11-24"),
        (["--ledger", "shop.sqlite", "--timezone", "Nowhere"], "Nowhere: no such time zone"),
        (["--ledger", "shop.sqlite", "--size", "big"], "--size big: is width x height in pixels"),
        (["--ledger", "shop.sqlite", "--format", "parquet"], "name a file with --output"),
        (["--ledger", "shop.sqlite", "--k", "1"], "--k"),
        (["--ledger", "shop.sqlite", "--output", "no/such/folder.csv"], "cannot be written"),
        ([], "no such ledger"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_is_wrong_is_said_in_one_sentence(run: Run, options: list[str], said: str) -> None:
    done = run("export", "audience", *options)
    assert done.code == 2
    assert said in done.err.replace("\n", " ")
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("shop")
def test_another_k_than_the_first_is_refused(run: Run) -> None:
    assert run("export", "audience", "--ledger", "shop.sqlite", "--k", "11").code == 0
    assert run("export", "plays", "--ledger", "shop.sqlite").code == 0
    again = run("export", "audience", "--ledger", "shop.sqlite", "--k", "5")
    assert again.code == 2
    assert "was published by k 11, not 5" in again.err


@pytest.mark.usefixtures("shop")
def test_an_export_that_breaks_leaves_the_file_that_was_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("plays.csv").write_text("the last one\n", encoding="utf-8")

    def broken(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exports.WRITERS, "csv", broken)
    done = run("export", "plays", "--ledger", "shop.sqlite", "--output", "plays.csv")
    assert done.code == 2
    assert "plays.csv: cannot be written (No space left on device)" in done.err
    assert Path("plays.csv").read_text(encoding="utf-8") == "the last one\n"
    assert [path.name for path in Path().glob("*plays*")] == ["plays.csv"]


@pytest.mark.usefixtures("shop")
def test_without_pyarrow_the_sentence_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = run("export", "plays", "--ledger", "shop.sqlite", "--format", "parquet", "--output", "x.parquet")
    assert done.code == 2
    assert "pip install 'onlooker[parquet]'" in done.err


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_many_plays_take_no_more_memory_than_few(run: Run, tmp_path: Path, form: str) -> None:
    def peak(number: int) -> int:
        ledger = Ledger(str(tmp_path / f"{number}.sqlite"))
        for first in range(0, number, 2000):
            ledger.add_plays(play(n) for n in range(first, first + 2000))
        ledger.close()
        tracemalloc.start()
        assert run("export", "plays", "--ledger", f"{number}.sqlite", "--format", form, "--output", "out").code == 0
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(2000)  # what is imported once
    assert peak(10_000) < 1.3 * peak(4000)


def test_a_purge_asks_first_and_gives_a_receipt(run: Run, shop: Ledger) -> None:
    asked = run("purge", "--ledger", "shop.sqlite", "--all", stdin=b"n\n")
    assert asked.code == 130
    assert sum(1 for _ in shop.plays()) == 4
    done = run("purge", "--ledger", "shop.sqlite", "--all", "--yes")
    assert done.code == 0
    receipt = json.loads(done.out)
    assert receipt["removed"] == {"plays": 4, "counts": 3, "events": 0, "learned": 0, "batches": 0}
    assert receipt["hash"] == shop.audit()[-1].hash
    assert list(shop.plays()) == []


def test_a_purge_of_a_screen_and_of_what_is_old(run: Run, shop: Ledger) -> None:
    done = run("purge", "--ledger", "shop.sqlite", "--before", "2020-11-02T13:00", "--yes")
    assert json.loads(done.out)["purged"] == "before 2020-11-02T13:00:00+00:00"
    assert [each.play_id for each in shop.plays()] == ["play-000240"]
    assert json.loads(run("purge", "--ledger", "shop.sqlite", "--screen", "till", "--yes").out)["removed"]["plays"] == 1


@pytest.mark.parametrize("options", [[], ["--all", "--screen", "till"], ["--before", "2020-11-02", "--screen", "till"]])
def test_a_purge_must_say_of_what(run: Run, shop: Ledger, options: list[str]) -> None:
    done = run("purge", "--ledger", "shop.sqlite", *options, "--yes")
    assert done.code == 2
    assert "one of --all, --before TIME and --screen ID" in done.err
    assert sum(1 for _ in shop.plays()) == 4


# A training run as a model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["nowhere", "model nowhere", "--name mine nowhere", "model nowhere --name mine"])
def test_a_run_is_exported_with_and_without_the_word_model(run: Run, words: str) -> None:
    pytest.importorskip("torch", reason="the training framework is not installed")
    done = run("export", *words.split())
    assert done.code == 2
    mend = "run `onlooker train DATA --output nowhere` to its end"
    assert done.err == f"onlooker: nowhere: training is not finished; {mend}\n"


def test_a_misspelt_export_is_no_run(run: Run) -> None:
    done = run("export", "audiense")
    assert done.code == 2
    assert "did you mean 'audience'?" in done.err


def test_help_of_the_group_names_all_three(run: Run) -> None:
    out = run("export", "--help").out
    assert all(f"  {name}" in out for name in ("model", "plays", "audience"))
