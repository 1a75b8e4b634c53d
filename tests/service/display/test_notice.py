"""What the notice says, by the settings and by the campaign."""

from dataclasses import replace
from pathlib import Path

import pytest

from onlooker.service.display.notice import line, paragraphs
from onlooker.settings import Display
from onlooker.signage.campaign import Advert, Campaign, Minors
from tests.service.display.test_pages import Client, make_studio, run

CAMPAIGN = Campaign((Advert("red", Path("red.svg"), default=True),))


def text(settings: Display | None = None, campaign: Campaign = CAMPAIGN) -> str:
    settings = settings or Display()
    return " ".join([line(settings, campaign), *(part for pair in paragraphs(settings, campaign) for part in pair)])


def test_the_notice_says_what_is_switched_on_and_no_more() -> None:
    whole = text(Display(owner="Harbour Street Ltd", contact="it@harbour.example"))
    assert "to choose adverts" in whole
    assert "Harbour Street Ltd runs this screen" in whole
    assert "it@harbour.example" in whole
    assert "choose" not in text(Display(targeting=False))
    assert "age" not in line(Display(demographics=False), CAMPAIGN)
    assert "estimates an age" not in text(Display(demographics=False))
    assert "count how many" not in text(Display(counting=False))


def test_where_the_campaign_does_not_choose_by_who_is_there_the_notice_does_not_say_so() -> None:
    plain = replace(CAMPAIGN, targeting=False)
    assert line(Display(), plain).startswith("A camera here counts visits by estimated age and gender.")
    assert "To choose an advert" not in text(campaign=plain)
    assert "under 18" not in text(campaign=plain)


@pytest.mark.parametrize(
    ("settings", "campaign"),
    [
        (Display(counting=False), replace(CAMPAIGN, targeting=False)),
        (Display(counting=False, targeting=False), CAMPAIGN),
        (Display(counting=False, demographics=False), CAMPAIGN),
    ],
)
def test_where_the_camera_is_of_no_use_the_notice_says_that_it_is_off_and_of_nothing_that_it_does(
    settings: Display, campaign: Campaign
) -> None:
    assert line(settings, campaign) == "The camera here is switched off."
    off = text(settings, campaign)
    for word in ("looks for faces", "memory", "counts visits", "How to object", "button", "to choose"):
        assert word not in off


@pytest.mark.parametrize("minors", [Minors("allow"), Minors(threshold=1.0)])
def test_that_minors_are_left_out_is_said_only_where_they_are(minors: Minors) -> None:
    assert "Anybody who may be under 18, by an estimated probability of 5 % or more, is left out" in text()
    assert "of 7 % or more" in text(campaign=replace(CAMPAIGN, minors=Minors(threshold=0.07)))
    told = text(campaign=replace(CAMPAIGN, minors=minors))
    assert "To choose an advert" in told
    assert "under 18" not in told


def test_the_pages_follow_the_campaign_as_it_changes(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    content = studio.screen.content
    chooses, counts = "to choose adverts.", "A camera here counts visits by estimated age and gender."

    async def work(client: Client) -> None:
        assert "under 18" in (await client().get("/notice")).text
        for path in ("/notice", "/display", "/display/campaign"):
            assert chooses in (await client().get(path)).text
        content.campaign = replace(content.campaign, minors=Minors("allow"))
        assert "under 18" not in (await client().get("/notice")).text
        content.campaign = replace(content.campaign, targeting=False)
        for path in ("/notice", "/display", "/display/campaign"):
            answer = await client().get(path)
            assert counts in answer.text
            assert chooses not in answer.text

    run(studio, work)


def test_who_reads_the_notice_of_a_camera_that_is_off_is_asked_nothing(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, counting=False)
    content, button = studio.screen.content, '<form method="post" action="/notice/pause" >'

    async def work(client: Client) -> None:
        assert button in (await client().get("/notice")).text
        await client().post("/notice/pause")
        content.campaign = replace(content.campaign, targeting=False)
        told = (await client().get("/notice")).text
        assert 'action="/notice/pause" hidden>' in told
        assert "Nobody is looked at until" not in told
        assert "switched off" in told

    run(studio, work)
