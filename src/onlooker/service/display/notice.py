"""The notice: what the camera does, why, for whom, and how to object; in a line, in a paragraph, and in full."""

from html import escape
from io import BytesIO

import segno

from onlooker.service.display.uses import chooses, looks
from onlooker.settings import Display
from onlooker.signage.campaign import Campaign


def qr(text: str) -> str:
    """A QR code as SVG, dark on nothing; whoever shows it gives it a light ground."""
    out = BytesIO()
    segno.make(text, error="m").save(out, kind="svg", xmldecl=False, svgns=True, border=2, scale=4, omitsize=True)
    return out.getvalue().decode("utf-8")


def line(settings: Display, campaign: Campaign) -> str:
    """The first layer, beside the advert."""
    if not looks(settings, campaign):
        return "The camera here is switched off."
    if chooses(settings, campaign):
        return "A camera here estimates age and gender to choose adverts. No picture is kept."
    if settings.demographics:
        return "A camera here counts visits by estimated age and gender. No picture is kept."
    return "A camera here counts visits. No picture is kept."


def paragraphs(settings: Display, campaign: Campaign) -> list[tuple[str, str]]:
    """The further layers: headings and texts, as the settings and the campaign in force have it."""
    who = f"{settings.owner} runs this screen." if settings.owner else "Whoever runs this shop runs this screen."
    who += f" Ask them anything about it: {settings.contact}." if settings.contact else " Ask at the till."
    if not looks(settings, campaign):
        off = "Nobody is looked at, and nobody is counted. Adverts take turns, whoever is there."
        return [("What happens", off), ("Who runs the screen", who)]
    what = ["While you are in front of this screen a camera looks for faces."]
    if settings.demographics:
        what.append("For each it estimates an age and a gender, as probabilities that are often wrong.")
    what.append(
        "Pictures stay in the memory of the machine beside the screen, for a fraction of a second. None is stored or "
        "sent anywhere, and nobody is recognised: who leaves and comes back is somebody new."
    )
    why = []
    if chooses(settings, campaign):
        why.append("To choose an advert that may suit whoever is there." + _minors(campaign))
    if settings.counting:
        why.append(
            "To count how many people came, for how long they stayed and whether they looked. Only totals are kept, "
            f"and totals of fewer than {settings.k} people are shown to nobody."
        )
    object_ = (
        f"Press the button below: for {settings.pause_minutes:g} minutes nobody is looked at. No reason is needed. You "
        "may also ask whoever runs the screen; there is nothing of you to be shown or deleted, for nothing is kept."
    )
    return [
        ("What happens", " ".join(what)),
        ("Why", " ".join(why)),
        ("Who does it", who),
        ("How to object", object_),
    ]


def values(settings: Display, campaign: Campaign, paused_until: str | None) -> dict[str, str]:
    """What the page of the notice is filled with; ``paused_until`` is a time of day."""
    parts = paragraphs(settings, campaign)
    body = "".join(f"<section><h2>{escape(heading)}</h2><p>{escape(text)}</p></section>" for heading, text in parts)
    minutes = f"{settings.pause_minutes:g}"
    on = looks(settings, campaign)
    state = f"Nobody is looked at until {paused_until}." if paused_until and on else ""
    told = {"line": escape(line(settings, campaign)), "body": body, "minutes": minutes, "state": escape(state)}
    return {**told, "object": "" if on else "hidden"}


def _minors(campaign: Campaign) -> str:
    """Who is left out of the choice, as a sentence to be added; nothing where nobody is."""
    minors = campaign.minors
    if minors.policy != "exclude_from_targeting" or minors.threshold >= 1:
        return ""
    return (
        f" Anybody who may be under 18, by an estimated probability of {minors.threshold * 100:g} % or more, is left "
        "out of that: then adverts for everybody take turns."
    )
