"""How a ledger is set: the rule it is published by, what was published, what was purged, how its screens run."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from onlooker.audience import audit
from onlooker.audience.database import Session
from onlooker.audience.periods import start_of, zone_of
from onlooker.audience.records import milliseconds, moment
from onlooker.audience.suppression import DEFAULT_K
from onlooker.core.errors import ConfigError

_RULE, _UNTIL, _CUT, _SCREEN_CUT, _SETTINGS = "rule", "published_until", "purged_before", "purged_before:", "settings:"


def rule(session: Session) -> dict[str, Any] | None:
    """How the ledger is published; None before it ever was."""
    kept = _fact(session, _RULE)
    return None if kept is None else dict(json.loads(kept))


def screens_k(session: Session) -> dict[str, int]:
    """The k that each screen said it runs with."""
    told = session.rows("SELECT name, value FROM facts WHERE name LIKE ?", (f"{_SETTINGS}%",))
    every = {name.removeprefix(_SETTINGS): json.loads(value).get("k") for name, value in told}
    return {screen: k for screen, k in sorted(every.items()) if isinstance(k, int)}


def kept_k(session: Session) -> int:
    """The k by which plays are kept: the largest that anybody named, else the default."""
    first = rule(session) or {}
    named = [*screens_k(session).values(), *([first["k"]] if "k" in first else [])]
    return max(named, default=DEFAULT_K)


def note_settings(session: Session, settings: Mapping[str, Any], now: datetime) -> bool:
    """Keep the settings of a screen, and log them where they are not those noted last; whether that was so."""
    name, text = _SETTINGS + str(settings.get("screen", "")), json.dumps(dict(settings), sort_keys=True, default=str)
    if _fact(session, name) == text:
        return False
    _set_fact(session, name, text)
    audit.note(session, "configuration", {"settings": json.loads(text)}, now)
    return True


def publish(
    session: Session, name: str, asked: dict[str, Any], now: datetime, until: datetime, screen: str | None
) -> datetime | None:
    """``Ledger.publish``, of the ledger ``name``."""
    kept = rule(session)
    if kept is not None and kept != asked:
        other = {key: value for key, value in asked.items() if kept.get(key) != value}
        differ = ", ".join(f"{key} {kept.get(key)}, not {value}" for key, value in other.items())
        raise ConfigError(
            f"{name}: was published by {differ}; two rules for the same people would give them away by "
            "differences, so ask for the first one or leave the option out, or begin a new ledger"
        )
    _hold_to_screens(session, name, asked["k"], screen, first=kept is None)
    if kept is None:
        _set_fact(session, _RULE, json.dumps(asked, sort_keys=True))
        audit.note(session, "configuration", {"publish": asked}, now)
    ends = [int(_fact(session, _UNTIL) or 0)]
    if (last := _last(session)) is not None:
        zone = zone_of(str(asked.get("timezone", "UTC")))
        after = start_of(last.astimezone(zone).date() + timedelta(days=1), zone)
        ends.append(milliseconds(min(until, after)))
    _set_fact(session, _UNTIL, str(max(ends)))
    return moment(max(ends)) if max(ends) else None


def published_until(session: Session) -> int:
    """Before what moment (in milliseconds) nothing may change any more."""
    return int(_fact(session, _UNTIL) or 0)


def cut(session: Session, screen: str) -> datetime | None:
    """From when on a purge left a screen's counts whole; None where there was none."""
    cuts = [int(found) for name in (_CUT, _SCREEN_CUT + screen) if (found := _fact(session, name)) is not None]
    return moment(max(cuts)) if cuts else None


def cut_before(session: Session, before: datetime) -> None:
    """What is from before a moment was purged, of every screen."""
    _set_fact(session, _CUT, str(max(milliseconds(before), int(_fact(session, _CUT) or 0))))


def cut_screen(session: Session, screen: str, now: datetime) -> None:
    """What was of a screen was purged. How it runs is forgotten too: it may be gone for good."""
    _set_fact(session, _SCREEN_CUT + screen, str(milliseconds(now)))
    session.run("DELETE FROM facts WHERE name = ?", [(_SETTINGS + screen,)])


def cut_all(session: Session, now: datetime) -> None:
    """Everything was purged. What a clock that was wrong has left behind goes with it: with no counts before ``now``,
    and none published from its day, nothing that comes can be told from what was published."""
    session.run("DELETE FROM facts WHERE name = ? OR name LIKE ?", [(_UNTIL, f"{_SCREEN_CUT}%")])
    _set_fact(session, _CUT, str(milliseconds(now)))


def noted_screens(session: Session) -> set[str]:
    """The screens that noted their settings."""
    told = session.rows("SELECT name FROM facts WHERE name LIKE ?", (f"{_SETTINGS}%",))
    return {row[0].removeprefix(_SETTINGS) for row in told} - {""}


def _hold_to_screens(session: Session, name: str, k: int, screen: str | None, *, first: bool) -> None:
    """Raise ``ConfigError`` where a screen of an export promises to show no count under a larger k than its own."""
    promised = {each: its for each, its in screens_k(session).items() if its > k and screen in (None, each)}
    if not promised:
        return
    largest = max(promised, key=lambda each: promised[each])
    its = promised[largest]
    mend = f"ask for k {its} (--k), which suits the others too, or for other screens alone (--screen)"
    if not first:
        mend = (
            f"a published ledger keeps its first k: run it with k {k} ([display] k), ask for other screens alone "
            "(--screen), or begin a new ledger"
        )
    raise ConfigError(
        f"{name}: its screen {largest} runs with k {its}, and was to be published by k {k}; {mend}; where it is gone "
        f"for good, `onlooker purge --screen {quote(largest)}` forgets it, and what it counted"
    )


def _last(session: Session) -> datetime | None:
    """The last moment that anything was counted or played, which is the latest time that the ledger knows of."""
    found = session.rows(
        "SELECT max(last_ms) FROM "
        "(SELECT max(bucket_ms) AS last_ms FROM counts UNION ALL SELECT max(started_ms) FROM plays) AS times"
    )[0][0]
    return None if found is None else moment(int(found))


def _fact(session: Session, name: str) -> str | None:
    found = session.rows("SELECT value FROM facts WHERE name = ?", (name,))
    return str(found[0][0]) if found else None


def _set_fact(session: Session, name: str, value: str) -> None:
    session.run(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, value)],
    )
