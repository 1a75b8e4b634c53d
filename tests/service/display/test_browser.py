"""The screen and the operator's page in a real browser, on a camera that sees what the test says."""

import base64
import io
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from PIL import Image
from selenium.common.exceptions import WebDriverException

from onlooker.audience.ledger import Ledger
from tests.service.browser import Page, browser
from tests.service.display.stage import BROKEN, COLOURS, Server, make_server

PATIENCE = 40.0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser("about:blank", tmp_path_factory.mktemp("downloads")) as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(**settings: Any) -> Server:
        made.append(make_server(tmp_path, **settings))
        return made[-1].start()

    yield start
    for each in made:
        each.stop(signal.SIGKILL)


def look(page: Page) -> tuple[int, int, int]:
    """The colour in the upper left of the screen."""
    clip = {"x": 60, "y": 60, "width": 8, "height": 8, "scale": 1}
    data = base64.b64decode(page.cdp("Page.captureScreenshot", format="png", clip=clip)["data"])
    with Image.open(io.BytesIO(data)) as image:
        colour = image.convert("RGB").getpixel((4, 4))
    assert isinstance(colour, tuple)
    return colour[0], colour[1], colour[2]


def blank(colour: tuple[int, int, int]) -> bool:
    """Whether this is neither an advert nor one fading into another: white, the slate, or darkness."""
    return min(colour) > 120 or max(colour) < 95


def advert(colour: tuple[int, int, int]) -> str | None:
    """Whose colour this is, to the eye."""
    near = [name for name, rgb in COLOURS.items() if all(abs(a - b) <= 16 for a, b in zip(colour, rgb, strict=True))]
    return near[0] if near else None


def shown(page: Page, *names: str) -> str:
    """Wait until one of these adverts is on the screen, by its pixels."""
    found: str = page.wait(lambda: name if (name := advert(look(page))) in names else None, PATIENCE)
    return found


def playing(page: Page) -> str:
    """The id of the play on the screen."""
    return str(page.script("return document.documentElement.dataset.play ?? ''"))


def open_screen(page: Page, server: Server, motion: str = "reduce") -> None:
    page.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": motion}])
    page.driver.switch_to.window(page.driver.window_handles[0])
    page.cdp("Emulation.setDeviceMetricsOverride", width=960, height=540, deviceScaleFactor=1, mobile=False)
    page.driver.get(f"{server.url}/display")


def kept(server: Server) -> list[Any]:
    ledger = Ledger(str(server.folder / "data" / "onlooker" / "ledger.sqlite"), create=False)
    plays = list(ledger.plays())
    ledger.close()
    return plays


def texts(page: Page, selector: str) -> list[str]:
    """The texts of elements, at one moment."""
    found: list[str] = page.script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
    )
    return found


def origin(page: Page) -> str | None:
    """What the page among the adverts that is shown says of its origin; None where another has taken its place."""
    try:
        page.driver.switch_to.frame(page.one(".layer.shown:last-child iframe"))
        return str(page.script("return document.title"))
    except WebDriverException:
        return None
    finally:
        page.driver.switch_to.default_content()


def woman(age: float = 30.0) -> dict[str, Any]:
    return {"id": "woman", "age": age, "p_female": 0.95}


def test_the_screen_follows_who_stands_in_front_at_the_ends_of_slots(page: Page, server: Callable[..., Server]) -> None:
    running = server(slot=1, k="2")
    open_screen(page, running)
    assert {shown(page, "red"), shown(page, "green"), shown(page, "red")} == {"red", "green"}
    friend = {"id": "friend", "x": 800.0}  # of one alone nothing would be kept
    running.camera.sees(woman(30), woman(28) | friend)
    shown(page, "young")
    running.camera.sees(woman(50), woman(52) | friend)
    shown(page, "page")
    # A page among the adverts has no origin: it cannot reach what is around it.
    page.wait(lambda: origin(page) == "null", PATIENCE)
    running.camera.sees(woman(80))
    shown(page, "cider")
    # Somebody comes who is not surely an adult: an advert for adults ends at once, its slot of a minute or not.
    running.camera.sees(woman(80), {"id": "boy", "age": 12.0, "x": 800.0})
    shown(page, "red", "green")
    page.wait(lambda: any(play.creative_id == "cider" for play in kept(running)), PATIENCE)
    plays = kept(running)
    stopped = [play for play in plays if not play.complete]
    assert [play.creative_id for play in stopped] == ["cider"]
    assert "adult" not in stopped[0].reason
    assert all(play.actual_ms >= play.planned_ms - 500 for play in plays if play not in stopped)
    young = next(play for play in plays if play.creative_id == "young")
    assert (young.faces_present, young.watchers) == (2, 2)
    assert young.attention_s > 0.5
    assert page.complaints() == []
    assert all(url.startswith(running.url) for url in page.requests())


def test_a_server_that_is_killed_leaves_nothing_blank_and_no_play_is_lost_or_counted_twice(
    page: Page, server: Callable[..., Server]
) -> None:
    running = server(slot=1.5)
    open_screen(page, running, motion="no-preference")
    page.wait(lambda: page.script("return !!navigator.serviceWorker.controller"), PATIENCE)
    seen: list[str] = []
    blanks: list[tuple[int, int, int]] = []

    def watch(plays: int) -> None:
        """Watch the pixels until so many further plays have begun."""
        until, most = len(seen) + plays, time.monotonic() + PATIENCE
        while len(seen) < until:
            assert time.monotonic() < most, "the screen stands still"
            if (play := playing(page)) and play not in seen:
                seen.append(play)
            colour = look(page)
            if blank(colour):
                blanks.append(colour)

    shown(page, "red", "green")
    watch(1)
    running.stop(signal.SIGKILL)
    watch(2)  # alone
    page.driver.refresh()  # the browser itself is started again, with nobody there
    shown(page, "red", "green")
    page.wait(lambda: playing(page), PATIENCE)
    watch(1)
    running.start()
    running.camera.sees(woman(30))
    shown(page, "young")  # it is asked again
    assert blanks == []
    page.driver.refresh()  # in the midst of a play, which goes on
    shown(page, *COLOURS)
    page.wait(lambda: playing(page), PATIENCE)
    watch(1)
    last = seen[-1]
    page.wait(lambda: set(seen) - {last} <= {play.play_id for play in kept(running)}, PATIENCE)
    plays = kept(running)
    assert len({play.play_id for play in plays}) == len(plays)
    strangers = {play.play_id for play in plays} - set(seen)
    # Plays that began while a page was being loaded, and nobody looked, are few and no doubles of others.
    assert len(strangers) <= 2
    begun = sorted(plays, key=lambda play: play.started_at)
    overlaps = [b for a, b in pairwise(begun) if (b.started_at - a.started_at).total_seconds() < 0.2]
    assert overlaps == []
    assert {play.faces_present for play in plays if play.faces_present is None} == {None}  # the server was away


def waits(page: Page) -> bool:
    return bool(page.script("return document.documentElement.dataset.waits === 'yes'"))


def test_a_second_page_waits_until_it_is_told_to_play_and_no_play_is_counted_twice(
    page: Page, server: Callable[..., Server]
) -> None:
    running = server(slot=1)
    open_screen(page, running)
    shown(page, "red", "green")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    second = page.driver.current_window_handle
    try:
        page.driver.get(f"{running.url}/display")
        page.wait(lambda: waits(page), PATIENCE)
        assert page.one(".elsewhere h1").text == "screen-1 plays on another page"
        assert playing(page) == ""
        page.press("Play here instead")
        page.wait(lambda: playing(page) and not waits(page), PATIENCE)
        page.driver.switch_to.window(first)
        page.wait(lambda: waits(page) and not page.all(".layer"), PATIENCE)
        # The one that plays is closed, and the one that waits takes up by itself.
        page.driver.switch_to.window(second)
        page.wait(lambda: len(kept(running)) >= 3, PATIENCE)
    finally:
        page.driver.switch_to.window(second)
        page.driver.close()
        page.driver.switch_to.window(first)
    before = playing(page)
    page.wait(lambda: not waits(page) and playing(page) not in ("", before), PATIENCE)
    taken_up = playing(page)  # whichever plays now; when it is told of, the next one may play already
    page.wait(lambda: taken_up in {play.play_id for play in kept(running)}, PATIENCE)
    plays = sorted(kept(running), key=lambda play: play.started_at)
    assert len({play.play_id for play in plays}) == len(plays)
    # One after another: no two pages ever played at once.
    assert all(b.started_at >= a.ended_at - timedelta(seconds=0.1) for a, b in pairwise(plays))
    assert [play.reason for play in plays if play.reason] == ["another page of this screen took over"]


def test_whoever_objects_is_not_looked_at_and_the_screen_plays_on(page: Page, server: Callable[..., Server]) -> None:
    running = server(slot=1)
    running.camera.sees(woman(30))
    open_screen(page, running)
    shown(page, "young")
    assert page.one("#camera-word").text == "Camera active"
    assert page.script("return document.querySelector('.code').naturalWidth") > 0
    page.press("Do not look at me")
    page.wait(lambda: page.one("#camera-word").text.startswith("Camera paused until"), PATIENCE)
    page.wait(lambda: running.camera.told()[-1]["look"] is False, PATIENCE)
    assert {shown(page, "red"), shown(page, "green")} == {"red", "green"}
    running.stop(signal.SIGKILL)
    running.start()
    page.wait(lambda: running.camera.told()[-1]["look"] is False, PATIENCE)
    page.driver.get(f"{running.url}/operator")
    page.wait(lambda: page.one("#camera").text.startswith("paused until"), PATIENCE)
    assert "Nobody is in front." in page.one("#people").text


def test_the_operator_sees_boxes_and_why_and_what_is_wrong(page: Page, server: Callable[..., Server]) -> None:
    running = server(more=BROKEN, slot=1)
    running.camera.sees(woman(30), {"id": "man", "age": 65.0, "p_female": 0.05, "x": 900.0, "facing": False})
    open_screen(page, running)
    page.wait(lambda: playing(page), PATIENCE)
    page.driver.switch_to.new_window("tab")
    try:
        page.cdp("Emulation.setDeviceMetricsOverride", width=1920, height=1080, deviceScaleFactor=1, mobile=False)
        page.driver.get(f"{running.url}/operator")
        page.wait(lambda: len(page.all(".box")) == 2, PATIENCE)
        page.wait(lambda: texts(page, ".box span") == ["30, female", "65, male"], PATIENCE)
        assert texts(page, ".box.away span") == ["65, male"]
        assert "25 to 35" in page.one("#people").text
        page.wait(lambda: "suits the 2 people in front" in page.one("#why").text, PATIENCE)
        assert page.all("#scores li.chosen")
        page.one("#left-out-box summary").click()
        assert "is for people aged" in page.one("#left-out").text
        assert page.script("return document.getElementById('picture').naturalWidth") == 1  # the scripted camera's pixel
        assert page.one("#camera").text == "sees"
        # What is wrong is named, and the screen plays on.
        running.camera.sees()
        page.wait(lambda: "broken" in page.one("#errors").text, PATIENCE)
        assert "cannot decode" in page.one("#errors").text
        running.camera.sees(do="lost")
        page.wait(lambda: page.one("#camera").text == "camera lost", PATIENCE)
        assert "nothing came for 3 seconds" in page.one("#errors").text
        page.wait(lambda: "Nobody is in front" in page.one("#why").text, PATIENCE)
        running.camera.sees(do="crash")
        page.wait(lambda: "process ended" in page.one("#errors").text, PATIENCE)
        running.camera.sees(woman(30))
        page.wait(lambda: page.one("#camera").text == "sees" and texts(page, ".box span") == ["30, female"], PATIENCE)
        # Without the server the page says so, and takes up again by itself.
        running.stop(signal.SIGKILL)
        page.wait(lambda: page.one("#away").is_displayed(), PATIENCE)
        running.start()
        page.wait(lambda: not page.one("#away").is_displayed() and texts(page, ".box span") == ["30, female"], PATIENCE)
    finally:
        page.driver.close()
        page.driver.switch_to.window(page.driver.window_handles[0])
    assert page.one("#camera-word").text == "Camera active"  # that it was lost is no customer's concern


class Elsewhere(BaseHTTPRequestHandler):
    """A host of adverts that are pages: one of a colour, and ``/on``, which leads on to it by another name. It writes
    down what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        self.asked.append(self.path)
        self.send_response(302 if self.path == "/on" else 200)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        colour = "#{:02x}{:02x}{:02x}".format(*COLOURS["page"])
        self.wfile.write(f"<!doctype html><html style='background: {colour}'>".encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def elsewhere() -> Iterator[str]:
    """The address of such a host."""
    Elsewhere.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()


def add(server: Server, name: str, url: str) -> None:
    """Add a page elsewhere to the campaign of a server that runs, before all others and once an hour."""
    more = f'[[advert]]\nid = "{name}"\nurl = "{url}"\nduration = 3\ngeneral = true\npriority = 5\ncap_per_hour = 1\n'
    with server.campaign.open("a") as file:
        file.write(more)


def loads(page: Page) -> int:
    """How often the screen's page was loaded since the last call."""
    return sum(url.endswith("/display/main.js") for url in page.requests())


def test_a_page_of_a_new_host_is_let_in_between_two_plays_and_shown(page: Page, server: Callable[..., Server]) -> None:
    running = server(slot=1)
    open_screen(page, running)
    shown(page, "red", "green")
    page.wait(lambda: page.script("return !!navigator.serviceWorker.controller"), PATIENCE)
    page.requests()
    with elsewhere() as host:
        add(running, "far", f"{host}/")
        shown(page, "page")
        page.wait(lambda: any(play.creative_id == "far" for play in kept(running)), PATIENCE)
        assert loads(page) == 1
        assert Elsewhere.asked == ["/"]  # the host sees one play, and a page begins once
        add(running, "astray", f"{host}/on")
        page.wait(lambda: '"advert": "astray"' in running.log, PATIENCE)
        assert "is not among those that the screen's page lets in" in running.log
        before = len(kept(running))
        page.wait(lambda: len(kept(running)) > before, PATIENCE)  # it is passed over
    plays = kept(running)
    assert [play.creative_id for play in plays].count("far") == 1
    assert "astray" not in {play.creative_id for play in plays}
    # No play was interrupted, and none was made up for what was blocked.
    assert [play.reason for play in plays if not play.complete] == []
    assert len({play.play_id for play in plays}) == len(plays)
    assert loads(page) == 0  # it would not help
    page.complaints()  # the browser says what it has blocked


def test_the_line_beside_the_advert_follows_the_campaign(page: Page, server: Callable[..., Server]) -> None:
    running = server(slot=1)
    open_screen(page, running)
    assert page.one("#line").text.startswith("A camera here estimates age and gender to choose adverts.")
    shown(page, "red", "green")
    running.campaign.write_text(f"targeting = false\n{running.campaign.read_text()}")
    page.wait(lambda: page.one("#line").text.startswith("A camera here counts visits"), PATIENCE)
