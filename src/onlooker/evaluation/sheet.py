"""What the pages of an evaluation and of an audit are made of: HTML that asks nobody for anything."""

from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --page: #f3f5f2; --paper: #fff; --ink: #14201a; --dim: #52605a; --line: #d5dcd7;
  --accent: #0b6b4b; --wash: #e2efe8; --bad: #a8271d; --one: #b23a7b; --two: #1f69a8; --three: #8a5a00;
  --four: #6b4fb8; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1311; --paper: #161d19; --ink: #e9efeb; --dim: #a3b0a9;
  --line: #2a342f; --accent: #5bd6a6; --wash: #16291f; --bad: #ff9c90; --one: #ee8fc0; --two: #7ab8ee;
  --three: #e3b04b; --four: #b8a2f2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2rem) 4rem; }
h1 { margin: 0 0 0.5rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 0 0 0.25rem; font-size: 1.125rem; }
h3 { margin: 1.5rem 0 0.25rem; font-size: 0.9375rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
.dim { color: var(--dim); }
section { margin: 1.5rem 0; padding: 1.5rem; border: 1px solid var(--line); border-radius: 14px;
  background: var(--paper); }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg text { fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums; }
svg .dim { fill: var(--dim); }
svg .tick { font-size: 12px; }
svg .grid { stroke: var(--line); }
svg .goal { stroke: var(--dim); stroke-dasharray: 4 4; }
svg .zone { fill: var(--wash); }
svg .reach { stroke: var(--accent); stroke-width: 2; opacity: 0.55; }
svg .dot { fill: var(--accent); }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 2; }
svg .second { stroke: var(--two); }
svg .dot.second { fill: var(--two); stroke: none; }
svg .curve.second { fill: none; }
svg .other { fill: var(--paper); stroke-width: 2; }
svg text.faint, svg .faint tspan { fill: var(--dim); font-style: italic; }
svg .dot.faint { fill: var(--paper); stroke: var(--accent); stroke-width: 2; }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0 0.4rem 1rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td { vertical-align: top; }
.gaps td:first-child { white-space: normal; min-width: 12rem; }
.certain { color: var(--bad); }
th { color: var(--dim); font-weight: 500; vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
tr.small td { color: var(--dim); font-style: italic; }
small { color: var(--dim); font-size: 1em; }
.key span { margin-right: 1.25rem; white-space: nowrap; }
.key i { display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.4em; border: 2px solid var(--accent);
  border-radius: 50%; background: var(--accent); }
.key .other i { background: none; }
details summary { cursor: pointer; color: var(--accent); }
@media (max-width: 32rem) { section { padding: 1rem; } }
"""

_MARKS = ("--two", "--one", "--three", "--four")
"""Colours of other systems' marks, in their order; from the fifth system on they begin again, in dashes."""


def marks(systems: int) -> str:
    """The style of the marks of so many other systems: ``other0`` and on, in the figures and in their key."""
    rules = []
    for k in range(systems):
        colour, dashed = f"var({_MARKS[k % len(_MARKS)]})", k // len(_MARKS) % 2 == 1
        rules.append(f"svg .other{k} {{ stroke: {colour};{' stroke-dasharray: 3 2;' if dashed else ''} }}")
        rules.append(f".key .other{k} i {{ border-color: {colour};{' border-style: dashed;' if dashed else ''} }}")
    return "\n".join(rules)


def section(heading: str, text: str, inner: str) -> str:
    """A part of a page: its heading, a text on it, and what is shown."""
    told = f'<p class="dim">{escape(text)}</p>' if text else ""
    return f'<section><h2>{escape(heading)}</h2>{told}<div class="wide" tabindex="0">{inner}</div></section>'


def page(title: str, about: str, parts: Sequence[str], *, style: str = "") -> str:
    """The whole page; ``about`` is HTML, as the parts are; ``style`` is added to what all pages have."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head>\n"
        f'<body><main><h1>{escape(title)}</h1><p class="dim">{about}</p>\n'
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )
