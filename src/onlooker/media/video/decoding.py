"""From a source that is open to frames as arrays."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from onlooker.core.faces import Picture8
from onlooker.media.video.source import Opened

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def decoded(opened: Opened) -> "Iterator[VideoFrame]":
    """Frames as they are decoded; a packet that is damaged is passed over."""
    import av

    for packet in opened.container.demux(opened.stream):
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


def upright(frame: "VideoFrame", longest: int) -> Picture8:
    """Upright RGB, its longer side at most ``longest``."""
    scale = min(1.0, longest / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, as numpy turns
    return np.ascontiguousarray(np.rot90(rgb, quarters) if quarters else rgb)
