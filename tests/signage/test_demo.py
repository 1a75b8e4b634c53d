"""The campaign that comes along."""

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from onlooker.audience.viewers import Audience, Viewer
from onlooker.cli.display import demo_campaign
from onlooker.signage.campaign import Campaign
from onlooker.signage.policy import choose
from onlooker.signage.reading import load

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
FILES = sorted(path for path in demo_campaign().parent.iterdir() if path.suffix in (".svg", ".html"))


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load(demo_campaign())


def viewer(age: float, p_female: float = 0.5) -> Viewer:
    weights = np.exp(-0.5 * ((np.arange(101) - age) / 5) ** 2)
    ages = (weights / weights.sum()).astype(np.float32)
    return Viewer(f"{age}", ages, p_female, attention=1.0, present_s=2.0, attention_s=2.0, height_px=100.0)


def chosen(campaign: Campaign, *viewers: Viewer) -> str:
    return choose(campaign, Audience(NOW, viewers), NOW, np.random.default_rng(0)).advert.id


def test_it_has_what_a_campaign_can_have(campaign: Campaign) -> None:
    adverts = campaign.adverts
    assert 6 <= len(adverts) <= 8
    assert [advert.restricted for advert in adverts].count(True) == 1
    assert sum(advert.general and not advert.default for advert in adverts) == 2
    assert {advert.kind for advert in adverts} == {"image", "html"}
    assert {Path(advert.source) for advert in adverts} == set(FILES)


def test_each_of_its_audiences_gets_its_advert(campaign: Campaign) -> None:
    assert chosen(campaign) in ("crumb-and-crust", "fern-and-foxglove")
    assert chosen(campaign, viewer(12)) in ("crumb-and-crust", "fern-and-foxglove")
    assert chosen(campaign, viewer(33)) == "stride"
    assert chosen(campaign, viewer(52, 0.98)) in ("ostara", "old-tern")
    assert chosen(campaign, viewer(75)) in ("clearview", "old-tern")
    assert chosen(campaign, viewer(33), viewer(75)) == "tidepool"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_advert_asks_nobody_else_for_anything_and_rests_for_who_wants_no_motion(path: Path) -> None:
    text = path.read_text("utf-8")
    addresses = set(re.findall(r"https?://[^\"'\s)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert "prefers-reduced-motion: reduce" in text
    assert "<script" not in text
    if path.suffix == ".svg":
        assert ET.fromstring(text).attrib["aria-label"]
