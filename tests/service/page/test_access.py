"""The page for everyone: keyboard, colours, small windows, less motion, names, contrast, fingers, no scripts."""

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.service.browser import Page
from tests.service.page.site import GROUP, HOPPER, canned


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


def test_the_focus_is_never_lost(page: Page, broken: Path) -> None:
    where = "const at = document.activeElement; return at.id || at.querySelector?.('h3')?.textContent || at.tagName"
    page.choose(HOPPER, broken, GROUP)
    page.card("done", 2)
    page.card("failed")
    page.script("document.querySelector('[title=Dismiss]').focus()")
    page.type(Keys.ENTER)
    page.wait(lambda: len(page.all(".card")) == 2)
    assert page.script(where) == "group.jpg"
    page.script("document.querySelector('summary').focus()")
    page.type(Keys.ENTER)
    tab(page, "item")
    page.script("HTMLAnchorElement.prototype.click = () => {}")  # no download, which is not what is asked here
    page.type(Keys.ENTER)
    assert page.driver.switch_to.active_element.text == "Download"
    for name in ("grace_hopper.jpg", "group.jpg"):
        page.press("Delete now")
        page.wait(lambda: page.all("[title=Dismiss]"))
        assert page.script(where) == name
        page.script("document.querySelector('[title=Dismiss]').focus()")
        page.type(Keys.ENTER)
        page.wait(lambda: not page.all("[title=Dismiss]"))
    assert page.script(where) == "file"


def test_a_card_keeps_the_focus_when_its_buttons_change(page: Page) -> None:
    page.script(
        """window.real = window.fetch;
        window.fetch = (path, options) => path === "/v1/uploads" && !window.go
          ? new Promise((yes) => (window.let = () => yes(window.real(path, options))))
          : window.real(path, options);"""
    )
    page.choose(HOPPER)
    page.card("working")
    page.script("document.querySelector('[title=Cancel]').focus()")
    page.wait(lambda: page.script("return Boolean(window.let)"))
    page.script("window.go = true; window.let()")
    page.card("done")
    assert page.script("return document.activeElement === document.querySelector('.card')")


def test_the_drawings_are_in_the_page_and_need_no_server(page: Page) -> None:
    page.requests()
    page.open()
    page.script("window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError('no network'))")
    page.choose(HOPPER)
    page.card("failed")
    page.press("Take a photo")
    page.one("dialog .icon")
    drawn = "return [...document.querySelectorAll('.icon')].filter((icon) => icon.checkVisibility())"
    sizes = page.script(f"{drawn}.map((icon) => icon.querySelector('use').getBBox().width)")
    assert len(sizes) >= 8
    assert min(sizes) > 0
    assert [url for url in page.requests() if "icons.svg" in url] == []
    page.type(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"))


def test_a_key_that_cannot_be_sent_is_said_to_be_none(page: Page) -> None:
    page.driver.get(f"{page.url}/docs")
    page.one("#key").send_keys("olk_\u00e9\u20ac")
    page.press("Take the sample")
    page.wait(lambda: page.one("#outcome").text)
    assert page.one("#outcome").text == "The key holds a space or a letter that no key has. Copy it again."
    assert [url for url in page.requests() if "/v1/" in url] == []


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
