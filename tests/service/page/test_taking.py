"""What can be taken along, the camera, and a server that is busy, broken or away."""

import csv
import io
import json
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from tests.service.browser import Page
from tests.service.page.site import (
    ask,
    canned,
    job_of,
    sample,
)


def test_downloads_hold_the_answer_exactly(page: Page) -> None:
    sample(page, 1)
    analysis = ask(page, job_of(page))["analysis"]
    page.press("Download")
    page.press("Answer, JSON")
    assert json.loads(page.downloaded("grace_hopper.json")) == analysis
    page.press("Download")
    page.press("Table, CSV")
    (row,) = csv.DictReader(io.StringIO(page.downloaded("grace_hopper.csv").decode()))
    face = analysis["faces"][0]
    wanted: dict[str, Any] = {"source": "grace_hopper.jpg", "width": 512, "height": 600, "face": 1}
    wanted |= dict(zip(("x1", "y1", "x2", "y2"), face["box"], strict=True))
    wanted |= {name: face[name] for name in ("score", "age", "age_low", "age_high", "p_female", "gender", "age_class")}
    wanted |= face["pose"] | {"face_height" if k == "height" else k: v for k, v in face["quality"].items()}
    wanted |= {"doubts": " ".join(face["doubts"]), "error": None}
    assert list(row) == list(wanted)
    for name, value in wanted.items():
        if isinstance(value, int | float):
            assert float(row[name]) == value
        else:
            assert row[name] == (value or "")


def test_the_csv_has_the_columns_of_the_command_line_and_quotes_what_needs_it(page: Page) -> None:
    from onlooker.cli.forms import CSV_COLUMNS

    text = page.driver.execute_async_script(
        """const [analysis, done] = arguments;
        import("/static/export.js").then(({ csv }) => done(csv([analysis])));""",
        {"source": 'a "b", c.jpg', "width": None, "height": None, "faces": [], "error": "no picture"},
    )
    head, row = csv.reader(io.StringIO(text))
    assert head == CSV_COLUMNS
    assert (row[0], row[-1], len(row)) == ('a "b", c.jpg', "no picture", len(head))


@pytest.mark.parametrize(("word", "kind", "ending", "off"), [("JPEG", "JPEG", "jpg", 30), ("PNG", "PNG", "png", 1)])
def test_the_marked_picture_has_full_size_and_its_marks(
    page: Page, word: str, kind: str, ending: str, off: int
) -> None:
    canned(page)
    page.press("Download")
    page.press(f"Marked picture, {word}")
    picture = Image.open(io.BytesIO(page.downloaded(f"grace_hopper-faces.{ending}")))
    assert (picture.format, picture.size) == (kind, (512, 600))
    pixels = picture.convert("RGB")
    # The margin of the first label, and the left edge of each box.
    assert pixels.getpixel((154, 81)) == pytest.approx((196, 77, 142), abs=off)
    if kind == "PNG":  # lines of two pixels do not survive JPEG's colours
        assert pixels.getpixel((149, 200)) == (196, 77, 142)
        assert pixels.getpixel((19, 440)) == (38, 119, 187)
        assert pixels.getpixel((419, 25)) == (104, 112, 122)


def test_the_share_card_is_drawn_here_for_the_face_chosen(page: Page) -> None:
    canned(page)
    page.requests()
    page.press("Share card")
    preview = page.one("dialog .preview")
    assert preview.get_attribute("aria-label") == "Card: How old do I look? 34, 21 to 45"
    before = page.script("return arguments[0].toDataURL()", preview)
    page.all("dialog .choice")[1].click()
    page.wait(lambda: preview.get_attribute("aria-label") == "Card: How old do I look? 61, 50 to 72")
    assert page.script("return arguments[0].toDataURL()", preview) != before
    page.press("Download card", "dialog")
    card = Image.open(io.BytesIO(page.downloaded("canned-how-old.png")))
    assert card.size == (1080, 1350)
    assert page.requests() == []
    page.type(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"))


def test_a_photograph_is_taken_sent_and_the_camera_let_go(page: Page) -> None:
    page.script(
        """window.tracks = [];
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          const stream = await real(wanted);
          window.tracks.push(...stream.getTracks());
          return stream;
        };"""
    )
    live = "return window.tracks.map((track) => track.readyState)"
    page.press("Take a photo")
    page.press("Take photo", "dialog")
    assert page.script(live) == ["ended"]
    page.press("Retake", "dialog")
    page.wait(lambda: page.script("return document.querySelector('dialog .primary').disabled === false"))
    assert "mirrored" in str(page.one("dialog video").get_attribute("class"))
    page.press("Take photo", "dialog")
    page.press("Use this photo", "dialog")
    assert page.card("done").text.startswith("photo-")
    page.press("Take a photo")
    page.wait(lambda: page.script("return document.querySelector('dialog .primary').disabled === false"))
    assert page.script(live) == ["ended", "ended", "live"]
    page.type(Keys.ESCAPE)
    page.wait(lambda: page.script(live) == ["ended", "ended", "ended"])


def test_a_camera_that_is_refused_is_explained(page: Page) -> None:
    page.script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
    )
    page.press("Take a photo")
    page.wait(lambda: "Allow it in the address bar" in page.one(".camera-said").text)


def test_a_busy_server_is_waited_for(page: Page) -> None:
    page.script(
        """const real = window.fetch;
        let refusals = 2;
        window.fetch = (path, options) => {
          if (path !== "/v1/uploads" || !refusals) return real(path, options);
          refusals -= 1;
          const headers = { "Retry-After": "1", "Content-Type": "application/problem+json" };
          return Promise.resolve(new Response('{"detail": "too many"}', { status: 429 + 74 * refusals, headers }));
        };
        window.told = new Set();
        new MutationObserver(() => {
          for (const node of document.querySelectorAll(".status")) window.told.add(node.textContent);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });"""
    )
    sample(page, 1)
    assert "The server is busy; trying again in 1 s" in page.script("return [...window.told]")


def test_a_broken_stream_is_no_end(page: Page) -> None:
    page.script("window.EventSource = class extends EventTarget { constructor() { super(); "
                "setTimeout(() => this.onerror?.()); } close() {} };")  # fmt: skip
    assert "1 face" in sample(page, 1).text


def test_a_server_that_cannot_be_reached_is_said_and_tried_again(page: Page) -> None:
    page.script("window.real = window.fetch; window.fetch = (path, options) => path.startsWith('/v1') "
                "? Promise.reject(new TypeError('no network')) : window.real(path, options);")  # fmt: skip
    page.all(".sample")[1].click()
    assert "The server cannot be reached" in page.card("failed").text
    page.script("window.fetch = window.real")
    page.press("Try again", ".card")
    page.card("done")


def test_a_picture_on_its_way_can_be_called_off(page: Page) -> None:
    page.script("window.real = window.fetch; window.fetch = (path, options) => path === '/v1/uploads' ? new Promise("
                "(_, no) => options.signal.addEventListener('abort', () => no(options.signal.reason)))"
                ": window.real(path, options);")  # fmt: skip
    page.all(".sample")[1].click()
    page.card("working").find_element("css selector", "[title='Cancel']").click()
    page.wait(lambda: not page.all(".card"))
