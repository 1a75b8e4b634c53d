"""The demo camera: a minute of a shop, composed in memory from the sample portraits, over and over.

Somebody walks up, stops and leaves; two come together; between them the shop is empty. The same pictures every time,
at 720p, and no file: it stands where a camera would.
"""

from collections.abc import Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path

from PIL import Image

from onlooker.core.errors import InputError
from onlooker.media.scene import Actor, Scene, Step
from onlooker.media.video import NAMED, Clock, Frame

NAME = "demo"
RATE = 15.0
ROUND = 56.0
"""Frames a second, and seconds until it all begins again."""

SIZE = (1280, 720)


def register() -> None:
    """Let ``frames("demo")`` be this camera."""
    NAMED[NAME] = frames


def frames(clock: Clock) -> Iterator[Frame]:
    """The camera's frames at their pace; one that nobody was ready for is passed over, as a camera does."""
    scene = stage(samples_folder())
    start = clock.now()
    last = -1
    for number in count():
        due = max(last + 1, int((clock.now() - start) * RATE))
        wait = start + due / RATE - clock.now()
        if wait > 0:
            clock.sleep(wait)
        yield Frame(scene.frame(due / RATE % ROUND), due / RATE, number, due - last - 1)
        last = due


def stage(folder: Path) -> Scene:
    """Who comes when: one alone, two together, one alone."""
    collins = _portrait(folder / "eileen_collins.png", (40, 0, 430, 400))
    hopper = _portrait(folder / "grace_hopper.jpg", (90, 40, 450, 480))
    mirrored = collins.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ways = [
        (collins, [Step(2, 1420, 400, 150), Step(5, 700, 400, 340), Step(15, 690, 402, 345), Step(18, -180, 400, 300)]),
        (
            hopper,
            [Step(23, -140, 390, 150), Step(26, 430, 390, 350), Step(34, 436, 392, 352), Step(37, -200, 390, 300)],
        ),
        (
            mirrored,
            [Step(23.4, 1420, 410, 150), Step(26.4, 880, 410, 330), Step(34, 876, 408, 332), Step(37, 1500, 410, 300)],
        ),
        (
            hopper,
            [Step(41, 1440, 380, 160), Step(44, 640, 380, 370), Step(51, 634, 382, 372), Step(54, -220, 380, 320)],
        ),
    ]
    return Scene(*SIZE, [Actor(portrait, steps) for portrait, steps in ways])


def samples_folder() -> Path:
    """Where the sample portraits lie: within the package as installed, else beside the sources. Raises ``InputError``
    where they are in neither."""
    package = Path(str(files("onlooker")))
    for folder in (package / "service" / "samples", package.parents[1] / "samples"):
        if (folder / "grace_hopper.jpg").is_file():
            return folder
    raise InputError("the demo camera's portraits are not installed; name a camera or a video file as --source")


def _portrait(path: Path, box: tuple[int, int, int, int]) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").crop(box)
