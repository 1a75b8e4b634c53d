"""Pictures that are stored turned or mirrored are shown as the server reads them: upright, by any format."""

from pathlib import Path

import pytest
from PIL import Image

from tests.service.browser import Page

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""From upright to what is stored with an EXIF orientation."""

COLOURS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1), "white": (1, 1)}
"""The quarters of the upright picture: right, or down, where it is 1."""

SHOWN = """
return Object.fromEntries([...document.querySelectorAll(".card")].map((card) => {
  const image = card.querySelector(".stage img");
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const at = (x, y) => [...context.getImageData(width * (0.25 + x / 2), height * (0.25 + y / 2), 1, 1).data];
  const seen = [width, height, at(0, 0), at(1, 0), at(0, 1), at(1, 1), card.innerText];
  return [card.querySelector("h3").textContent, seen];
}));"""


def stored(path: Path, orientation: int) -> Path:
    """A picture of 120 x 80 in four colours, turned as its EXIF says."""
    picture = Image.new("RGB", (120, 80))
    for colour, (right, down) in COLOURS.items():
        picture.paste(colour, (60 * right, 40 * down, 60 * right + 60, 40 * down + 40))
    turn = TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    (picture if turn is None else picture.transpose(turn)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientations", [(1, 2, 3, 4), (5, 6, 7, 8)])
def test_every_orientation_of_every_format_is_shown_upright(
    page: Page, tmp_path: Path, orientations: tuple[int, ...]
) -> None:
    kinds = ("jpg", "png", "webp", "avif", "tif")
    names = [f"{orientation}.{kind}" for kind in kinds for orientation in orientations]
    page.choose(*(stored(tmp_path / name, int(name[0])) for name in names))
    page.card("done", len(names))
    shown = page.script(SHOWN)
    assert set(shown) == set(names)
    for name, (width, height, *seen, said) in shown.items():
        assert (width, height) == (120, 80), name
        wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
        for colour, pixel in zip(wanted, seen, strict=True):
            assert pixel[:3] == pytest.approx(colour, abs=30), name
        copied = name.endswith("tif") or (name.endswith("webp") and name != "1.webp")
        assert ("You see the server" in said) is copied, name


def test_exif_of_a_webp_that_is_damaged_or_odd_turns_nothing_and_breaks_nothing(page: Page) -> None:
    """``turned`` on files made by hand: whatever Pillow writes is shown above."""

    def riff(exif: bytes, chunk: bytes = b"EXIF") -> list[int]:
        body = b"WEBP" + b"VP8X" + (10).to_bytes(4, "little") + bytes(10)
        body += chunk + len(exif).to_bytes(4, "little") + exif
        return list(b"RIFF" + len(body).to_bytes(4, "little") + body)

    def tiff(order: str, value: int) -> bytes:
        little = order == "little"
        fields = [(42, 2), (8, 4), (1, 2), (0x0112, 2), (3, 2), (1, 4), (value, 2), (0, 2), (0, 4)]
        ordered = b"".join(number.to_bytes(size, "little" if little else "big") for number, size in fields)
        return (b"II" if little else b"MM") + ordered

    cases = {
        "little": (riff(tiff("little", 6)), True),
        "big": (riff(tiff("big", 3)), True),
        "with a prefix": (riff(b"Exif\0\0" + tiff("big", 8)), True),
        "upright": (riff(tiff("big", 1)), False),
        "no such orientation": (riff(tiff("big", 9)), False),
        "cut": (riff(tiff("big", 6)[:14]), False),
        "empty": (riff(b""), False),
        "another chunk": (riff(tiff("big", 6), b"XMP "), False),
        "no webp": (list(b"RIFF\0\0\0\0WAVE" + bytes(40)), False),
        "short": (list(b"RIFF"), False),
        "nothing": ([], False),
    }
    found = page.driver.execute_async_script(
        """const [files, done] = arguments;
        import("/static/webp.js").then(async ({ turned }) => {
          const found = {};
          for (const [name, bytes] of Object.entries(files)) {
            found[name] = await turned(new Blob([new Uint8Array(bytes)]));
          }
          done(found);
        });""",
        {name: data for name, (data, _) in cases.items()},
    )
    assert found == {name: wanted for name, (_, wanted) in cases.items()}
