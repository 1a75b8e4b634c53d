"""The page that shows what a simulation found: one HTML file that asks nobody for anything, figures as inline SVG."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

LABELS = {
    "random": "Random",
    "round-robin": "In turn",
    "eligible": "Any that may play",
    "rules": "Rules on labels",
    "majority": "Majority group",
    "ours": "Ours",
    "thompson": "Ours, learning",
    "noisy": "Oracle, our camera",
    "oracle": "Oracle",
}

MEANING = {
    "random": "any advert that is due; it looks at nobody",
    "round-robin": "every advert that is due, in turn; it looks at nobody",
    "eligible": "any advert that the rules let play for this audience",
    "rules": "the nearest person's age and gender as labels; adverts made for that label take turns",
    "majority": "the largest group of labels, of three ages and two genders; adverts made for it take turns",
    "ours": "expected worth over everyone's probabilities; those near the best take turns",
    "thompson": "the same rules, the choice by Thompson sampling that knows nothing at opening time",
    "noisy": "knows every advert's true appeal by age and gender, sees through our camera",
    "oracle": "knows that, and every true age and gender",
}

ESTIMATORS = {"ips": "IPS", "snips": "SNIPS", "dr": "Doubly robust"}

_STYLE = """
:root { color-scheme: light dark; --page: #f3f5f2; --paper: #fff; --ink: #14201a; --dim: #52605a; --line: #d5dcd7;
  --bar: #a9b8b0; --accent: #0b6b4b; --wash: #e2efe8; --bad: #a8271d; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1311; --paper: #161d19; --ink: #e9efeb; --dim: #a3b0a9;
  --line: #2a342f; --bar: #4d5c54; --accent: #5bd6a6; --wash: #16291f; --bad: #ff9c90; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2rem) 4rem; }
h1 { margin: 0 0 0.5rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 0 0 0.25rem; font-size: 1.125rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
.dim { color: var(--dim); }
.note { padding: 0.875rem 1.125rem; border-left: 4px solid var(--accent); border-radius: 0 8px 8px 0;
  background: var(--wash); max-width: none; }
section { margin: 1.5rem 0; padding: 1.5rem; border: 1px solid var(--line); border-radius: 14px;
  background: var(--paper); }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { fill: var(--ink); font-size: 13px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
svg .dim { fill: var(--dim); }
svg .grid { stroke: var(--line); }
svg .zero { stroke: var(--dim); }
svg .bar { fill: var(--bar); }
svg .reach { stroke: var(--ink); stroke-width: 1.5; }
svg .dot { fill: var(--ink); }
svg .ours { fill: var(--accent); }
svg text.ours { font-weight: 650; }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0 0.4rem 1rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
th { color: var(--dim); font-weight: 500; }
tr.ours td { font-weight: 650; }
.bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0; font-size: 0.875rem; }
dt { font-weight: 650; }
dd { margin: 0; color: var(--dim); }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.5rem; }
  section { padding: 1rem; } }
"""


TOO_FEW = "too few stores for an interval"


class Row(NamedTuple):
    """A line of a figure: its label, a value, and the ends of its interval, if it has one."""

    label: str
    value: float
    low: float | None
    high: float | None
    ours: bool = False

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where it is drawn."""
        return (self.value if self.low is None else self.low), (self.value if self.high is None else self.high)


def count(n: float, noun: str) -> str:
    """So many of them."""
    return f"{n:g} {noun}" + ("" if n == 1 else "s")


def between(value: dict[str, float | None]) -> str:
    """A figure with its interval in brackets, if it has one."""
    return f"{value['value']:.0f}" + ("" if value["low"] is None else f" ({value['low']:.0f} to {value['high']:.0f})")


def page(found: dict[str, Any]) -> str:
    """The HTML of what ``compare.simulate`` found."""
    policies = {policy["name"]: policy for policy in found["policies"]}
    attention = [_row(policy, "attention_s_per_hour") for policy in found["policies"]]
    leads = [_row(p, "ours_ahead_s_per_hour") for p in found["policies"] if p["name"] != "ours"]
    estimates = [
        Row(
            f"{ESTIMATORS[row['estimator']]}, from \N{LEFT DOUBLE QUOTATION MARK}{LABELS[row['log']]}"
            "\N{RIGHT DOUBLE QUOTATION MARK}",
            100 * row["bias"],
            None if row["error_low"] is None else 100 * row["error_low"],
            None if row["error_high"] is None else 100 * row["error_high"],
        )
        for row in found["off_policy"]
        if row["seeds"]
    ]
    few = attention[0].low is None
    price = found["price_of_recognition_error_s_per_hour"]
    parts = [
        f'<p class="note"><strong>Simulated lift is no real lift.</strong> {escape(found["note"])}</p>',
        f"<p>{_lead(policies)}</p>",
        _section(
            "Attention",
            "Seconds an hour that people faced the screen, all people added up; mean of "
            f"{count(found['seeds'], 'store')}{f': {TOO_FEW}' if few else ' with its 95 % interval'}.",
            bars(attention),
        ),
        _section(
            "Ours less each other policy",
            "The same people in the same store, seconds an hour; right of the line ours brings more. The two oracles "
            f"know what no screen can. Between them lies the price of recognition error, in seconds an hour: "
            f"{between(price)}.",
            dots(leads, "s/h"),
        ),
        _section("Rules kept", _rules_text(found), _table(found["policies"])),
    ]
    if estimates:
        parts.append(
            _section(
                "What a log tells of a policy that did not write it",
                "The attention share of always playing the advert of greatest worth, estimated from the log of a "
                "policy that leaves its choice to chance, less the truth, which the simulator knows: mean error"
                + _coverage(found["off_policy"]),
                dots(estimates, "points", label_width=300),
            )
        )
    meaning = "".join(f"<dt>{escape(LABELS[name])}</dt><dd>{escape(text)}</dd>" for name, text in MEANING.items())
    parts.append(f"<section><h2>The policies</h2><dl>{meaning}</dl></section>")
    about = (
        f"{count(found['seeds'], 'store')}, {count(found['hours'], 'hour')} each, {found['people_per_seed']:.0f} "
        f"people a store. Made by <code>{escape(found['made_by'])}</code>."
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Simulated store</title><style>{_STYLE}</style></head>\n"
        f'<body><main><h1>Which advert policy holds attention</h1><p class="dim">{about}</p>\n'
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def bars(rows: Sequence[Row], *, label_width: int = 150) -> str:
    """A bar for each row from 0, with its interval."""
    top = max((row.reach[1] for row in rows), default=1.0) or 1.0
    left, right, step = label_width, 90, 34
    width, height = 720, step * len(rows) + 8

    def x(value: float) -> float:
        return left + (width - left - right) * value / top

    parts = []
    for i, row in enumerate(rows):
        y, (low, high) = step * i + 6, row.reach
        kind = " ours" if row.ours else ""
        parts.append(
            f'<text class="{kind.strip()}" x="{left - 12}" y="{y + 17}" text-anchor="end">{escape(row.label)}</text>'
            f'<rect class="bar{kind}" x="{left}" y="{y}" width="{max(x(row.value) - left, 0):.1f}" height="24" rx="3"/>'
            f'<line class="reach" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y + 12}" y2="{y + 12}"/>'
            f'<text class="{kind.strip()}" x="{x(high) + 8:.1f}" y="{y + 17}">{row.value:.0f} s/h</text>'
        )
    return _svg(width, height, "".join(parts), rows, "s/h")


def dots(rows: Sequence[Row], unit: str, *, label_width: int = 150) -> str:
    """A dot for each row with its interval, about a line at 0."""
    left, right, step = label_width, 90, 30
    width, height = 720, step * len(rows) + 8
    least, most = min(0.0, *(row.reach[0] for row in rows)), max(0.0, *(row.reach[1] for row in rows))
    span = (most - least) or 1.0

    def x(value: float) -> float:
        return left + 8 + (width - left - right - 16) * (value - least) / span

    parts = [f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height}"/>']
    for i, row in enumerate(rows):
        y, (low, high) = step * i + 19, row.reach
        parts.append(
            f'<text x="{left - 12}" y="{y + 5}" text-anchor="end">{escape(row.label)}</text>'
            f'<line class="reach" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{x(row.value):.1f}" cy="{y}" r="4.5"/>'
            f'<text x="{x(high) + 10:.1f}" y="{y + 5}">{_signed(row.value)} {escape(unit)}</text>'
        )
    return _svg(width, height, "".join(parts), rows, unit)


def _svg(width: int, height: int, inner: str, rows: Sequence[Row], unit: str) -> str:
    ends = ["" if row.low is None else f" ({row.low:.1f} to {row.high:.1f})" for row in rows]
    told = "; ".join(f"{row.label} {row.value:.1f}{end} {unit}" for row, end in zip(rows, ends, strict=True))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(told)}" '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )


def _signed(value: float) -> str:
    text = f"{abs(value):.1f}" if abs(value) < 10 else f"{abs(value):.0f}"
    return ("\N{MINUS SIGN}" if value < 0 else "+") + text


def _row(policy: dict[str, Any], key: str) -> Row:
    value = policy[key]
    return Row(LABELS[policy["name"]], value["value"], value["low"], value["high"], policy["name"] == "ours")


def _section(title: str, text: str, figure: str) -> str:
    head = f'<section><h2>{escape(title)}</h2><p class="dim">{text}</p>'
    return head + f'<div class="wide" tabindex="0">{figure}</div></section>'


def _lead(policies: dict[str, dict[str, Any]]) -> str:
    """What was found, in a sentence; said as it is where ours is not ahead, and as chance where nothing says it is
    more."""
    ours = policies["ours"]["attention_s_per_hour"]["value"]
    clauses = []
    for name in ("majority", "rules", "round-robin"):
        lead = policies[name]["ours_ahead_s_per_hour"]
        other = policies[name]["attention_s_per_hour"]["value"]
        share = 100 * (ours / other - 1) if other else 0.0
        sure = lead["low"] is not None and (lead["low"] > 0 or lead["high"] < 0)
        than = "more" if share >= 0 else "less"
        clauses.append(
            f"{abs(share):.1f} % {than} than \N{LEFT DOUBLE QUOTATION MARK}{LABELS[name]}"
            f"\N{RIGHT DOUBLE QUOTATION MARK}{'' if sure else ', within chance'}"
        )
    regret = policies["ours"]["regret_s_per_hour"]["value"]
    best = policies["oracle"]["attention_s_per_hour"]["value"]
    share = 100 * regret / best if best else 0.0
    brings = f"{', '.join(clauses[:-1])} and {clauses[-1]}"
    return f"In this store, ours brings {brings}; to the oracle {share:.1f} % are missing."


def _rules_text(found: dict[str, Any]) -> str:
    claims = [policy for policy in found["policies"] if policy["keeps_minors_policy"]]
    over = sum(policy["over_cap"] for policy in found["policies"])
    broken = sum(policy["minors_policy_broken"] for policy in claims)
    return (
        f"Plays over a cap: {over}. Choices that break the minors policy, by what the camera said, among those that "
        f"keep it (the two that look at nobody cannot): {broken}. The last two columns count what the camera's errors "
        "let through: choices by which a true minor in front was shown an advert not for everybody, or an "
        "age-restricted one."
    )


def _table(policies: Sequence[dict[str, Any]]) -> str:
    heads = (
        "Policy", "Attention share", "Regret, s/h", "Choices", "Over cap", "Policy broken", "Minor, targeted",
        "Minor, restricted",
    )  # fmt: skip
    lines = []
    for policy in policies:
        regret, broken = policy["regret_s_per_hour"], policy["minors_policy_broken"]
        mark = ' class="bad"' if broken else ""
        kind = ' class="ours"' if policy["name"] == "ours" else ""
        lines.append(
            f"<tr{kind}><td>{escape(LABELS[policy['name']])}</td><td>{policy['attention_share']:.1%}</td>"
            f"<td>{between(regret)}</td>"
            f"<td>{policy['choices']:,}</td><td>{policy['over_cap']}</td><td{mark}>{broken:,}</td>"
            f"<td>{policy['true_minor_shown_targeted']:,}</td><td>{policy['true_minor_shown_restricted']:,}</td></tr>"
        )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _coverage(rows: Sequence[dict[str, Any]]) -> str:
    """How the errors of several stores lie, and how often the estimators' own intervals are right."""
    kept = [row["interval_holds_truth"] for row in rows if row["seeds"] and row["interval_holds_truth"] is not None]
    if not kept:
        return f", in percentage points; {TOO_FEW}."
    return (
        ", and where 95 % of the stores' errors lie, in percentage points. The estimators' own 95 % intervals hold the "
        f"truth in {min(kept):.0%} to {max(kept):.0%} of the stores."
    )
