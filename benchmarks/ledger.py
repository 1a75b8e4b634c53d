"""How fast a ledger takes what a shop counts, and gives it back: ``python benchmarks/ledger.py [DAYS]``.

One screen, 13 hours a day of 40 visitors shared among all cells, a play every 15 seconds. ``peak`` is what Python
allocated at most while exporting.
"""

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from onlooker.audience.bands import shares
from onlooker.audience.ledger import Ledger
from onlooker.audience.periods import RESOLUTIONS
from onlooker.audience.records import Counted, Play
from onlooker.audience.summary import Publication, Rule
from onlooker.cli.exports import PLAY_COLUMNS, play_records, write_csv

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - began:.1f} s")


def visits(at: datetime, rng: np.random.Generator) -> list[Counted]:
    ages = np.arange(101)
    some = []
    for _ in range(40):
        distribution = np.exp(-0.5 * ((ages - rng.normal(40, 18)) / 5) ** 2)
        mixed = shares(float(rng.random()), distribution / distribution.sum())
        some.append(Counted(at + timedelta(seconds=int(rng.integers(3600))), mixed, 8.0, 3.0, True))
    return some


def plays(day: datetime) -> Iterator[Play]:
    for n in range(0, 13 * 3600, 15):
        at = day + timedelta(hours=8, seconds=n)
        end = at + timedelta(seconds=15)
        yield Play(
            f"{at.timestamp():.0f}", "till", "c", f"a{n % 5}", at, end, 15_000, 15_000, True, faces_present=n % 14
        )


def main(days: int) -> None:
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(str(Path(folder) / "ledger.sqlite"))
        with timed(f"{days * 13 * 40} visits in {days * 13} batches"):
            for day in range(days):
                for hour in range(8, 21):
                    ledger.add_visits("till", visits(BEGIN + timedelta(days=day, hours=hour), rng))
        with timed(f"{days * 13 * 240} plays in {days} batches"):
            for day in range(days):
                ledger.add_plays(plays(BEGIN + timedelta(days=day)))
        public = Publication(ledger, Rule(timezone="Europe/Berlin"), BEGIN + timedelta(days=days + 1))
        for resolution in RESOLUTIONS:
            with timed(f"export of audiences, {resolution}"):
                rows = sum(1 for _ in public.rows(resolution))
            print(f"  {rows} rows")
        with timed("export of plays"), (Path(folder) / "plays.csv").open("wb") as out:
            write_csv(play_records(ledger.plays(), public), PLAY_COLUMNS, out)
        tracemalloc.start()
        with (Path(folder) / "plays.csv").open("wb") as out:
            part = ledger.plays(until=BEGIN + timedelta(days=min(days, 60)))
            write_csv(play_records(part, public), PLAY_COLUMNS, out)
        print(f"peak, {min(days, 60)} days of plays: {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB")
        ledger.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 365)
