"""From a source that is open to frames as arrays."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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


def upright(frame: "VideoFrame", longest: int, pixel_aspect: float = 1.0) -> Picture8:
    """Upright RGB of square pixels, its longer side at most ``longest``; ``pixel_aspect`` is the width of the frame's
    own pixels over their height."""
    wide = frame.width * pixel_aspect
    scale = min(1.0, longest / max(wide, frame.height))
    width, height = max(1, round(wide * scale)), max(1, round(frame.height * scale))
    rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    mirrored, quarters = _display(frame)
    if mirrored:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(np.rot90(rgb, quarters) if quarters else rgb)


def _display(frame: "VideoFrame") -> tuple[bool, int]:
    """How a frame is to be shown: whether it is mirrored left to right, and then by how many quarters it is turned
    counter-clockwise (as numpy turns).

    The matrix (ISO 14496-12, 8.3.2: a, b, u, c, d, v, x, y, w) brings what lies at x, y of the frame to ax + cy,
    bx + dy of the display.
    """
    side_data: Any = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return False, 0
    a, b, _, c, d = np.frombuffer(bytes(side_data), dtype=np.int32)[:5].tolist()
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return mirrored, round(math.atan2(-b, a) / (math.pi / 2)) % 4
