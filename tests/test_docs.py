"""The documents say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_reference_of_commands_is_what_the_commands_say() -> None:
    """In a process of its own: a command that other tests have called remembers how its help option was named there."""
    code = "import runpy; print(runpy.run_path('docs/commands.py')['reference'](), end='')"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    ).stdout
    assert said == (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), "run: python docs/commands.py"


@pytest.mark.parametrize("path", sorted(p.relative_to(ROOT) for p in ROOT.glob("*.md")), ids=str)
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (ROOT / path).parent.joinpath(link).exists()] == []


def test_what_the_document_on_privacy_promises_is_held_by_tests_that_are_there() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)*)`", text)
    assert len(named) == text.count("`tests/") > 20
    for path, names in named:
        code = (ROOT / path).read_text(encoding="utf-8")
        assert [
            name for name in names.split("::") if not re.search(rf"\b(def|class) {name}\b" if name else "", code)
        ] == []
