"""cfn-lint, as a command would run it on a template's text."""

from typing import Any

from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.decode import decode_str


def findings(text: str) -> list[str]:
    """The rules that a template breaks, down to advice."""
    return [found.rule.id for found in lint(text, config=ManualArgs(include_checks=["I"]))]


def parsed(text: str) -> dict[str, Any]:
    """A template as plain values, its short functions written out (``Fn::Sub`` for ``!Sub``)."""
    template, errors = decode_str(text)
    assert not errors, errors
    return dict(template)
