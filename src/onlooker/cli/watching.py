"""What ``onlooker watch`` does with each sight: the live table, the JSON lines, the recorder and the page."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol

import click

from onlooker.audience.visits import Visit, Visits
from onlooker.cli.names import printable
from onlooker.cli.preview import Preview
from onlooker.core.demographics import whole_years
from onlooker.media.overlay import Colour, Mark, overlay
from onlooker.media.record import Recorder
from onlooker.media.video import Event, Frame
from onlooker.tracking.fusion import Fused
from onlooker.watcher import Sight, Watched, Watcher

_COLOURS: dict[str | None, Colour] = {"female": (196, 77, 142), "male": (38, 119, 187), None: (104, 112, 122)}


class View(Protocol):
    """Shows what happens."""

    def told(self, event: Event) -> None:
        """Something befell the source."""
        ...

    def sight(self, sight: Sight, now: datetime) -> None:
        """Who is in front."""
        ...

    def visit(self, visit: Visit) -> None:
        """A visit is over."""
        ...


class Session:
    """One run: frames in; sights, visits and pictures out. ``live`` says that the source goes by the wall clock."""

    def __init__(self, watcher: Watcher, view: View, *, live: bool, demographics: bool) -> None:
        self._watcher, self._view = watcher, view
        self._visits = Visits(demographics=demographics)
        self._live = live
        self._recorder: Recorder | None = None
        self._preview: Preview | None = None
        self._counts: Counter[str] = Counter()
        self._begun = time.monotonic()
        self._started = datetime.now(UTC).astimezone()

    def record(self, recorder: Recorder) -> None:
        """Keep the frames, faces marked, in a file."""
        self._recorder = recorder

    def preview(self, preview: Preview) -> None:
        """Show the frames, faces marked, on a page."""
        self._preview = preview

    def told(self, event: Event) -> None:
        """Something befell the source. Where it is lost, the visits are over: nobody knows how long they went on."""
        self._view.told(event)
        if event.kind == "lost":
            self._watcher.forget()
            self.end()

    def run(self, frames: Iterable[Frame], seconds: float | None) -> None:
        """Watch until the source ends, or ``seconds`` of it have passed."""
        for frame in frames:
            if seconds is not None and frame.at >= seconds:
                return
            sight = self._watcher.see(frame)
            now = self._now(frame)
            over = self._visits.update(sight.presences(), at=frame.at, now=now)
            self._counts["frames"] += 1
            self._counts["dropped"] += frame.dropped
            self._show(frame, sight)
            self._view.sight(sight, now)
            self._over(over)

    def end(self) -> None:
        """The source has ended, or was ended: so have the visits."""
        self._over(self._visits.end())

    def summary(self) -> str:
        """What there was, in a line."""
        took = max(1e-9, time.monotonic() - self._begun)
        frames, visits, watchers = (self._counts[name] for name in ("frames", "visits", "watchers"))
        text = f"{_count(frames, 'frame')} ({frames / took:.1f} a second), {_count(visits, 'visit')}, {watchers} looked"
        return text + (f", {self._counts['dropped']:,} frames passed over" if self._counts["dropped"] else "")

    def _now(self, frame: Frame) -> datetime:
        """The wall clock; for a file that is read faster, where it would stand had the file begun with the run."""
        return datetime.now(UTC).astimezone() if self._live else self._started + timedelta(seconds=frame.at)

    def _over(self, visits: list[Visit]) -> None:
        for visit in visits:
            self._counts["visits"] += 1
            self._counts["watchers"] += visit.looks > 0
            self._view.visit(visit)

    def _show(self, frame: Frame, sight: Sight) -> None:
        if self._recorder is None and self._preview is None:
            return
        marks = tuple(Mark(f.box, describe(f), _COLOURS[f.gender], quiet=not f.facing) for f in sight.faces)
        if self._preview is not None:
            self._preview.show(frame.pixels, marks)
        if self._recorder is not None:
            self._recorder.add(overlay(frame.pixels, marks), frame.at)


class Lines:
    """One JSON object a line, of a ``type``: ``source``, ``faces`` or ``visit``."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._due = 0.0

    def told(self, event: Event) -> None:
        """See ``View``."""
        self._write({"type": "source", "event": event.kind, "text": event.text})

    def sight(self, sight: Sight, now: datetime) -> None:
        """See ``View``."""
        if sight.at < self._due:
            return
        self._due = sight.at + self._every
        moment = {"at": round(sight.at, 3), "time": now.isoformat(timespec="milliseconds")}
        frame = {"number": sight.number, "dropped": sight.dropped}
        self._write({"type": "faces", **moment, **frame, "faces": [face.to_dict() for face in sight.faces]})

    def visit(self, visit: Visit) -> None:
        """See ``View``."""
        self._write({"type": "visit", **visit.to_dict()})

    def _write(self, line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()


class Table:
    """For people: who is in front, redrawn four times a second, and below it the visits that are over. Where standard
    output is no terminal, the visits alone, a line each. Used by ``with``."""

    _every = 0.25

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._drawn = 0.0
        self._rate = _Rate()

    def __enter__(self) -> "Table":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def told(self, event: Event) -> None:
        """See ``View``."""
        click.echo(printable(event.text), err=True)

    def sight(self, sight: Sight, now: datetime) -> None:  # noqa: ARG002
        """See ``View``."""
        self._rate.tick()
        if not self._console.is_terminal or time.monotonic() - self._drawn < self._every:
            return
        self._drawn = time.monotonic()
        from rich.table import Table as Grid

        grid = Grid(caption=f"{len(sight.faces)} in front, {self._rate.value:.0f} frames a second; Ctrl-C ends")
        for name in ("face", "age", "interval", "gender", "here", "looks"):
            grid.add_column(name, justify="right" if name in ("age", "here") else "left")
        for face in sight.faces:
            fused = face.fused
            age, interval = ("", "") if fused is None else _years(fused)
            grid.add_row(
                face.id, age, interval, _gender(face), f"{sight.at - face.since:.0f} s", "yes" if face.facing else ""
            )
        self._live.update(grid, refresh=True)

    def visit(self, visit: Visit) -> None:
        """See ``View``."""
        who = ""
        if visit.age is not None:
            age, interval = _years(visit)
            who = f", {age} ({interval}) {visit.gender or 'undetermined'}"
        line = f"{visit.arrived:%H:%M:%S}  stayed {visit.dwell_s:.1f} s, looked {visit.attention_s:.1f} s{who}"
        self._console.print(line, markup=False)


class _Rate:
    """Frames a second, lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self.value = 0.0

    def tick(self) -> None:
        now = self._clock()
        if self._last is not None and now > self._last:
            rate = 1 / (now - self._last)
            self.value += 0.1 * (rate - self.value) if self.value else rate
        self._last = now


def describe(face: Watched) -> str:
    """What stands at a face: its age and gender, as far as they are known."""
    if face.fused is None:
        return ""
    age, interval = _years(face.fused)
    return f"{age} ({interval}) {face.gender or ''}".strip()


def _years(known: Fused | Visit) -> tuple[str, str]:
    """Age and interval in whole years; empty where they are not known."""
    if known.age is None or known.age_low is None or known.age_high is None:
        return "", ""
    return str(whole_years(known.age)), f"{whole_years(known.age_low)} to {whole_years(known.age_high)}"


def _gender(face: Watched) -> str:
    return "" if face.fused is None else face.gender or "undetermined"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
