"""Small films for tests, made on the spot; none of them shows a person unless it is asked to."""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from onlooker.core.faces import Picture8
from onlooker.media.record import Recorder
from onlooker.media.scene import Actor, Scene, Step


def film(path: Path, pictures: Iterable[Picture8], rate: float = 25) -> Path:
    """A film of some pictures, in the form that the file's ending says."""
    with Recorder(path) as recorder:
        for number, pixels in enumerate(pictures):
            recorder.add(Image.fromarray(pixels), number / rate)
    return path


def counted(frames: int, size: tuple[int, int] = (160, 96)) -> list[Picture8]:
    """Pictures that say which they are: the darkness of the left half is 8 levels a frame."""
    pictures = np.full((frames, size[1], size[0], 3), 128, np.uint8)
    for number in range(frames):
        pictures[number, :, : size[0] // 2] = 8 * number
    return list(pictures)


def quarters(width: int, height: int) -> Picture8:
    """A picture whose quarters are of four brightnesses, so that no two ways of turning it look alike."""
    pixels = np.full((height, width, 3), 30, np.uint8)
    pixels[: height // 2, width // 2 :], pixels[height // 2 :, : width // 2] = 90, 150
    pixels[height // 2 :, width // 2 :] = 210
    return pixels


def displayed(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """An MP4 that is to be shown by a matrix a, b, c, d (ISO 14496-12, 8.3.2): a camera that was turned or mirrored."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    at = data.index(b"tkhd") + 44  # of a header of version 0
    assert struct.unpack_from(">9i", data, at) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def encoded(path: Path, pictures: Sequence[Picture8], aspect: Fraction = Fraction(1)) -> Path:
    """A film of some pictures at 25 a second, in H.264 whatever the file's form, whose pixels are to be shown
    ``aspect`` times as wide as high."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def number_of(pixels: Picture8) -> int:
    """Which picture of ``counted`` this is."""
    return round(float(pixels[:, : pixels.shape[1] // 4].mean()) / 8)


def portraits(samples: Path) -> list[Image.Image]:
    """Heads of the sample portraits."""
    return [
        Image.open(samples / "eileen_collins.png").convert("RGB").crop((60, 0, 400, 400)),
        Image.open(samples / "grace_hopper.jpg").convert("RGB").crop((90, 40, 450, 480)),
    ]


def street(samples: Path) -> Scene:
    """Two people at 640 x 360: one is there for six seconds, the other comes after two and leaves after four."""
    first, second = portraits(samples)
    return Scene(
        640,
        360,
        [
            Actor(first, [Step(0, 160, 190, 200), Step(1.5, 180, 190, 220), Step(6, 182, 190, 220)]),
            Actor(second, [Step(2, 470, 190, 180), Step(3, 460, 190, 210), Step(4, 462, 190, 210)]),
        ],
    )
