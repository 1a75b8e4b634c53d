"""Reads a campaign file: TOML, unknown keys refused, every mistake of a file told at once with its line and key."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from onlooker.core import toml
from onlooker.core.demographics import Gender
from onlooker.core.errors import ConfigError
from onlooker.signage.campaign import Advert, Campaign, Condition, Fact, Kind, Learning, Minors, Range, Target
from onlooker.signage.schedule import WEEKDAYS, DayPart, Schedule, minutes

KINDS: dict[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".svg"), "image"),
    **dict.fromkeys((".mp4", ".webm"), "video"),
    **dict.fromkeys((".html", ".htm"), "html"),
}
"""What the page can show, by the end of a file's name."""

STILL_SECONDS = 10.0
"""How long an image or a page plays where its file does not say."""

Probability = Annotated[float, Meta(ge=0, le=1)]
Age = Annotated[int, Meta(ge=0, le=100)]
Size = Annotated[int, Meta(ge=1, le=1000)]
Name = Annotated[str, Meta(min_length=1)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Between(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    at_least: float = float("-inf")
    below: float = float("inf")


class _Targeting(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    age: tuple[Age, Age] | None = None
    gender: Gender | None = None
    group: tuple[Size, Size] | None = None
    confidence: Probability = 0.5


class _Advert(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"first": "from", "last": "until"}):
    id: Name
    file: Name | None = None
    url: Name | None = None
    duration: Annotated[float, Meta(ge=1, le=3600)] | None = None
    targeting: _Targeting = _Targeting()
    first: date | None = None
    last: date | None = None
    weekdays: Annotated[list[Weekday], Meta(min_length=1)] | None = None
    dayparts: list[Name] = []
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    share: Annotated[float, Meta(gt=0, le=100)] | None = None
    cap_per_hour: Annotated[int, Meta(ge=1)] | None = None
    screens: list[Name] = []
    when: dict[str, Fact | list[Fact] | _Between] = {}
    restricted: bool = False
    general: bool = False
    default: bool = False


class _Minors(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    policy: Literal["exclude_from_targeting", "allow"] = "exclude_from_targeting"
    threshold: Annotated[float, Meta(gt=0, le=1)] = 0.05
    adult: Annotated[float, Meta(ge=0.5, lt=1)] = 0.99


class _Learning(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = False
    floor: Annotated[float, Meta(ge=0.01, le=1)] = 0.05


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The file as a whole; each advert is read on its own, so that one mistake hides no other."""

    advert: list[Any] = []
    timezone: Name = "UTC"
    targeting: bool = True
    hold: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    everyone: Probability = 0.5
    margin: Probability = 0.1
    hysteresis: Probability = 0.05
    minors: _Minors = _Minors()
    learning: _Learning = _Learning()
    dayparts: dict[str, Any] = {}


def load(path: Path, *, files: bool = True) -> Campaign:
    """The campaign of a file. Raises ``ConfigError`` with a sentence, on a line of its own, for each thing that is
    wrong; with ``files`` also for adverts' files that are missing or of a kind that the page cannot show."""
    text, tables = toml.read(path)
    return _Reading(path, text, files=files).campaign(tables)


class _Reading:
    """One file being read, and what was found wrong in it so far."""

    def __init__(self, path: Path, text: str, *, files: bool) -> None:
        self._path, self._text, self._files = path, text, files
        self._problems: list[str] = []

    def campaign(self, tables: dict[str, Any]) -> Campaign:
        whole, self._problems = toml.convert(tables, _File, text=self._text, where=str(self._path))
        parts = self._dayparts(whole.dayparts)
        read = [(i, advert) for i, table in enumerate(whole.advert) if (advert := self._advert(i, table)) is not None]
        if not whole.advert and isinstance(tables.get("advert", []), list):
            self._wrong("the campaign has no advert: add an [[advert]] with id, file and default = true")
        self._across(read, complete=0 < len(read) == len(whole.advert))
        zone = self._timezone(whole.timezone)
        weights = self._weights(read)
        minors, learning = whole.minors, whole.learning
        adverts = [self._made(i, advert, parts, weights.get(i, 100.0), minors) for i, advert in read]
        if self._problems:
            raise ConfigError("\n".join(sorted(self._problems, key=_line)))
        return Campaign(
            tuple(advert for advert in adverts if advert is not None),
            timezone=zone,
            targeting=whole.targeting,
            hold=whole.hold,
            everyone=whole.everyone,
            margin=whole.margin,
            hysteresis=whole.hysteresis,
            minors=Minors(minors.policy, minors.threshold, minors.adult),
            learning=Learning(learning.enabled, learning.floor),
        )

    def _wrong(self, what: str, *keys: str | int) -> None:
        self._problems.append(toml.sentence(what, text=self._text, where=str(self._path), keys=keys))

    def _timezone(self, name: str) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of names
            self._wrong(f'{name!r} is no known time zone: write one as "Europe/Berlin"', "timezone")
            return ZoneInfo("UTC")

    def _dayparts(self, given: dict[str, Any]) -> dict[str, DayPart | None]:
        parts: dict[str, DayPart | None] = {}
        for name, window in given.items():
            parts[name] = None
            try:
                start, end = msgspec.convert(window, tuple[str, str])
            except msgspec.ValidationError:
                self._wrong('a window is its start and its end: write it as ["11:30", "14:00"]', "dayparts", name)
                continue
            try:
                parts[name] = DayPart(name, minutes(start), minutes(end))
            except ValueError as error:
                self._wrong(str(error), "dayparts", name)
        return parts

    def _advert(self, i: int, table: Any) -> _Advert | None:
        if not isinstance(table, dict):
            self._wrong("an advert is a table: begin it with [[advert]]", "advert", i)
            return None
        days = {key: self._day(i, key, table[key]) for key in ("from", "until") if key in table}
        try:
            advert, problems = toml.convert(
                {**table, **days}, _Advert, text=self._text, where=str(self._path), at=("advert", i)
            )
        except ConfigError as error:
            self._problems.extend(str(error).splitlines())
            return None
        self._problems.extend(problems)
        return None if problems else advert

    def _day(self, i: int, key: str, value: Any) -> date | None:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self._wrong(f"{value} is no date: write it as 2026-03-31, without quotes or a time", "advert", i, key)
        return None

    def _across(self, read: list[tuple[int, _Advert]], *, complete: bool) -> None:
        """What adverts must keep between them; the default is missed only where all could be read."""
        first: dict[str, int] = {}
        for i, advert in read:
            if advert.id in first:
                line = toml.line(self._text, ("advert", first[advert.id], "id"))
                self._wrong(f"{advert.id!r} is the id of the advert of line {line} already", "advert", i, "id")
            first.setdefault(advert.id, i)
        defaults = [i for i, advert in read if advert.default]
        if complete and not defaults:
            self._wrong("no advert is the default: add `default = true` to one that is for everybody")
        for i in defaults[1:]:
            line = toml.line(self._text, ("advert", defaults[0], "default"))
            self._wrong(f"the advert of line {line} is the default already: there is one", "advert", i, "default")

    def _weights(self, read: list[tuple[int, _Advert]]) -> dict[int, float]:
        """Each advert's share of voice in percent of its tier; those that name none share what is left."""
        tiers: dict[int, list[tuple[int, _Advert]]] = defaultdict(list)
        for i, advert in read:
            if not advert.default:
                tiers[advert.priority].append((i, advert))
        weights: dict[int, float] = {}
        for priority, tier in tiers.items():
            given = {i: advert.share for i, advert in tier if advert.share is not None}
            others = [i for i, _ in tier if i not in given]
            total = sum(given.values())
            if total > 100.0:
                self._wrong(
                    f"the shares of priority {priority} add up to {total:g} %: lower them to 100 at most",
                    "advert",
                    max(given),
                    "share",
                )
            elif others and given and total == 100.0:
                self._wrong(
                    f"the shares of priority {priority} leave nothing for {_id(tier, others[0])!r}, which names "
                    "none: give it a share, or lower theirs",
                    "advert",
                    others[0],
                )
            weights |= given
            weights |= {i: (100.0 - total) / len(others) for i in others}
        return weights

    def _made(
        self, i: int, advert: _Advert, parts: dict[str, DayPart | None], weight: float, minors: _Minors
    ) -> Advert | None:
        def wrong(what: str, *keys: str | int) -> None:
            self._wrong(what, "advert", i, *keys)

        self._check_target(advert, minors, wrong)
        self._check_roles(advert, wrong)
        source, kind = self._source(advert, wrong)
        duration = advert.duration
        if duration is None and kind == "video":
            wrong("a video needs its length in seconds: add `duration = ...`", "duration")
        schedule = self._schedule(advert, parts, wrong)
        when: dict[str, Condition] = {}
        for key, value in advert.when.items():
            if isinstance(value, _Between):
                if value.at_least >= value.below:
                    wrong("the range is empty: `below` must lie over `at_least`", "when", key)
                when[key] = Range(value.at_least, value.below)
            else:
                when[key] = tuple(value) if isinstance(value, list) else (value,)
        target = advert.targeting
        return Advert(
            id=advert.id,
            source=source,
            kind=kind,
            duration=STILL_SECONDS if duration is None else duration,
            target=Target(target.age, target.gender, target.group, target.confidence),
            schedule=schedule,
            priority=advert.priority,
            weight=weight,
            cap_per_hour=advert.cap_per_hour,
            screens=frozenset(advert.screens),
            when=when,
            restricted=advert.restricted,
            general=advert.general or advert.default,
            default=advert.default,
        )

    def _check_target(self, advert: _Advert, minors: _Minors, wrong: Callable[..., None]) -> None:
        age, group = advert.targeting.age, advert.targeting.group
        if age is not None and age[0] > age[1]:
            wrong(f"the range is empty: {age[0]} comes after {age[1]}; turn them round", "targeting", "age")
        elif age is not None and age[1] < 18 and minors.policy == "exclude_from_targeting":
            wrong(
                "nobody under 18 is targeted: take the range away and set `general = true`, or set minors.policy",
                "targeting",
                "age",
            )
        if group is not None and group[0] > group[1]:
            wrong(f"the range is empty: {group[0]} comes after {group[1]}; turn them round", "targeting", "group")

    def _check_roles(self, advert: _Advert, wrong: Callable[..., None]) -> None:
        if advert.restricted and advert.general:
            wrong("an age-restricted advert is not for everybody: take away `general` or `restricted`", "general")
        if not advert.default:
            return
        if advert.restricted:
            wrong("the default must be for everybody: take away `restricted`, or choose another default", "restricted")
        plain = _Advert(id=advert.id)
        for key, name in zip(_Advert.__struct_fields__, _Advert.__struct_encode_fields__, strict=True):
            if key in ("id", "file", "url", "duration", "restricted", "general", "default"):
                continue
            if getattr(advert, key) != getattr(plain, key):
                wrong(f"the default plays where nothing else may, so it can have no `{name}`: take it away", name)

    def _source(self, advert: _Advert, wrong: Callable[..., None]) -> tuple[Path | str, Kind]:
        if (advert.file is None) == (advert.url is None):
            wrong("an advert has either a `file` or a `url`", "file" if advert.file else "id")
            return "", "image"
        if advert.url is not None:
            parts = urlsplit(advert.url)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                wrong(f"{advert.url!r} is no address of a page: it begins with https:// or http://", "url")
            return advert.url, "html"
        assert advert.file is not None
        path = self._path.parent / advert.file
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            kinds = ", ".join(suffix[1:] for suffix in KINDS)
            wrong(f"{advert.file}: the page cannot show it: it shows {kinds}", "file")
        elif self._files and not path.is_file():
            wrong(f"{advert.file}: there is no such file: it is looked for at {path}", "file")
        elif self._files and path.stat().st_size == 0:
            wrong(f"{advert.file}: the file is empty: copy it anew", "file")
        return path, kind or "image"

    def _schedule(self, advert: _Advert, parts: dict[str, DayPart | None], wrong: Callable[..., None]) -> Schedule:
        if advert.first and advert.last and advert.first > advert.last:
            wrong(f"ends on {advert.last}, before it begins on {advert.first}: turn them round", "until")
        for name in advert.dayparts:
            if name not in parts:
                known = f"there are {', '.join(parts)}" if parts else "there is none: add a table [dayparts]"
                wrong(f"{name!r} is no day-part: {known}", "dayparts")
        weekdays = frozenset(map(WEEKDAYS.index, advert.weekdays or WEEKDAYS))
        named = [parts.get(name) for name in advert.dayparts]
        return Schedule(advert.first, advert.last, weekdays, tuple(part for part in named if part is not None))


def _line(problem: str) -> int:
    """The line that a sentence names, to tell them in the file's order; 0 for one about the whole file."""
    found = re.search(r", line (\d+): ", problem)
    return int(found[1]) if found else 0


def _id(tier: list[tuple[int, _Advert]], i: int) -> str:
    """The id of advert number ``i`` among those of a tier."""
    return next(advert.id for j, advert in tier if j == i)
