"""The calendar of a summary: months, days, hours and five minutes of a time zone, each inside the next.

A day of the wall clock has 23 or 25 hours where it is changed; hours are counted as they pass, so the hour that comes
twice is two, told apart by their offset from UTC. Weeks are left out: they do not lie inside months, and the difference
of a week and its days in two months would be a period of its own.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from onlooker.audience.tables import BUCKET_S
from onlooker.core.errors import ConfigError

Resolution = Literal["5min", "hour", "day", "month"]
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name such as ``Europe/Berlin``. Raises ``ConfigError`` where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{name}: no such time zone; write it as Europe/Berlin, or UTC") from None


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment at which a day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first day of the next month."""
    return month_of(month + timedelta(days=31))


@lru_cache(maxsize=64)
def hours_of(day: date, zone: ZoneInfo) -> list[tuple[datetime, list[datetime]]]:
    """The hours of a day by their beginnings, each with its five minutes, in the order they pass.

    They are in UTC: of two moments in one time zone Python compares the wall clocks, and takes the hour that comes
    twice for one.
    """
    at, end = start_of(day, zone), start_of(day + timedelta(days=1), zone)
    fives = [at + timedelta(seconds=n) for n in range(0, round((end - at).total_seconds()), BUCKET_S)]

    def hour(five: datetime) -> tuple[int, timedelta | None]:
        local = five.astimezone(zone)
        return local.hour, local.utcoffset()

    groups = [list(group) for _, group in groupby(fives, key=hour)]
    return [(group[0], group) for group in groups]
