"""Faces that are marked and told, files that come in any way, and an answer that is deleted."""

import csv
import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.service.browser import Page
from tests.service.page.site import (
    CANNED,
    COLLINS,
    GROUP,
    HOPPER,
    ask,
    canned,
    job_of,
    said,
    sample,
)


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
    assert label.startswith("Face 3: 1 year; 0 to 3, holds for nine faces in ten; undetermined; small: 31 pixels")


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
        document.querySelectorAll(".box")[39]
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
    lit = page.script("return [...document.querySelectorAll('.numbers .lit')].map(n => n.textContent)")
    assert lit == ["1"]
    assert len(page.all(".box.lit")) == 1


def test_boxes_and_their_numbers_stay_within_the_picture(page: Page) -> None:
    face = CANNED["faces"][0]
    boxes = [[-60, -50, 130, 120], [400, 520, 560, 660], [490, 3, 540, 40], [-30, 200, 40, 300]]
    canned(page, {**CANNED, "faces": [{**face, "box": box} for box in boxes]})
    stage = page.one(".stage").rect
    for one in page.all(".box, .numbers .number"):
        x, y, wide, high = (one.rect[name] for name in ("x", "y", "width", "height"))
        assert x >= stage["x"] - 0.5
        assert y >= stage["y"] - 0.5
        assert x + wide <= stage["x"] + stage["width"] + 0.5
        assert y + high <= stage["y"] + stage["height"] + 0.5


def test_a_number_lies_above_the_boxes_of_other_faces(page: Page) -> None:
    face = CANNED["faces"][0]
    canned(page, {**CANNED, "faces": [{**face, "box": box} for box in ([100, 100, 400, 400], [98, 90, 300, 300])]})

    def middle() -> Any:
        badge = Image.open(io.BytesIO(page.all(".numbers .number")[0].screenshot_as_png)).convert("RGB")
        wide, high = badge.size
        return badge.crop((wide // 4, high // 4, wide - wide // 4, high - high // 4))

    crossed = middle()
    page.script("for (const box of document.querySelectorAll('.box')) box.style.visibility = 'hidden'")
    assert crossed.tobytes() == middle().tobytes()


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
    assert "Try again" not in failed.text  # it would be no better
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


def test_what_is_dragged_from_the_page_itself_is_not_sent_again(page: Page) -> None:
    sample(page, 1)
    assert page.one(".stage img").get_property("draggable") is False
    drop = """const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(8)], "dragged.jpg"));
        for (const type of arguments) {
          dispatchEvent(new DragEvent(type, { dataTransfer: transfer, cancelable: true }));
        }
        return document.querySelectorAll(".card").length;"""
    assert page.script(drop, "dragstart", "dragenter", "dragover", "drop") == 1
    assert not page.one("#curtain").is_displayed()
    assert page.script(drop, "dragend", "dragenter", "drop") == 2
    page.card("failed")


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
    assert "Your browser cannot show this file. You see the server" in card.text
    assert page.script("return document.querySelector('.stage img').naturalWidth") == 512
    assert len(page.all(".box")) == 1
    page.press("Download")
    page.press("Marked picture, PNG")
    assert Image.open(io.BytesIO(page.downloaded("scan-faces.png"))).size == (512, 600)


def test_where_the_servers_copy_does_not_come_the_faces_are_told_all_the_same(page: Page, tmp_path: Path) -> None:
    with Image.open(GROUP) as picture:
        picture.save(tmp_path / "scan.tif")
    page.script("const real = window.fetch; window.fetch = (path, options) => String(path).endsWith('/picture') "
                "? Promise.reject(new TypeError('no network')) : real(path, options);")  # fmt: skip
    page.choose(tmp_path / "scan.tif")
    card = page.card("done")
    assert [face.text.split()[0] for face in page.all(".face")] == ["1", "2", "3", "4", "5"]
    assert "You see the server" not in card.text
    assert "copy of it did not come" in card.text
    page.all(".face")[1].click()
    assert page.all(".face")[1].get_attribute("aria-pressed") == "true"


def test_delete_now_that_fails_says_so_once(page: Page) -> None:
    sample(page, 1)
    page.script("window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError('no network'))")
    for _ in range(3):
        page.press("Delete now")
        page.wait(lambda: page.all(".end .bad"))
    assert [one.text for one in page.all(".end .bad")] == [
        "The server cannot be reached. Check the connection, then try again."
    ]
    page.script("window.fetch = window.real")
    page.press("Delete now")
    page.card("gone")


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
