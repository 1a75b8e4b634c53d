"""The page as tests use it: a sample, an answer that is scripted, and what is said."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.service.browser import Page

SAMPLES = Path(__file__).parents[3] / "samples"
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
