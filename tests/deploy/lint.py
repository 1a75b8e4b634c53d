"""cfn-lint, as a command would run it on a template's text."""

from typing import Any

from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.decode import decode_str  # type: ignore[import-untyped]


def findings(text: str) -> list[str]:
    """The rules that a template breaks, down to advice."""
    return [found.rule.id for found in lint(text, config=ManualArgs(include_checks=["I"]))]


def parsed(text: str) -> dict[str, Any]:
    """A template as plain values, its short functions written out (``Fn::Sub`` for ``!Sub``)."""
    template, errors = decode_str(text)
    assert not errors, errors
    return dict(template)
