"""How long a source is waited for, in seconds."""

OPEN_SECONDS, SILENT_SECONDS = 8.0, 3.0
"""How long a source may take to open, and how long a live one may send nothing, before it counts as lost."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a source that is lost, or does not answer, is opened again; the last one repeats."""


def pause(attempt: int) -> float:
    """Seconds before the next attempt, after so many (from 0)."""
    return RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
