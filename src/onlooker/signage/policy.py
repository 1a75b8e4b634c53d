"""Which advert plays next on a screen, and why. Pure: the same arguments give the same answer.

    who may play -> minors policy -> highest tier -> worth to this audience -> those near the best take turns

It is asked when a slot ends; asked before, it says that the advert plays on. ``docs/campaigns.md`` explains each step,
``docs/decisions/0008-choosing.md`` why it is so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from onlooker.audience.viewers import Audience
from onlooker.signage.campaign import Advert, Campaign, Fact
from onlooker.signage.eligible import Situation, restricted_why_not, untargeted
from onlooker.signage.history import History, Play
from onlooker.signage.learning import Learner, attention_weights, segment_of

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Decision:
    """What plays, and why.

    advert      what plays
    why         a sentence for whoever runs the screen
    scores      worth, 0 to 1, of each advert of the highest tier; empty where the audience does not count
    propensity  the probability with which this advert was chosen; below 1 only where the choice learns
    left_out    why each other advert may not play now
    at          when it was decided (UTC)
    slot_s      seconds for which the advert plays
    held        whether it plays already, its slot not being over
    targeted    whether the audience counted
    segment     the audience's coarse segment, for ``Learner.observe``; ``None`` where the audience does not count
    history     the screen's history with this play: to be given to the next choice
    """

    advert: Advert
    why: str
    scores: Mapping[str, float]
    propensity: float
    left_out: Mapping[str, str] = field(repr=False)
    at: datetime
    slot_s: float
    held: bool
    targeted: bool
    segment: str | None
    history: History = field(repr=False)


def choose(
    campaign: Campaign,
    audience: Audience,
    now: datetime,
    rng: np.random.Generator,
    *,
    screen: str = "",
    history: History | None = None,
    facts: Mapping[str, Fact] | None = None,
    learner: Learner | None = None,
) -> Decision:
    """The advert that plays on ``screen`` from ``now`` (aware) on, for an ``audience``.

    ``history`` is that of the last decision on this screen, ``facts`` what hooks tell (weather, stock), ``learner``
    what was learned so far, used where the campaign has learning on. ``rng`` is drawn from only then. Raises
    ``ValueError`` where ``now`` has no time zone.
    """
    if now.utcoffset() is None:
        raise ValueError(f"now must have a time zone, got {now.isoformat()}")
    now, history = now.astimezone(UTC), history or History()
    clause = untargeted(campaign, audience)
    if (held := _held(campaign, audience, now, history, targeted=clause is None)) is not None:
        return held
    situation = Situation(
        campaign,
        audience,
        now=now,
        local=now.astimezone(campaign.timezone),
        screen=screen,
        history=history,
        facts=facts or {},
        untargeted=clause,
    )
    able, left_out = situation.split()
    if not able:
        # The history goes on without the default, which no cap or share counts.
        return decide(campaign, campaign.default, now, history, why=_why_default(left_out, clause), left_out=left_out)
    tier = max(advert.priority for advert in able)
    left_out |= {
        advert.id: f"waits behind adverts of priority {tier}, its own being {advert.priority}"
        for advert in able
        if advert.priority < tier
    }
    able = [advert for advert in able if advert.priority == tier]
    if clause is not None:
        chosen = turn(campaign, able, history)
        why = _sentence(clause) + f"; adverts for everybody take turns, and it is the turn of {_named(chosen)}."
        return decide(campaign, chosen, now, history, why=why, left_out=left_out, contest=able)

    scores = {advert.id: worth(campaign, advert, audience) for advert in able}
    segment, propensity = segment_of(audience), 1.0
    if campaign.learning.enabled and learner is not None and segment is not None:
        contest = able
        ps = learner.probabilities(scores, segment, rng, floor=campaign.learning.floor)
        i = int(rng.choice(len(able), p=ps))
        chosen, propensity = able[i], ps[i]
        why = f"{_named(chosen)} was drawn with a probability of {propensity:.0%} from what was learned of {segment}."
    else:
        contest = _contest(campaign, able, scores, audience, history)
        chosen = turn(campaign, contest, history)
        why = _why_worth(campaign, chosen, scores, contest, len(audience))
    return decide(
        campaign,
        chosen,
        now,
        history,
        why=why,
        left_out=left_out,
        contest=contest,
        scores=scores,
        propensity=propensity,
        audience=audience,
        segment=segment,
    )


def must_stop(campaign: Campaign, playing: Advert, audience: Audience) -> str | None:
    """Why an advert may not play on to the end of its slot: it is age-restricted, and somebody came who is not surely
    an adult. ``None`` where it may."""
    if not playing.restricted or not len(audience):
        return None
    return restricted_why_not(campaign, audience)


def worth(campaign: Campaign, advert: Advert, audience: Audience) -> float:
    """What an advert is worth to an audience (of at least one viewer), 0 to 1: the probability of being in its target,
    each viewer weighted by attention; for an advert without a target the campaign's ``everyone``."""
    if advert.target.anyone:
        return campaign.everyone
    weights = attention_weights(audience)
    hits = sum(w * advert.target.probability(v) for v, w in zip(audience.viewers, weights, strict=True))
    return hits / sum(weights)


def _held(
    campaign: Campaign, audience: Audience, now: datetime, history: History, *, targeted: bool
) -> Decision | None:
    """The decision to play on, where a slot is not over."""
    if not history.plays or not (play := history.plays[-1]).runs(now):
        return None
    advert = campaign.by_id.get(play.advert)
    if advert is None or must_stop(campaign, advert, audience) is not None:
        return None
    left = play.slot_s - (now - play.started_at).total_seconds()
    why = f"{_named(advert)} plays on: its slot ends in {left:.0f} s."
    return Decision(advert, why, {}, 1.0, {}, now, play.slot_s, True, targeted, None, history)


def _contest(
    campaign: Campaign, able: Sequence[Advert], scores: Mapping[str, float], audience: Audience, history: History
) -> list[Advert]:
    """The adverts near enough to the best to take turns with it. While the same people stand there, it takes more
    than the jitter of estimates to enter or leave the circle."""
    best = max(scores.values())
    same = bool(history.contest) and history.viewers == audience.ids
    near = []
    for advert in able:
        slack = campaign.margin
        if same:
            slack += campaign.hysteresis if advert.id in history.contest else -campaign.hysteresis
        if scores[advert.id] >= best - max(slack, 0.0) - _ROUNDING:
            near.append(advert)
    return near


def turn(campaign: Campaign, contest: Sequence[Advert], history: History) -> Advert:
    """Whose turn it is: smooth weighted round-robin (as nginx does it), in seconds of screen time rather than plays.

    Each advert is owed its share of the time that it took part in; the one that would be owed most plays, the first
    in the file among equals.
    """
    total = sum(advert.weight for advert in contest)
    slot = sum(campaign.slot(advert) for advert in contest) / len(contest)
    return max(contest, key=lambda a: round(history.credits.get(a.id, 0.0) + a.weight / total * slot, 6))


def decide(
    campaign: Campaign,
    chosen: Advert,
    now: datetime,
    history: History,
    *,
    why: str,
    left_out: Mapping[str, str],
    contest: Sequence[Advert] = (),
    scores: Mapping[str, float] | None = None,
    propensity: float = 1.0,
    audience: Audience | None = None,
    segment: str | None = None,
) -> Decision:
    """The decision, with the play and what everybody of the contest is owed put into the history."""
    slot = campaign.slot(chosen)
    owed = dict(history.credits)
    total = sum(advert.weight for advert in contest)
    for advert in contest:
        owed[advert.id] = owed.get(advert.id, 0.0) + advert.weight / total * slot
    if contest:
        owed[chosen.id] -= slot
    targeted = audience is not None
    after = history.after(
        Play(chosen.id, now, slot),
        owed,
        frozenset(advert.id for advert in contest) if targeted else frozenset(),
        audience.ids if audience is not None else frozenset(),
    )
    return Decision(chosen, why, scores or {}, propensity, left_out, now, slot, False, targeted, segment, after)


def _why_worth(
    campaign: Campaign, chosen: Advert, scores: Mapping[str, float], contest: Sequence[Advert], viewers: int
) -> str:
    """The sentence for a choice by worth."""
    them = "whoever is in front" if viewers == 1 else f"the {viewers} people in front"
    if chosen.target.anyone:
        why = f"{_named(chosen)} is for everybody, and nothing suits {them} clearly better"
    else:
        share = f"{scores[chosen.id]:.0%}"
        why = f"{_named(chosen)} suits {them}: it is for {chosen.target}, and with a probability of {share} they are"
        if viewers > 1:
            why = f"{_named(chosen)} suits {them}: it is for {chosen.target}, to whom {share} of the attention belongs"
    others = [advert.id for advert in contest if advert is not chosen]
    if others:
        why += f"; it takes turns with {' and '.join(others)}, as good within {campaign.margin:.0%}"
    return why + "."


def _why_default(left_out: Mapping[str, str], clause: str | None) -> str:
    if not left_out:
        return "There is no other advert, so the default plays."
    because = f" ({clause})" if clause is not None else ""
    return f"None of the other {len(left_out)} adverts may play now{because}, so the default does."


def _named(advert: Advert) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{advert.id}\N{RIGHT DOUBLE QUOTATION MARK}"


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:]
