"""``onlooker export plays|audience`` and ``onlooker purge``, as their users meet them."""

import csv
import hashlib
import io
import json
import sqlite3
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
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
from tests.cli.conftest import Outcome, Run

PLAYS = (
    "play_id,screen_id,campaign_id,creative_id,started_at,ended_at,planned_ms,actual_ms,complete,reason,"
    "faces_present,watchers,dwell_s,attention_s,propensity"
)
AUDIENCE = "screen,period,gender,age_band,count,suppressed"
NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
"""Over by any machine's clock: a day must be to be published."""

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
    assert first["started_at"] == "2026-01-12T12:00:00.000+00:00"
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
    assert lines[1] == "till,2026-01-12,all,all,70,false"
    assert "till,2026-01-12,female,25-34,30,false" in lines
    assert "till,2026-01-13,all,all,,true" in lines


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
        "2026-01-12 13:00:00,media,2026-01-12 13:00:00,2026-01-12 13:00:15,advert-0,winter,till,advert-0,,15,1,[]",
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
        assert datetime.fromtimestamp(imp["dt"] / 1000, UTC).year == 2026  # milliseconds
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


def test_openrtb_counts_the_plays_of_the_days_that_are_summed(run: Run, tmp_path: Path) -> None:
    """Of a month that begins in its midst and goes on: not the plays before the first count, nor those of today."""
    ledger, day = Ledger(str(tmp_path / "month.sqlite")), timedelta(days=1)
    for n, (number, shown) in enumerate([(0, 7), (100, 25), (0, 25), (20, 10)]):
        at = NOON + n * day
        ledger.add_visits("till", visits(number, at))
        ledger.add_plays(replace(play(i, at=at), play_id=f"{n}-{i}") for i in range(shown))
    ledger.add_plays([play(0, at=datetime.now(UTC))])
    ledger.add_visits("door", [*visits(50, NOON), *visits(9, NOON + day)])
    ledger.add_plays([play(n, screen="door") for n in (1, 2)])
    ledger.close()
    options = ["--ledger", "month.sqlite", "--format", "openrtb", "--resolution", "month"]
    requests = [json.loads(line) for line in run("export", "audience", *options).out.splitlines()]
    # The door's month says "at least": its second day is hidden.
    assert [(each["dooh"]["id"], each["imp"][0]["qty"]["multiplier"]) for each in requests] == [("till", 2.0)]
    begins = datetime(2026, 1, 13, tzinfo=UTC)
    assert requests[0]["imp"][0]["dt"] == begins.timestamp() * 1000
    check_openrtb(requests[0])


def test_windows_and_screens(run: Run, shop: Ledger) -> None:
    shop.add_plays([play(900, screen="door")])

    def ids(*options: str) -> list[str]:
        done = run("export", "plays", "--ledger", "shop.sqlite", "--format", "jsonl", *options)
        assert done.code == 0, done.err
        return [json.loads(line)["play_id"][-3:] for line in done.out.splitlines()]

    assert ids("--screen", "door") == ["900"]
    assert ids("--from", "2026-01-12T13:00") == ["240", "900"]
    assert ids("--from", "2026-01-12T14:00+01:00", "--until", "2026-01-12T14:00") == ["240"]
    assert ids("--until", "2026-01-12") == []


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
        (
            ["--ledger", "shop.sqlite", "--screen", "tilll"],
            "--screen tilll: shop.sqlite has nothing of it, but of till",
        ),
        (["--config", "none.toml"], "none.toml: cannot be read"),
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


CONFIG = '[display]\nledger = "shop.sqlite"\nk = {k}\n'


@pytest.mark.parametrize("what", ["plays", "audience"])
@pytest.mark.parametrize("k", [11, 31])
def test_the_displays_settings_name_the_ledger_and_its_k(run: Run, shop: Ledger, what: str, k: int) -> None:
    Path("shop.toml").write_text(CONFIG.format(k=k), encoding="utf-8")
    done = run("export", what, "--config", "shop.toml", "--resolution", "hour", "--format", "jsonl")
    assert (done.code, done.err) == (0, "")
    assert shop.rule() == {"k": k, "timezone": "UTC", "detail": "day"}
    rows = [json.loads(line) for line in done.out.splitlines()]
    told = [number for row in rows if (number := row.get("count", row.get("faces_present"))) and number < 31]
    assert told == ([] if k == 31 else [30] if what == "audience" else [12, 15])


@pytest.mark.usefixtures("shop")
def test_a_k_of_one_is_refused_in_the_settings_too(run: Run) -> None:
    Path("shop.toml").write_text(CONFIG.format(k=1), encoding="utf-8")
    done = run("export", "audience", "--config", "shop.toml")
    assert done.code == 2
    assert "shop.toml, line 3" in done.err


@pytest.fixture
def two(shop: Ledger) -> Ledger:
    """The shop with a second screen, which promises to show less."""
    shop.note_settings({"screen": "till", "k": 5})
    shop.note_settings({"screen": "door", "k": 20})
    shop.add_visits("door", visits(25, NOON))
    shop.add_plays([play(900, screen="door")])
    return shop


TWO = ["--ledger", "shop.sqlite", "--format", "jsonl"]


@pytest.mark.parametrize("options", [[], ["--k", "20"], ["--k", "30"], ["--config", "shop.toml"]])
@pytest.mark.parametrize("what", ["plays", "audience"])
def test_screens_of_different_k_are_exported_by_the_largest_or_a_larger_one(
    run: Run, two: Ledger, what: str, options: list[str]
) -> None:
    Path("shop.toml").write_text(CONFIG.format(k=5), encoding="utf-8")
    for screen in ([], ["--screen", "till"], ["--screen", "door"]):
        done = run("export", what, *TWO, *options, *screen)
        assert (done.code, done.err) == (0, "")
        rows = [json.loads(line) for line in done.out.splitlines()]
        names = {row.get("screen", row.get("screen_id")) for row in rows}
        assert names == (set(screen[1:]) or {"till", "door"})
    assert (two.rule() or {})["k"] == (30 if "30" in options else 20)
    if what == "audience":
        shown = {row["screen"]: row["count"] for row in rows if row["gender"] == "all"}
        assert shown == {"door": None if "30" in options else 25}


def test_a_screen_is_not_exported_by_a_smaller_k_than_its_own(run: Run, two: Ledger) -> None:
    done = run("export", "audience", *TWO, "--k", "10")
    assert done.code == 2
    assert "its screen door runs with k 20, and was to be published by k 10; ask for k 20 (--k)" in done.err
    assert two.rule() is None
    assert run("export", "audience", *TWO, "--k", "10", "--screen", "till").code == 0
    done = run("export", "plays", *TWO)
    assert done.code == 2
    assert "a published ledger keeps its first k" in done.err
    mend = ["purge", "--screen", "door"]
    assert f"`onlooker {' '.join(mend)}`" in done.err
    assert run(*mend, "--ledger", "shop.sqlite", "--yes").code == 0
    assert run("export", "plays", *TWO).code == 0


def test_the_settings_ask_for_their_k_or_a_larger_one(run: Run, shop: Ledger) -> None:
    for k, code in ((11, 0), (10, 0), (12, 2)):
        Path("shop.toml").write_text(CONFIG.format(k=k), encoding="utf-8")
        done = run("export", "audience", "--config", "shop.toml")
        assert done.code == code, done.err
        assert (shop.rule() or {})["k"] == 11
    assert "was published by k 11, not 12" in done.err


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
    done = run("purge", "--ledger", "shop.sqlite", "--before", "2026-01-12T13:00", "--yes")
    assert json.loads(done.out)["purged"] == "before 2026-01-12T13:00:00+00:00"
    assert [each.play_id for each in shop.plays()] == ["play-000240"]
    assert json.loads(run("purge", "--ledger", "shop.sqlite", "--screen", "till", "--yes").out)["removed"]["plays"] == 1


def test_a_purge_takes_the_displays_settings_and_the_days_of_the_exports(run: Run, shop: Ledger) -> None:
    Path("shop.toml").write_text(CONFIG.format(k=10), encoding="utf-8")
    assert run("export", "audience", "--config", "shop.toml", "--timezone", "Europe/Berlin").code == 0
    done = run("purge", "--config", "shop.toml", "--before", "2026-01-12T13:30", "--yes")
    assert json.loads(done.out)["purged"] == "before 2026-01-12T12:30:00+00:00"
    assert [each.play_id for each in shop.plays()] == ["play-000240"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--before", "2062-01-01"], "--before 2062-01-01: is after now"),
        (["--screen", "tilll"], "--screen tilll: shop.sqlite has nothing of it, but of till"),
    ],
)
def test_a_purge_of_what_cannot_be_is_refused_before_it_asks(
    run: Run, shop: Ledger, options: list[str], said: str
) -> None:
    done = run("purge", "--ledger", "shop.sqlite", *options)
    assert done.code == 2
    assert said in done.err
    assert "forget" not in done.err
    assert sum(1 for _ in shop.plays()) == 4
    assert shop.audit() == []


@pytest.mark.parametrize("options", [[], ["--all", "--screen", "till"], ["--before", "2026-01-12", "--screen", "till"]])
def test_a_purge_must_say_of_what(run: Run, shop: Ledger, options: list[str]) -> None:
    done = run("purge", "--ledger", "shop.sqlite", *options, "--yes")
    assert done.code == 2
    assert "one of --all, --before TIME and --screen ID" in done.err
    assert sum(1 for _ in shop.plays()) == 4


# The audit log --------------------------------------------------------------------------------------------------------


def logged(run: Run, *options: str) -> Outcome:
    return run("export", "log", "--ledger", "shop.sqlite", *options)


def test_the_log_can_be_read_and_checked_by_whoever_has_it(run: Run, shop: Ledger) -> None:
    shop.note_settings({"screen": "till", "k": 10, "counting": True})
    assert run("export", "plays", "--ledger", "shop.sqlite").code == 0
    receipt = json.loads(run("purge", "--ledger", "shop.sqlite", "--screen", "till", "--yes").out)
    done = logged(run, "--format", "jsonl")
    assert done.code == 0
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["kind"] for line in lines] == ["configuration", "configuration", "export", "purge"]
    assert f"shop.sqlite: 4 entries, all whole; the last has the hash {receipt['hash']}" in done.err
    previous = "0" * 64
    for line in lines:  # as docs/exports.md says it
        at = round(datetime.fromisoformat(line["at"]).timestamp() * 1000)
        text = json.dumps([line["seq"], at, line["kind"], line["detail"], previous])
        assert (line["previous"], line["hash"]) == (previous, hashlib.sha256(text.encode()).hexdigest())
        previous = line["hash"]
    table = list(csv.DictReader(io.StringIO(logged(run).out)))
    assert [{**row, "seq": int(row["seq"])} for row in table] == lines
    assert len(shop.audit()) == 4  # reading it is no entry


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET detail = '{}' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
    ],
)
def test_a_log_that_was_changed_is_told_by_its_first_broken_entry(
    run: Run, shop: Ledger, change: str, broken: int
) -> None:
    for _ in range(3):
        assert run("export", "plays", "--ledger", "shop.sqlite").code == 0
    with sqlite3.connect("shop.sqlite") as connection:
        connection.execute(change)
    connection.close()
    done = logged(run, "--output", "log.csv")
    assert done.code == 1
    assert f"shop.sqlite: the log does not hold together from entry {broken} on" in done.err
    assert len(list(csv.DictReader(Path("log.csv").read_text("utf-8").splitlines()))) == len(shop.audit())


def test_a_log_without_entries_is_whole(run: Run, shop: Ledger) -> None:
    done = logged(run)
    assert (done.code, done.out) == (0, "seq,at,kind,detail,previous,hash\n")
    assert done.err == "shop.sqlite: 0 entries, all whole\n"
    assert shop.audit() == []


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


def test_help_of_the_group_names_all(run: Run) -> None:
    out = run("export", "--help").out
    assert all(f"  {name}" in out for name in ("model", "plays", "audience", "log"))
