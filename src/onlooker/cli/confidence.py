"""``--confidence``, for the commands that show an age's interval; apart, since it imports next to nothing."""

import click

from onlooker.cli.ranges import FiniteRange

confidence_option = click.option(
    "--confidence",
    type=FiniteRange(0.5, 0.99),
    metavar="SHARE",
    help="Share of ages that the interval holds, 0.5 to 0.99.  [default: the model's, 0.9]",
)
