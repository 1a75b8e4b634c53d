"""Colour profiles: what a picture's numbers mean, brought to sRGB, which is what a JPEG without a profile means.

What is shown and what is converted needs them. Reading ages does without: of 400 faces of UTKFace, Adobe RGB moves an
age by 0.2 years in the mean, Display P3 by 0.15, and neither the error of ages or of genders, while a photograph of
twelve megapixels would take twice as long to decode.
"""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image


def to_srgb(image: Image.Image) -> Image.Image:
    """An image of 8 bits a channel with its colour profile (ICC) applied: RGB, or RGBA where it is transparent.

    It comes back as it is where it has no profile, has sRGB's, or has one that is damaged or of another kind of colour.
    """
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile or is_srgb(profile) or image.mode == "LAB":
        return image
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    base = image.convert({"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB"))
    try:
        changed = _apply(base, ImageCms.ImageCmsProfile(BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return image
    if alpha is not None:
        changed.putalpha(alpha)
    return changed


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile says what sRGB says, whatever it is called: no colour moves by more than two levels."""
    from PIL import ImageCms

    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    try:
        changed = np.asarray(_apply(Image.fromarray(grid), ImageCms.ImageCmsProfile(BytesIO(profile))))
    except (ImageCms.PyCMSError, OSError):
        return False
    return int(np.abs(changed.astype(int) - grid).max()) <= 2


def from_lab(image: Image.Image) -> Image.Image:
    """A picture in CIE L*a*b* (Photoshop's and TIFF's) as RGB."""
    from PIL import ImageCms

    return _apply(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))


def _apply(image: Image.Image, profile: object) -> Image.Image:
    """Relative colorimetric with black point compensation, as browsers and photo editors do by default."""
    from PIL import ImageCms

    changed = ImageCms.profileToProfile(
        image,
        profile,  # type: ignore[arg-type]
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert changed is not None  # it is None only where the image is changed in place
    return changed
