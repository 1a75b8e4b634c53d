"""What a caller gives, checked before it is used: one sentence says which it is, what was expected and what came."""

import math
import operator
from typing import Any

from onlooker.core.errors import InputError


def whole(name: str, given: Any, *, least: int, mend: str = "") -> int:
    """``given`` as a whole number (``1e8`` is one) that is at least ``least``. Raises ``InputError``, which ends in
    ``mend``."""
    try:
        number = int(given) if isinstance(given, float) and given.is_integer() else operator.index(given)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {given!r}{mend}") from None
    if number < least:
        raise InputError(f"{name} must be at least {least}, got {number}{mend}")
    return number


def between(name: str, given: Any, low: float, high: float = math.inf) -> float:
    """``given`` as a number from ``low`` to ``high``, both included. Raises ``InputError``."""
    wanted = f"from {low:g} to {high:g}" if high < math.inf else f"of {low:g} or more"
    try:
        number = math.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or math.isinf(number):
        raise InputError(f"{name} must be a number {wanted}, got {given!r}")
    return number


def made(name: str, given: Any, wanted: str, *members: str) -> Any:
    """``given`` itself, where it has these members and is no class. Raises ``InputError`` that says what is wanted."""
    if isinstance(given, type) or not all(hasattr(given, member) for member in members):
        what = f"the class {given.__name__} itself" if isinstance(given, type) else type(given).__name__
        raise InputError(f"{name} must be {wanted}, got {what}")
    return given
