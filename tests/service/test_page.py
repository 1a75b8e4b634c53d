"""The website's page in a real browser on a real server; skipped where there is no chromium."""

import csv
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from tests.service.browser import Page, browser
from tests.service.conftest import Server

SAMPLES = Path(__file__).parents[2] / "samples"
GROUP, HOPPER, COLLINS = (SAMPLES / name for name in ("group.jpg", "grace_hopper.jpg", "eileen_collins.png"))

CANNED: dict[str, Any] = {
    "source": "canned.jpg",
    "width": 512,
    "height": 600,
    "found": 250,
    "error": None,
    "faces": [
        {
            "box": [150.0, 100.0, 360.0, 330.0],
            "landmarks": [[200.0, 180.0]] * 5,
            "score": 0.99,
            "age": 34.4,
            "age_low": 21.2,
            "age_high": 45.0,
            "p_female": 0.999,
            "gender": "female",
            "age_class": "adult",
            "pose": {"yaw": 1.0, "pitch": -2.0, "roll": 0.5},
            "quality": {"height": 230, "brightness": 50, "sharpness": 80},
            "doubts": [],
        },
        {
            "box": [20.0, 400.0, 90.0, 480.0],
            "landmarks": [[50.0, 430.0]] * 5,
            "score": 0.9,
            "age": 61.0,
            "age_low": 50.0,
            "age_high": 72.0,
            "p_female": 0.1,
            "gender": "male",
            "age_class": "old",
            "pose": {"yaw": 40.0, "pitch": 0.0, "roll": 0.0},
            "quality": {"height": 80, "brightness": 10, "sharpness": 20},
            "doubts": ["blurred", "dark", "turned"],
        },
        {
            "box": [420.0, 10.0, 446.0, 41.0],
            "landmarks": [[430.0, 25.0]] * 5,
            "score": 0.8,
            "age": 1.2,
            "age_low": 0.0,
            "age_high": 3.0,
            "p_female": 0.5,
            "gender": None,
            "age_class": "child",
            "pose": {"yaw": 0.0, "pitch": 0.0, "roll": 0.0},
            "quality": {"height": 31, "brightness": 50, "sharpness": 50},
            "doubts": ["small", "young"],
        },
    ],
}


@pytest.fixture(scope="module")
def window(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(server.url, tmp_path_factory.mktemp("downloads")) as page:
        yield page


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    """The page as it opens. Afterwards: the console has said nothing, and nothing was asked of another host."""
    window.open()
    yield window
    assert window.complaints() == []
    elsewhere = {url for url in window.requests() if urlsplit(url).netloc != urlsplit(window.url).netloc}
    assert elsewhere == set()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(HOPPER.read_bytes()[:3000])
    return path


def sample(page: Page, number: int = 0) -> Any:
    page.all(".sample")[number].click()
    return page.card("done")


def said(page: Page) -> list[str]:
    return [
        str(text) for text in page.script("return [...document.querySelectorAll('#said p')].map(p => p.textContent)")
    ]


def job_of(page: Page) -> str:
    """The id of the last job that the page listened to."""
    return [url for url in page.requests() if url.endswith("/events")][-1].split("/")[-2]


def ask(page: Page, job: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{page.url}/v1/jobs/{job}") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def answer_canned(page: Page, job: dict[str, Any]) -> None:
    """Let the server's next streams say that."""
    page.script(
        """const job = arguments[0];
        window.EventSource = class extends EventTarget {
          constructor() {
            super();
            setTimeout(() => this.dispatchEvent(new MessageEvent("job", { data: JSON.stringify(job) })));
          }
          close() {}
        };""",
        job,
    )


def canned(page: Page, analysis: dict[str, Any] = CANNED) -> Any:
    job = {"id": "0" * 32, "status": "done", "created": "2026-01-01T00:00:00Z", "answered": None, "expires": None}
    answer_canned(page, {**job, "error": None, "analysis": analysis, "picture": None, "timings": {"decode": 0.2}})
    page.choose(HOPPER)
    return page.card("done")


def test_a_sample_is_answered_with_every_face_marked_and_said(page: Page) -> None:
    card = sample(page)
    job = ask(page, job_of(page))
    faces = job["analysis"]["faces"]
    assert len(faces) == 5
    stage = page.one(".stage img").rect
    boxes = page.all(".box")
    assert len(boxes) == len(page.all(".face")) == 5
    scale = stage["width"] / 1280
    seen = sorted((box.rect["x"] - stage["x"], box.rect["y"] - stage["y"]) for box in boxes)
    wanted = sorted((face["box"][0] * scale, face["box"][1] * scale) for face in faces)
    assert seen == [pytest.approx(place, abs=1.5) for place in wanted]
    ages = [int(face["age"] + 0.5) for face in faces]
    assert said(page) == [f"5 faces in group.jpg: {', '.join(map(str, ages[:4]))} and {ages[4]} years"]
    assert [face.text.split()[1] for face in page.all(".face")] == [str(age) for age in ages]
    low, high = (int(faces[0][end] + 0.5) for end in ("age_low", "age_high"))
    assert f"{low} to {high}, holds for nine faces in ten" in page.all(".face")[0].text
    assert "5 faces · 1280 \N{MULTIPLICATION SIGN} 800 · read in" in card.text


def test_boxes_keep_their_place_when_the_window_shrinks(page: Page) -> None:
    sample(page)
    page.cdp("Emulation.setDeviceMetricsOverride", width=500, height=800, deviceScaleFactor=1, mobile=False)
    stage = page.wait(lambda: (r := page.one(".stage").rect)["width"] <= 500 and r)
    for box in page.all(".box"):
        assert stage["x"] <= box.rect["x"] <= box.rect["x"] + box.rect["width"] <= stage["x"] + stage["width"]


def test_a_face_is_told_in_words(page: Page) -> None:
    card = canned(page)
    first, second, third = [face.text.replace("\n", " ") for face in page.all(".face")]
    assert first == "1 34 years female, 99 % 21 to 45, holds for nine faces in ten"
    assert second.endswith("male, 90 % 50 to 72, holds for nine faces in ten blurred · dark · turned away")
    assert "1 year undetermined" in third
    assert third.endswith("small: 31 pixels high · a young child: gender cannot be told this early")
    assert "250 faces were found; the 3 largest are read." in card.text
    assert said(page) == ["3 faces in canned.jpg: 34, 61 and 1 years"]
    label = page.all(".face")[2].get_attribute("aria-label")
    assert label is not None
    assert label.startswith("Face 3: 1 years; 0 to 3, holds for nine faces in ten; undetermined; small: 31 pixels")


def test_without_a_reason_an_open_gender_was_too_close_to_call(page: Page) -> None:
    face = {**CANNED["faces"][0], "gender": None, "p_female": 0.6}
    canned(page, {**CANNED, "faces": [face], "found": 1})
    assert page.one(".why").text == "gender too close to call"


def test_pointing_at_a_box_brings_its_row_into_view_and_leaves_the_page_where_it_is(page: Page) -> None:
    face = CANNED["faces"][1]
    boxes = [[10 + 50 * (i % 10), 20 + 60 * (i // 10), 45 + 50 * (i % 10), 62 + 60 * (i // 10)] for i in range(40)]
    canned(page, {**CANNED, "faces": [{**face, "box": box} for box in boxes]})
    inside = """const [row, list] = [".face", ".faces"].map((one) => [...document.querySelectorAll(one)].at(-1));
    const [own, all] = [row, list].map((node) => node.getBoundingClientRect());
    return own.top >= all.top - 1 && own.bottom <= all.bottom + 1;"""
    assert page.script(inside) is False
    before = page.script(
        """const at = scrollY;
        [...document.querySelectorAll(".box")].find((box) => box.textContent === "40")
          .dispatchEvent(new PointerEvent("pointerenter", { pointerType: "mouse" }));
        return at;"""
    )
    assert page.script(inside) is True
    assert page.script("return scrollY") == before


def test_box_and_row_light_each_other_up(page: Page) -> None:
    canned(page)
    page.all(".box")[-1].click()  # the smallest lies on top
    row = page.all(".face")[2]
    assert row.get_attribute("aria-pressed") == "true"
    assert "lit" in str(row.get_attribute("class"))
    page.all(".face")[0].click()
    assert [face.get_attribute("aria-pressed") for face in page.all(".face")] == ["true", "false", "false"]
    lit = page.script("return [...document.querySelectorAll('.box.lit .number')].map(n => n.textContent)")
    assert lit == ["1"]


def test_several_files_go_two_at_once_and_one_that_fails_stops_none(page: Page, broken: Path) -> None:
    page.script(
        """window.most = 0;
        new MutationObserver(() => {
          window.most = Math.max(window.most, document.querySelectorAll(".card[data-state='working']").length);
        }).observe(document.body, { subtree: true, childList: true, attributes: true });"""
    )
    page.choose(GROUP, broken, HOPPER, COLLINS)
    page.card("done", 3)
    failed = page.card("failed")
    assert "runcated" in failed.text
    assert failed.find_element("css selector", ".status").text.endswith(".")
    assert page.script("return window.most") == 2
    assert page.one("#results-title").text == "4 pictures, 7 faces"
    names = [card.text.split("\n")[0] for card in page.all(".card")]
    assert names == ["group.jpg", "broken.jpg", "grace_hopper.jpg", "eileen_collins.png"]
    page.press("Try again", ".card")
    page.wait(lambda: len([line for line in said(page) if line.startswith("broken.jpg: ")]) == 2)
    page.card("failed")
    page.press("All as CSV")
    rows = list(csv.DictReader(io.StringIO(page.downloaded("faces.csv").decode())))
    assert [row["source"] for row in rows] == ["group.jpg"] * 5 + ["grace_hopper.jpg", "eileen_collins.png"]


def test_a_failed_card_can_be_dismissed(page: Page, broken: Path) -> None:
    page.choose(broken)
    page.card("failed").find_element("css selector", "[aria-label='Dismiss: broken.jpg']").click()
    page.wait(lambda: not page.all(".card"))
    assert not page.one("#results").is_displayed()
    assert page.one(".samples").is_displayed()


def test_a_file_that_is_too_large_or_empty_is_never_sent(page: Page) -> None:
    page.requests()
    page.script(
        """const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(25000001)], "big.jpg"));
        transfer.items.add(new File([], "empty.jpg"));
        dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));"""
    )
    page.card("failed", 2)
    assert "25 MB is the most" in page.all(".card")[0].text
    assert "The file is empty" in page.all(".card")[1].text
    assert "Try again" not in page.one("#cards").text
    assert [url for url in page.requests() if "/v1/" in url] == []


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_pictures_can_be_dropped_and_pasted(page: Page, way: str) -> None:
    page.script(
        """const way = arguments[0];
        fetch("/samples/grace_hopper.jpg").then((answer) => answer.blob()).then((blob) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([blob], `${way}.jpg`, { type: "image/jpeg" }));
          if (way === "drop") dispatchEvent(new DragEvent("dragenter", { dataTransfer: transfer }));
          window.curtain = !document.getElementById("curtain").hidden;
          dispatchEvent(way === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer }));
        });""",
        way,
    )
    assert f"{way}.jpg" in page.card("done").text
    assert page.script("return window.curtain") is (way == "drop")
    assert not page.one("#curtain").is_displayed()


def test_no_face_is_a_friendly_answer(page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (320, 200), "teal").save(tmp_path / "plain.png")
    page.choose(tmp_path / "plain.png")
    assert "No face was found" in page.card("done").text
    assert said(page) == ["No face in plain.png"]
    assert "Share card" not in page.one(".card").text


def test_what_the_browser_cannot_show_is_shown_as_the_servers_copy(page: Page, tmp_path: Path) -> None:
    with Image.open(HOPPER) as picture:
        picture.save(tmp_path / "scan.tif")
    page.choose(tmp_path / "scan.tif")
    card = page.card("done")
    assert "the copy and the answer" in card.text.lower()
    assert "Your browser cannot show this kind of file" in card.text
    assert page.script("return document.querySelector('.stage img').naturalWidth") == 512
    assert len(page.all(".box")) == 1
    page.press("Download")
    page.press("Marked picture, PNG")
    assert Image.open(io.BytesIO(page.downloaded("scan-faces.png"))).size == (512, 600)


def test_delete_now_takes_picture_and_answer_away_everywhere(page: Page) -> None:
    sample(page, 1)
    job = job_of(page)
    assert ask(page, job)["status"] == "done"
    page.press("Delete now")
    gone = page.card("gone")
    assert "Gone: the picture and its answer are deleted" in gone.text
    assert page.all(".card img, .card canvas") == []
    assert page.script("return document.activeElement === document.querySelector('.card')")
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        ask(page, job)
    refused.value.close()


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
    from onlooker.cli.output import CSV_COLUMNS

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
    assert [url for url in page.requests() if "icons.svg" not in url] == []
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


def focused(page: Page) -> str:
    return str(page.script("const at = document.activeElement; return at.id || at.className || at.tagName"))


def tab(page: Page, until: str, most: int = 30) -> None:
    """Press Tab until an element is reached whose id or class begins like that, and that shows its focus."""
    for _ in range(most):
        page.type(Keys.TAB)
        if focused(page).startswith(until):
            outline = page.script(
                """const at = document.activeElement;
                return getComputedStyle(at.id === "file" ? at.nextElementSibling : at).outlineStyle;"""
            )
            assert outline != "none", focused(page)
            return
    raise AssertionError(f"no Tab reaches {until}")


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    tab(page, "skip")
    tab(page, "theme")
    tab(page, "file")
    tab(page, "camera")
    tab(page, "sample")
    page.type(Keys.ENTER)
    page.card("done")
    tab(page, "button small")
    page.type(Keys.ENTER)
    page.one("dialog[open]")
    assert page.script("return document.querySelector('dialog').contains(document.activeElement)")
    page.type(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"))
    assert page.driver.switch_to.active_element.text == "Share card"
    tab(page, "button small")
    assert page.driver.switch_to.active_element.tag_name == "summary"
    page.type(Keys.ENTER)
    tab(page, "item")
    page.type(Keys.ESCAPE)
    assert not page.one(".items").is_displayed()
    tab(page, "face")
    page.type(Keys.SPACE)
    assert page.all(".face")[0].get_attribute("aria-pressed") == "true"
    for _ in range(4):
        tab(page, "face")
    tab(page, "button small")
    page.type(Keys.ENTER)
    page.card("gone")


def test_colours_follow_the_system_and_the_choice_is_remembered(page: Page) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.script(ground)
    page.open(prefers_color_scheme="dark")
    dark = page.script(ground)
    assert light != dark
    assert page.one("#theme").get_attribute("aria-pressed") == "true"
    page.one("#theme").click()
    assert page.script(ground) == light
    page.open(prefers_color_scheme="dark")
    assert page.script(ground) == light
    page.script("localStorage.clear()")


def test_storage_that_is_switched_off_breaks_nothing(page: Page) -> None:
    hide = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('off', 'SecurityError') } })"
    added = page.cdp("Page.addScriptToEvaluateOnNewDocument", source=hide)
    page.open(prefers_color_scheme="light")
    page.one("#theme").click()
    assert page.one("html").get_attribute("data-theme") == "dark"
    page.cdp("Page.removeScriptToEvaluateOnNewDocument", **added)


SIZES = [(320, 640), (390, 844), (768, 1024), (1440, 900), (2560, 1440)]
WIDER = """return [document.documentElement.scrollWidth, ...[...document.querySelectorAll("dialog")].map(
  (dialog) => innerWidth + dialog.scrollWidth - dialog.clientWidth)]"""


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_wider_than_the_window(page: Page, width: int, height: int) -> None:
    page.open(width, height)
    assert page.script(WIDER) == [width]
    canned(page)
    page.press("Download")
    assert page.script(WIDER) == [width]
    page.one(".menu").click()
    page.press("Share card")
    page.one("dialog .preview")
    assert page.script(WIDER) == [width, width]


def test_motion_is_left_out_where_it_is_not_wanted(page: Page) -> None:
    page.open(prefers_reduced_motion="reduce")
    page.script("window.EventSource = class extends EventTarget { close() {} }")
    page.all(".sample")[0].click()
    page.wait(lambda: "Reading" in page.card("working").text)
    assert page.script("return document.getAnimations().length") == 0
    page.open()
    page.script("window.EventSource = class extends EventTarget { close() {} }")
    page.all(".sample")[0].click()
    page.wait(lambda: "Reading" in page.card("working").text)
    assert page.script("return document.getAnimations().length") > 0


NAMES = """
const named = (node) => {
  const by = node.getAttribute("aria-labelledby");
  const label = by ? by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ") : "";
  const labels = [...(node.labels ?? [])].map((each) => each.textContent).join(" ");
  const alts = [...node.querySelectorAll("img")].map((image) => image.alt).join(" ");
  return (node.getAttribute("aria-label") ?? "") + label + labels + alts + node.textContent;
};
const wanted = "a, button, summary, input, select, dialog, article, section, nav, progress, [role=img], [role=log]";
const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map(({ tagName }) => Number(tagName[1]));
return {
  nameless: [...document.querySelectorAll(wanted)].filter((node) => !named(node).trim()).map((node) => node.outerHTML),
  altless: [...document.images].filter((image) => !image.alt.trim()).map((image) => image.outerHTML),
  twice: ids.filter((id, index) => ids.indexOf(id) !== index),
  dangling: [...document.querySelectorAll("[aria-labelledby], [aria-describedby], [for]")].flatMap((node) =>
    ["aria-labelledby", "aria-describedby", "for"].flatMap((name) => (node.getAttribute(name) ?? "").split(" ")))
    .filter((id) => id && !document.getElementById(id)),
  skipped: levels.filter((level, index) => index && level > levels[index - 1] + 1),
  within: [...document.querySelectorAll(":is(a, button, summary) :is(a, button, input)")].map((node) => node.outerHTML),
  unlisted: [...document.querySelectorAll("ul > :not(li), ol > :not(li)")].map((node) => node.outerHTML),
  mains: document.querySelectorAll("main").length,
  firsts: document.querySelectorAll("h1").length,
  language: document.documentElement.lang,
};
"""
SOUND: dict[str, Any] = {
    "nameless": [],
    "altless": [],
    "twice": [],
    "dangling": [],
    "skipped": [],
    "within": [],
    "unlisted": [],
}


def test_names_roles_and_structure_are_sound(page: Page, broken: Path) -> None:
    wanted = {**SOUND, "mains": 1, "firsts": 1, "language": "en"}
    assert page.script(NAMES) == wanted
    page.choose(GROUP, broken)
    page.card("done")
    page.card("failed")
    assert page.script(NAMES) == wanted
    page.press("Share card")
    page.one("dialog .preview")
    assert page.script(NAMES) == wanted


CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const over = ([r, g, b, a], under) => [r, g, b].map((value, i) => (value * a + under[i] * (255 - a)) / 255);
const ground = (node) => {
  if (!node) return [255, 255, 255];
  const own = rgba(getComputedStyle(node).backgroundColor);
  return own[3] === 255 ? own.slice(0, 3) : over(own, ground(node.parentElement));
};
const light = (colour) => {
  const [r, g, b] = colour.map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const bad = [];
let checked = 0;
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !node.checkVisibility() || node.closest(".unseen, :disabled")) continue;
  const style = getComputedStyle(node);
  const under = ground(node);
  const [one, two] = [light(over(rgba(style.color), under)), light(under)].sort((a, b) => b - a);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  checked += 1;
  const ratio = (one + 0.05) / (two + 0.05);
  if (ratio < (large ? 3 : 4.5)) bad.push([node.className, node.textContent, ratio]);
}
return [checked, bad];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_enough_from_its_ground(page: Page, broken: Path, scheme: str) -> None:
    page.open(prefers_color_scheme=scheme)
    checked, bad = page.script(CONTRAST)
    assert checked > 20
    assert bad == []
    page.choose(broken)
    page.card("failed")
    canned(page)
    page.all(".face")[1].click()
    page.press("Download")
    checked, bad = page.script(CONTRAST)
    assert checked > 40
    assert bad == []


TARGETS = """
const wanted = "button, summary, select, label.button, .box, .choice, nav a";
return [...document.querySelectorAll(wanted)].filter((node) => node.checkVisibility()).map((node) => {
  const own = node.getBoundingClientRect();
  const after = getComputedStyle(node, "::after");
  const [wide, high] = node.matches(".box") ? [after.width, after.height].map(parseFloat) : [own.width, own.height];
  return [node.className || node.id, wide, high];
}).filter(([, wide, high]) => Math.min(wide, high) < 44);
"""


def test_fingers_find_targets_large_enough(page: Page) -> None:
    page.open(390, 844)
    assert page.script(TARGETS) == []
    canned(page)
    page.press("Download")
    assert page.script(TARGETS) == []
    page.one(".menu").click()
    page.press("Share card")
    page.one("dialog .preview")
    assert page.script(TARGETS) == []


def test_the_plain_form_is_there_without_scripts(page: Page) -> None:
    page.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.driver.get(page.url)
        form = page.one("noscript form, form")
        shown = [form.get_dom_attribute(name) for name in ("method", "action", "enctype")]
        assert shown == ["post", "/page", "multipart/form-data"]
    finally:
        page.cdp("Emulation.setScriptExecutionDisabled", value=False)
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + HOPPER.read_bytes()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    sent = urllib.request.Request(f"{page.url}/page", body + b"\r\n--b--\r\n", headers)
    with urllib.request.urlopen(sent) as answer:
        assert "<table>" in answer.read().decode()


def test_the_page_allows_itself_nothing_inline(page: Page) -> None:
    with urllib.request.urlopen(page.url) as answer:
        html, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert "{{" not in html
    assert " style=" not in html
    assert " on" not in {attribute[:3] for attribute in html.split('"')[::2] if "=" in attribute}
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
