"""Writes the tables of ``report.md`` from ``docs/report/*.json``; a test compares.

``python docs/report.py RESULTS`` first takes the results of `onlooker report run` from RESULTS, its output folder.
"""

import json
import re
import sys
from pathlib import Path

from onlooker.report.results import (
    EXPERIMENT,
    EXPERIMENT_HEADS,
    HEADS,
    SHARE_HEADS,
    experiment_rows,
    load,
    markdown,
    rows,
    share_rows,
)

KEPT = Path(__file__).with_suffix("")
TARGET = Path(__file__).with_suffix(".md")


def tables(folder: Path = KEPT) -> dict[str, str]:
    """Each table of the document, as Markdown, by its name there, and our own model's name."""
    results = load(folder)
    return {
        "ours": ", ".join(f"`{name}`" for name in sorted({result["ours"] for result in results})),
        "results": markdown(HEADS, rows(results)),
        "shares": markdown(SHARE_HEADS, share_rows(results)),
        "experiment": markdown(EXPERIMENT_HEADS, experiment_rows(folder)),
    }


def filled(text: str) -> str:
    """The document with its tables as they are now; what began on its marker's line goes on there."""
    for name, lines in tables().items():
        pattern = rf"(<!-- {name} -->)(\n?).*?(<!-- end -->)"

        def put(match: re.Match[str], lines: str = lines) -> str:
            return match[1] + match[2] + lines + match[2] + match[3]

        text = re.sub(pattern, put, text, flags=re.DOTALL)
    return text


def take(results: Path) -> None:
    """Copy a run's results, and the experiment's, without the list of pictures."""
    KEPT.mkdir(exist_ok=True)
    for path in sorted((results / "results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in result.items() if key != "pictures"} | {"pictures": []}
        (KEPT / path.name).write_text(json.dumps(kept) + "\n", encoding="utf-8")
    if (results / EXPERIMENT).is_file():
        (KEPT / EXPERIMENT).write_text((results / EXPERIMENT).read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]))
    TARGET.write_text(filled(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
