"""A stage for tests, benchmarks and demonstrations: portraits that walk up, pause and leave before a still wall."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from onlooker.core.faces import Picture8


@dataclass(frozen=True, slots=True)
class Step:
    """Where a portrait is at a time: ``at`` in seconds, its centre ``x``, ``y`` and its ``height`` in pixels."""

    at: float
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Actor:
    """A portrait and its way through the scene, in the order of time; it is there from the first step to the last, and
    moves evenly between them."""

    portrait: Image.Image = field(repr=False)
    steps: Sequence[Step]

    def place(self, at: float) -> Step | None:
        """Where it is at a time, or None where it is not there."""
        times = [step.at for step in self.steps]
        if not times[0] <= at <= times[-1]:
            return None
        x, y, height = (
            float(np.interp(at, times, [getattr(step, name) for step in self.steps])) for name in ("x", "y", "height")
        )
        return Step(at, x, y, height)


class Scene:
    """A wall of a size in pixels, and the actors before it, those further behind first. The same pictures on every
    run: ``noise`` (levels, as a camera has it) comes from the number of the frame."""

    def __init__(self, width: int, height: int, actors: Sequence[Actor], *, noise: float = 2.0) -> None:
        self.width, self.height = width, height
        self._actors = actors
        self._masks = [_mask(actor.portrait.size) for actor in actors]
        self._wall = _wall(width, height)
        rng = np.random.default_rng(0)
        self._grain = rng.normal(0, noise, (height + 64, width + 64)).astype(np.int8) if noise else None

    def frame(self, at: float) -> Picture8:
        """The pixels at a time in seconds."""
        image = self._wall.copy()
        for actor, mask in zip(self._actors, self._masks, strict=True):
            place = actor.place(at)
            if place is None or place.height < 4:
                continue
            width = max(1, round(place.height * actor.portrait.width / actor.portrait.height))
            size = (width, round(place.height))
            corner = (round(place.x - size[0] / 2), round(place.y - size[1] / 2))
            shown = actor.portrait.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            image.paste(shown, corner, mask.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        pixels = np.array(image, dtype=np.uint8)
        if self._grain is None:
            return pixels
        x, y = np.random.default_rng(round(at * 1000)).integers(0, 64, 2)
        grain = self._grain[y : y + self.height, x : x + self.width, None]
        return np.asarray(np.clip(pixels.astype(np.int16) + grain, 0, 255), dtype=np.uint8)


def _mask(size: tuple[int, int]) -> Image.Image:
    """A portrait without its corners, its edge soft."""
    mask = Image.new("L", size, 0)
    inset = round(min(size) * 0.03)
    box = (inset, inset, size[0] - inset, size[1] - inset)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(size) * 0.35, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(inset))


def _wall(width: int, height: int) -> Image.Image:
    """Plaster and a floor, unevenly lit: nothing on it resembles a face."""
    across = np.linspace(0, 1, width)[None, :]
    down = np.linspace(0, 1, height)[:, None]
    light = 150 + 40 * np.sin(across * 2.1 + 0.4) - 35 * down
    light = np.where(down > 0.85, light * 0.6, light)
    pixels = np.stack([light * 1.0, light * 0.97, light * 0.9], axis=2)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
