"""What a screen decides, without a camera or a page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlooker.audience.records import Play as Kept
from onlooker.service.display.content import Content
from onlooker.service.display.facts import facts_of
from onlooker.service.display.messages import Face, Present
from onlooker.service.display.plays import Going, Reported
from onlooker.service.display.screen import GOES_ON_FOR, Clock, Screen
from onlooker.settings import Display
from tests.service.display.scripted_camera import face
from tests.service.display.stage import BROKEN, campaign

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass
class World:
    screen: Screen
    time: float = 0.0
    jump: timedelta = timedelta()
    events: list[tuple[str, Any]] = field(default_factory=list)
    plays: int = 0

    def see(self, *faces: Face, after: float = 0.1) -> None:
        self.time += after
        self.screen.see(Present(self.time, 1280, 720, 30.0, list(faces)))
        self.hear()

    def next(self, after: float = 2.0) -> str:
        self.time += after
        self.plays += 1
        return self.screen.decide(f"play-{self.plays:04}", ends_in=0.0).decision.advert.id

    def hear(self) -> None:
        for queue in self.screen.told.listeners:
            while not queue.empty():
                self.events.append(queue.get_nowait())


def world(tmp_path: Path, more: str = "", facts: Path | None = None, head: str = "", **settings: Any) -> World:
    import asyncio

    made: World
    clock = Clock(lambda: START + timedelta(seconds=made.time) + made.jump, lambda: made.time)
    file = campaign(tmp_path / "campaign", more)
    file.write_text(head + file.read_text())
    content = Content(file)
    rng = np.random.default_rng(0)
    made = World(Screen(content, Display(**settings), clock=clock, rng=rng, facts=facts_of(facts)))
    made.screen.told.listeners.add(asyncio.Queue(64))
    return made


def reported(id: str, advert: str, at: datetime, shown: int = 2000, **more: Any) -> Reported:  # noqa: A002
    ended = at + timedelta(milliseconds=shown)
    return Reported(id, advert, "colours", at, ended, 2000, shown, **more)


def test_who_stands_in_front_decides_when_a_slot_ends(tmp_path: Path) -> None:
    w = world(tmp_path)
    assert {w.next(), w.next()} == {"red", "green"}
    w.see(face("a", 30))
    assert w.next() == "young"
    w.see(face("b", 64.5))
    assert w.next() == "old"
    w.see(face("b", 64.5), face("c", 12))
    assert w.next() in ("red", "green")
    assert "under 18" in w.screen.slot.decision.why  # type: ignore[union-attr]


def test_the_page_says_when_a_slot_ends_even_early_or_after_the_clock_was_put_back(tmp_path: Path) -> None:
    w = world(tmp_path)
    first = w.next()
    assert w.next(after=0.3) != first
    w.jump = timedelta(hours=-3)
    second = w.next()
    w.jump = timedelta(hours=5)
    assert w.next() != second


def test_asking_again_under_the_same_id_changes_nothing(tmp_path: Path) -> None:
    w = world(tmp_path)
    slot = w.screen.decide("play-1", ends_in=0.0)
    assert w.screen.decide("play-1", ends_in=0.0) is slot


def test_an_advert_for_adults_ends_when_somebody_comes_who_is_not_surely_one(tmp_path: Path) -> None:
    w = world(tmp_path)
    w.see(face("a", 80))
    assert w.next() == "cider"
    w.see(face("a", 80))
    assert w.events == []
    w.see(face("a", 80), face("b", 19))
    # Why is the operator's to read, and no part of what is kept of a play.
    assert w.events == [("stop", {"play": "play-0001", "reason": "audience"})]
    assert w.next() != "cider"
    assert w.screen.slot is not None
    assert "somebody in front may be under 18" in w.screen.slot.decision.left_out["cider"]


def test_an_advert_for_adults_ends_when_nobody_can_say_who_is_there(tmp_path: Path) -> None:
    for end in (lambda w: w.screen.lose_sight(), lambda w: w.see(face("a", 80), face("b", None))):
        w = world(tmp_path)
        w.see(face("a", 80))
        assert w.next() == "cider"
        end(w)  # type: ignore[no-untyped-call]
        w.hear()
        assert [kind for kind, _ in w.events] == ["stop"]


def test_an_advert_for_adults_does_not_begin_beside_a_face_that_was_not_read(tmp_path: Path) -> None:
    w = world(tmp_path)
    w.see(face("a", 80), face("b", None))
    assert w.next() != "cider"
    assert w.screen.slot is not None
    assert "the age of somebody in front is not known yet" in w.screen.slot.decision.left_out["cider"]


def test_a_decision_for_later_is_taken_back_where_a_child_comes_before_it_begins(tmp_path: Path) -> None:
    w = world(tmp_path)
    w.see(face("a", 80))
    w.screen.decide("play-now", ends_in=0.0)
    w.screen.decide("play-then", ends_in=1.2)
    w.see(face("a", 80), face("b", 10))
    assert {told["play"] for _, told in w.events} == {"play-now", "play-then"}


def test_without_targeting_or_demographics_nobody_counts(tmp_path: Path) -> None:
    for w in (world(tmp_path, targeting=False), world(tmp_path, demographics=False)):
        w.see(face("a", 30))
        assert {w.next(), w.next(), w.next()} == {"red", "green"}


def test_without_counting_no_visit_and_no_exposure_comes_out(tmp_path: Path) -> None:
    for counting in (True, False):
        w = world(tmp_path, counting=counting)
        w.next()
        for _ in range(20):
            w.see(face("a", 30))
        w.see(after=2.0)
        [play] = w.screen.reported([reported("play-0001", "red", START)])
        assert len(w.screen.visits) == counting
        assert play.faces_present == (1 if counting else None)
        if counting:
            assert play.watchers == 1
            assert play.dwell_s == pytest.approx(2.0, abs=0.15)
        else:
            assert (play.watchers, play.dwell_s, play.attention_s) == (None, None, None)


def test_a_play_has_no_audience_once_it_is_over_and_nothing_follows(tmp_path: Path) -> None:
    """The page was closed for the night."""
    w = world(tmp_path)
    w.next()
    for step in range(6000):
        w.see(face(f"passer-{step // 100}", 30))
    [play] = w.screen.reported([reported("play-0001", "red", START)])
    assert play.dwell_s == pytest.approx(2.0 + GOES_ON_FOR, abs=0.2)
    assert play.watchers == 2
    # Whatever plays in the morning has its own.
    w.next()
    w.see(face("early", 30))
    [play] = w.screen.reported([reported("play-0002", "green", START)])
    assert play.faces_present == 1


def test_a_play_that_a_reload_held_up_keeps_its_audience_to_its_late_end(tmp_path: Path) -> None:
    w = world(tmp_path)
    w.next()
    for _ in range(160):
        w.see(face("a", 30))
    [play] = w.screen.reported([reported("play-0001", "red", START)])
    assert play.dwell_s == pytest.approx(16.0, abs=0.15)


def test_a_pause_forgets_who_is_there_and_ends_by_the_steady_clock(tmp_path: Path) -> None:
    w = world(tmp_path)
    w.see(face("a", 30))
    w.screen.pause(600)
    w.see(face("a", 30))
    assert w.screen.people() == []
    assert w.next() in ("red", "green")
    w.jump = timedelta(days=2)
    w.see(face("a", 30))
    assert w.next() in ("red", "green")
    w.time += 600
    w.see(face("a", 30))
    assert w.next() == "young"


def test_what_cannot_be_shown_is_left_out_and_was_not_played(tmp_path: Path) -> None:
    w = world(tmp_path, BROKEN)
    shown = [w.next() for _ in range(3)]
    assert sorted(shown) == ["broken", "green", "red"]
    while (advert := w.next()) != "broken":
        pass
    w.screen.unshown(f"play-{w.plays:04}", advert, "the browser cannot decode its image")
    assert {w.next(after=0.0) for _ in range(6)} == {"red", "green"}
    assert dict(w.screen.problems) == {"broken": "the browser cannot decode its image"}
    assert "broken" not in w.screen.alone()["turns"]


def test_alone_the_page_may_play_what_is_for_everybody_and_needs_no_count(tmp_path: Path) -> None:
    more = '[[advert]]\nid = "rare"\nfile = "red.svg"\ngeneral = true\ncap_per_hour = 1\n'
    more += '[[advert]]\nid = "rain"\nfile = "red.svg"\ngeneral = true\nwhen = { weather = "rain" }\n'
    assert world(tmp_path, more).screen.alone()["turns"] == ["red", "green"]


def test_caps_hold_over_plays_that_the_page_chose_alone_and_over_a_restart(tmp_path: Path) -> None:
    more = '[[advert]]\nid = "rare"\nfile = "red.svg"\ngeneral = true\ncap_per_hour = 1\npriority = 5\n'
    w = world(tmp_path, more)
    w.screen.reported([reported("alone-000001", "rare", START, decided=False)])
    assert w.next() != "rare"
    w = world(tmp_path, more)
    kept = Kept("p", "screen-1", "colours", "rare", START, START, 2000, 2000, True)
    w.screen.restore([kept, Kept("q", "screen-1", "colours", "gone", START, START, 2000, 2000, True)], [])
    assert w.next() != "rare"
    assert world(tmp_path, more).next() == "rare"


def test_a_cap_holds_for_what_an_earlier_server_chose_and_is_on_the_screen_still(tmp_path: Path) -> None:
    more = '[[advert]]\nid = "rare"\nfile = "red.svg"\ngeneral = true\ncap_per_hour = 2\npriority = 5\n'
    w = world(tmp_path, more)
    going = Going("earlier-0001", "rare", START, 2000)
    w.screen.goes_on(going)
    w.screen.goes_on(going)
    w.screen.reported([reported("earlier-0001", "rare", START)])  # over by now, and told again
    assert [w.next(), w.next() == "rare"] == ["rare", False]
    # What this server chose is counted already.
    w.screen.goes_on(Going("play-0002", "green", START, 2000))
    assert w.screen.slot is not None
    assert len(w.screen.slot.decision.history.plays) == 3


LEARNS = "[learning]\nenabled = true\n"


def test_what_a_play_teaches_is_kept_where_learning_is_on_and_else_is_nothing(tmp_path: Path) -> None:
    for head, learns in ((LEARNS, True), ("", False)):
        w = world(tmp_path, head=head)
        w.see(face("a", 30, 0.95))
        advert = w.next()
        for _ in range(20):
            w.see(face("a", 30, 0.95))
        w.screen.reported([reported("play-0001", advert, START)] * 2)
        assert [(each.advert, each.segment) for each in w.screen.lessons.records()] == [
            (advert, "female 18-34")
        ] * learns
        if learns:
            [lesson] = w.screen.lessons.records()
            assert lesson.attention + lesson.missed == pytest.approx(1.0)
            again = world(tmp_path, head=head)
            again.screen.restore([], w.screen.lessons.records())
            assert again.screen.learner == w.screen.learner


def test_a_play_is_complete_within_half_a_second_and_says_why_it_was_not(tmp_path: Path) -> None:
    w = world(tmp_path)
    whole, short = w.screen.reported(
        [reported("whole-00001", "red", START, 1600), reported("short-00001", "red", START, 1400, reason="stopped")]
    )
    assert (whole.complete, whole.actual_ms) == (True, 1600)
    assert (short.complete, short.reason) == (False, "stopped")


def test_what_comes_next_is_told_without_deciding_it(tmp_path: Path) -> None:
    w = world(tmp_path)
    assert w.screen.ahead() is None
    w.next()
    ahead = w.screen.ahead()
    assert ahead is not None
    assert w.next() == ahead.advert.id


def test_facts_are_read_at_every_choice_and_a_bad_file_tells_nothing(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    more = '[[advert]]\nid = "rain"\nfile = "red.svg"\ngeneral = true\npriority = 3\nwhen = { weather = "rain" }\n'
    w = world(tmp_path, more, facts)
    assert w.next() != "rain"
    facts.write_text('{"weather": "rain", "list": [1]}')
    assert w.next() == "rain"
    for bad in ("{", "[]", '{"weather": {}}'):
        facts.write_text(bad)
        assert w.next() != "rain"


def test_a_campaign_that_changes_is_read_again_and_one_that_breaks_is_not(tmp_path: Path) -> None:
    file = campaign(tmp_path / "campaign")
    content = Content(file)
    version = content.version
    assert not content.refresh()
    good = file.read_text()
    file.write_text(good + "[[advert]]\nid = 3\n")
    assert not content.refresh()
    assert "colours.toml, line" in content.problem
    assert content.version == version
    file.write_text(good + '[[advert]]\nid = "new"\nfile = "red.svg"\n')
    assert content.refresh()
    assert content.problem == ""
    assert content.version != version
    (file.parent / "red.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert content.refresh()


def test_of_the_campaigns_folder_only_what_belongs_to_a_page_is_given(tmp_path: Path) -> None:
    content = Content(campaign(tmp_path / "campaign"))
    (tmp_path / "secret.json").write_text("{}")
    page = next(i for i, advert in enumerate(content.campaign.adverts) if advert.kind == "html")
    assert content.file(0, "default.svg") is not None
    assert content.file(page, "beside.css") is not None
    for number, name in (
        (0, "red.svg"),
        (0, "beside.css"),
        (page, "colours.toml"),
        (page, "../secret.json"),
        (99, "a"),
    ):
        assert content.file(number, name) is None
