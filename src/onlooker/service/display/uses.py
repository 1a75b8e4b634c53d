"""What the camera is used for, by the settings and the campaign together: either may switch the choice off."""

from typing import Any

from onlooker.settings import Display
from onlooker.signage.campaign import Campaign


def chooses(settings: Display, campaign: Campaign) -> bool:
    """Whether adverts are chosen by who is in front."""
    return settings.demographics and settings.targeting and campaign.targeting


def looks(settings: Display, campaign: Campaign) -> bool:
    """Whether anybody is looked at at all; else the camera is not opened."""
    return settings.counting or chooses(settings, campaign)


def noted(settings: Display, campaign: Campaign) -> dict[str, Any]:
    """How people are treated, as the ledger's audit log has it: plain values."""
    switches = ("screen", "counting", "demographics", "targeting", "operator_picture", "k")
    return {
        **{name: getattr(settings, name) for name in switches},
        "campaign_targeting": campaign.targeting,
        "minors_policy": campaign.minors.policy,
        "minors_threshold": campaign.minors.threshold,
        "minors_adult": campaign.minors.adult,
    }
