"""The dress of pages about data: one HTML file that asks nobody for anything, light and dark, in the product's look."""

from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --page: #f3f5f2; --paper: #fff; --ink: #14201a; --dim: #52605a; --line: #d5dcd7;
  --bar: #a9b8b0; --accent: #0b6b4b; --wash: #e2efe8; --bad: #a8271d; --female: #b23a7b; --male: #1f69a8;
  --race-0: #0b6b4b; --race-1: #c9821b; --race-2: #4f7fc1; --race-3: #9c4f96; --race-4: #8a968f;
  --age-0: #cfe6da; --age-1: #a8d3bf; --age-2: #7fbea1; --age-3: #56a684; --age-4: #318a68; --age-5: #156d4c;
  --age-6: #084f38; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1311; --paper: #161d19; --ink: #e9efeb; --dim: #a3b0a9;
  --line: #2a342f; --bar: #4d5c54; --accent: #5bd6a6; --wash: #16291f; --bad: #ff9c90; --female: #ee8fc0;
  --male: #7ab8ee; --race-0: #35a67c; --race-1: #e2a547; --race-2: #7ea6e0; --race-3: #c585bf; --race-4: #77847d;
  --age-0: #1f4536; --age-1: #2a6350; --age-2: #358268; --age-3: #43a281; --age-4: #5bbf9a; --age-5: #86d8b9;
  --age-6: #bff0dc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2rem) 4rem; }
h1 { margin: 0 0 0.5rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 0 0 0.25rem; font-size: 1.125rem; }
h3 { margin: 1.25rem 0 0.5rem; font-size: 1rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
li, code { overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.dim, figcaption { color: var(--dim); }
.note { padding: 0.875rem 1.125rem; border-left: 4px solid var(--accent); border-radius: 0 8px 8px 0;
  background: var(--wash); max-width: none; }
section { margin: 1.5rem 0; padding: 1.5rem; border: 1px solid var(--line); border-radius: 14px;
  background: var(--paper); }
figure { margin: 0; }
figcaption { margin-top: 0.5rem; font-size: 0.875rem; }
.wide { overflow-x: auto; }
.chart svg { display: block; max-width: 100%; height: auto; margin: 0.5rem auto 1rem; }
.wide.chart svg { min-width: 32rem; }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0 0.4rem 1rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { padding-left: 0; text-align: left; white-space: normal; }
th { color: var(--dim); font-weight: 500; }
details { margin-top: 0.75rem; }
summary { cursor: pointer; color: var(--accent); font-size: 0.875rem; }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); gap: 0.75rem; }
.faces img { display: block; width: 100%; height: auto; border-radius: 8px; }
.sheets { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 2rem; }
.sheets img { display: block; width: 100%; height: auto; }
.sheets h3 { margin-top: 0; }
@media (max-width: 32rem) { section { padding: 1rem; } }
"""


def document(title: str, about: str, parts: Sequence[str]) -> str:
    """A whole page; ``about`` and ``parts`` are HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f'<body><main><h1>{escape(title)}</h1><p class="dim">{about}</p>\n'
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def section(title: str, text: str, *inner: str) -> str:
    """A card of the page; ``text`` and ``inner`` are HTML."""
    return f'<section><h2>{escape(title)}</h2><p class="dim">{text}</p>{"".join(inner)}</section>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under their heads; the first column names the row."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def folded(summary: str, inner: str) -> str:
    """What is shown on a click."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"
