"""What the ledger keeps of a play: when it was, whether it was whole, and of its audience nothing about a few people.

Who was there during a play is a number at a moment, and small ones are about somebody. So they are taken away before
they are stored, not when they are shown, and a reason that speaks of who was there becomes one word. Nobody in front
looks like a few: told apart, each play would say whether somebody was there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onlooker.audience.database import Session, Value
from onlooker.audience.records import Play, milliseconds, moment

STOPPED = "stopped"
"""Why a play ended early, where the reason itself is not kept."""

REASONS = ("", "another page of this screen took over", "the page was loaded anew", STOPPED)
"""Reasons of a play's early end that say nothing of who was in front, in the page's own words."""

COLUMNS = (
    "play_id, screen_id, campaign_id, creative_id, started_ms, ended_ms, planned_ms, actual_ms, complete, reason, "
    "faces_present, watchers, dwell_s, attention_s, propensity"
)

# Nothing but names of our own is put into the text of a statement.
ADD = (
    f"INSERT INTO plays ({COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(COLUMNS.split(',')))}) ON CONFLICT (play_id) DO NOTHING"
)


def kept(play: Play, k: int) -> Play:
    """A play as it is kept where ``k`` is the smallest number of people that is shown."""
    if play.reason not in REASONS:
        play = replace(play, reason=STOPPED)
    faces, watchers = play.faces_present, play.watchers
    if faces is watchers is play.dwell_s is play.attention_s is None:
        return play
    if faces is None or faces < k:
        return replace(play, faces_present=None, watchers=None, dwell_s=None, attention_s=None)
    if watchers is None or 0 < watchers < k or 0 < faces - watchers < k:
        return replace(play, watchers=None, attention_s=None)
    return play


def blank(session: Session, k: int) -> int:
    """Make of all plays what ``kept`` would have made of them; how often anything changed."""
    few = "UPDATE plays SET faces_present = NULL, watchers = NULL, dwell_s = NULL, attention_s = NULL "
    changed = session.run(few + "WHERE faces_present < ? OR (faces_present IS NULL AND dwell_s IS NOT NULL)", [(k,)])
    some = "UPDATE plays SET watchers = NULL, attention_s = NULL WHERE (watchers > 0 AND watchers < ?) "
    changed += session.run(some + "OR (faces_present > watchers AND faces_present - watchers < ?)", [(k, k)])
    return changed + session.run(
        f"UPDATE plays SET reason = ? WHERE reason NOT IN ({', '.join('?' * len(REASONS))})",  # noqa: S608
        [(STOPPED, *REASONS)],
    )


def row_of(play: Play) -> tuple[Value, ...]:
    """A play by ``COLUMNS``."""
    return (
        play.play_id,
        play.screen_id,
        play.campaign_id,
        play.creative_id,
        milliseconds(play.started_at),
        milliseconds(play.ended_at),
        play.planned_ms,
        play.actual_ms,
        int(play.complete),
        play.reason,
        play.faces_present,
        play.watchers,
        play.dwell_s,
        play.attention_s,
        play.propensity,
    )


def play_of(row: Sequence[Any]) -> Play:
    """The play of a row of ``COLUMNS``."""
    values: list[Any] = [*row]
    values[4:6], values[8] = map(moment, row[4:6]), bool(row[8])
    return Play(*values)
