"""Numbers that an option takes. Apart from ``options``, which loads numpy: ``--help`` is to be quick."""

from math import isfinite
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """Numbers within bounds. click's own lets ``nan`` pass, which no bound is less or more than, and ``inf`` where
    there is no upper one: a loop to either never ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See ``click.ParamType``."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number
