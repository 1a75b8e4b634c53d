"""``--confidence``, for the commands that show an age's interval; apart from the others, since it imports nothing."""

import click

confidence_option = click.option(
    "--confidence",
    type=click.FloatRange(0.5, 0.99),
    metavar="SHARE",
    help="Share of ages that the interval holds, 0.5 to 0.99.  [default: the model's, 0.9]",
)
