"""Nothing stays on the server that the page has let go of: a picture called off, a try that failed, a page left."""

import json
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.browser import Page, browser
from tests.service.conftest import Server
from tests.service.page.site import COLLINS, GROUP, HOPPER, ask, job_of, sample
from tests.service.running import awaited, stored


def gone(page: Page, job: str) -> bool:
    try:
        ask(page, job)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 404
    return False


def objects(server: Server) -> set[Path]:
    """The pictures, copies and answers that a server has."""
    return {path for path in stored(server) if "objects" in path.parts}


def answers(server: Server) -> set[Path]:
    return {path for path in objects(server) if "out_" in path.parts}


def dismiss(page: Page, word: str) -> None:
    page.one(f".card [title='{word}']").click()
    page.wait(lambda: not page.all(".card"))


def test_a_picture_whose_job_never_started_goes_with_its_card(page: Page, server: Server) -> None:
    before = objects(server)
    page.script("window.real = window.fetch; window.fetch = (path, options) => path === '/v1/jobs' "
                "? Promise.reject(new TypeError('no network')) : window.real(path, options);")  # fmt: skip
    page.choose(HOPPER)
    page.card("failed")
    assert len(objects(server) - before) > 0
    dismiss(page, "Dismiss")
    awaited(lambda: objects(server) <= before)


def test_a_picture_called_off_while_its_job_starts_leaves_nothing(page: Page, server: Server) -> None:
    before = objects(server)
    page.script(
        """window.real = window.fetch;
        window.fetch = (path, options) => path === "/v1/jobs"
          ? new Promise((_, no) => {
              options.signal.addEventListener("abort", () => no(options.signal.reason));
              window.real(path, { ...options, signal: null }).then(() => (window.started = true));
            })
          : window.real(path, options);"""
    )
    page.choose(HOPPER)
    page.wait(lambda: page.script("return window.started"))
    awaited(lambda: answers(server) - before)
    dismiss(page, "Cancel")
    awaited(lambda: objects(server) <= before)


def test_a_picture_called_off_when_it_has_left_is_deleted_once_it_has_arrived(page: Page, server: Server) -> None:
    before = objects(server)
    page.script(
        """window.XMLHttpRequest = class {
          upload = {};
          open(method, url) { this.url = url; }
          send(body) {
            setTimeout(() => {
              this.upload.onload();
              window.arrive = async () => {
                this.status = (await fetch(this.url, { method: "POST", body })).status;
                this.onload();
                this.onloadend();
                return this.status;
              };
            });
          }
          abort() {
            window.broken = true;
            this.onabort();
            this.onloadend();
          }
        };"""
    )
    page.choose(HOPPER)
    page.wait(lambda: page.script("return Boolean(window.arrive)"))
    page.requests()
    dismiss(page, "Cancel")
    assert [url for url in page.requests() if "/v1/jobs" in url] == []
    assert page.script("return window.arrive()") == 204
    awaited(lambda: objects(server) <= before)
    assert page.script("return window.broken ?? false") is False


def test_trying_again_leaves_no_answer_behind(page: Page, server: Server) -> None:
    before = objects(server)
    page.script(
        """window.real = window.fetch;
        window.EventSource = class extends EventTarget {
          constructor() { super(); setTimeout(() => this.onerror()); }
          close() {}
        };
        window.fetch = (path, options) => /^.v1.jobs.\\w+$/.test(path) && options.method === "GET"
          ? Promise.resolve(new Response("{}", { status: 500 }))
          : window.real(path, options);"""
    )
    page.choose(HOPPER)
    page.card("failed")
    first = awaited(lambda: answers(server) - before)
    page.script("window.fetch = window.real")
    page.press("Try again", ".card")
    page.card("done")
    assert len(answers(server) - before) == 1
    assert answers(server).isdisjoint(first)
    page.press("Delete now")
    page.card("gone")
    awaited(lambda: objects(server) <= before)


def test_leaving_deletes_every_answer_in_one_request(page: Page, server: Server) -> None:
    before = objects(server)
    seen = len(server.log.read_text().splitlines())
    page.choose(GROUP, HOPPER, COLLINS)
    page.card("done", 3)
    job = job_of(page)
    assert not gone(page, job)
    page.open()
    awaited(lambda: gone(page, job) and objects(server) <= before)
    said = server.log.read_text().splitlines()[seen:]
    asked = [json.loads(line) for line in said if line.startswith("{")]
    assert [line["status"] for line in asked if line.get("route") == "/page"] == [204]


def test_a_page_that_was_set_aside_says_that_its_answers_are_deleted(page: Page) -> None:
    sample(page, 1)
    job = job_of(page)
    event = "dispatchEvent(new PageTransitionEvent(arguments[0], { persisted: true }))"
    page.script(event, "pagehide")
    awaited(lambda: gone(page, job))
    page.script(event, "pageshow")
    assert "It is deleted from the server. The answer is on this page alone." in page.card("done").text
    page.press("Delete now")
    page.card("gone")
    assert all("404" in said for said in page.complaints())


def test_the_browser_asks_before_much_is_lost_and_other_pages_open_beside_it(page: Page) -> None:
    asks = "const e = new Event('beforeunload', { cancelable: true }); dispatchEvent(e); return e.defaultPrevented;"
    links = "return [...document.querySelectorAll(\"a:is([href='/docs'], [href='/model'])\")].map((a) => a.target)"
    assert page.script(asks) is False
    assert set(page.script(links)) == {""}
    page.script("window.real = window.fetch; window.fetch = (path, options) => path === '/v1/uploads' ? new Promise("
                "(_, no) => options.signal.addEventListener('abort', () => no(options.signal.reason)))"
                ": window.real(path, options);")  # fmt: skip
    page.choose(HOPPER)
    page.card("working")
    assert page.script(asks) is True
    dismiss(page, "Cancel")
    assert page.script(asks) is False
    page.script("window.fetch = window.real")
    page.choose(*[HOPPER] * 5)
    page.card("done", 5)
    assert page.script(asks) is False
    page.choose(HOPPER)
    page.card("done", 6)
    assert page.script(asks) is True
    assert page.script(links) == ["_blank"] * 5
    page.one("nav a").click()
    page.wait(lambda: len(page.driver.window_handles) == 2)
    here, there = page.driver.window_handles
    page.driver.switch_to.window(there)
    page.driver.close()
    page.driver.switch_to.window(here)
    assert len(page.all(".card")) == 6
    page.press("Delete now", ".card:last-child")
    page.card("gone")
    assert page.script(asks) is False


@pytest.fixture
def locked(own: Callable[..., Server], tmp_path: Path) -> Any:
    """The page of a server that asks for keys."""
    server = own(ONLOOKER_KEYS_REQUIRED="true")
    with browser(server.url, tmp_path / "downloads") as page:
        yield page.open(), server


def test_a_page_whose_pass_has_ended_gets_another(locked: tuple[Page, Server]) -> None:
    page, server = locked
    sample(page, 1)
    assert objects(server)
    page.driver.delete_all_cookies()
    page.press("Delete now")
    page.card("gone")
    assert objects(server) == set()
    page.driver.delete_all_cookies()
    page.choose(HOPPER)
    page.card("done")
    assert objects(server)
    page.open()
    awaited(lambda: not objects(server))
