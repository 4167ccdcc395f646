"""Any of Pillow's pixel modes → plain RGB in the sRGB space, reduced on the way.

A 50-megapixel picture is worked through in bands, so that no second full-size copy of it ever exists.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

BAND_PIXELS = 1_000_000
MAX_PROFILE_BYTES = 4_000_000  # the largest press profiles have 2.7 MB

_COLOUR_MODES = {"CMYK": "CMYK", "LAB": "LAB", "L": "L", "1": "L", "I": "L", "F": "L"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF block is broken."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # EXIF is decoration: a picture with a broken block is still a picture
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def convert(image: Image.Image, at_least: int) -> Image.Image:
    """Return the loaded `image` as sRGB, box-reduced by the largest whole factor that keeps `at_least` pixels."""
    factor = max(1, min(image.size) // at_least)
    mode = "L" if image.mode.startswith("I;16") else _COLOUR_MODES.get(image.mode, "RGB")
    if image.has_transparency_data:
        mode = "RGB"
    reduced = Image.new(mode, tuple(-(-side // factor) for side in image.size))
    width, height = image.size
    rows = factor * max(1, BAND_PIXELS // (width * factor))
    grey = _grey_range(image)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        reduced.paste(_opaque(band, mode, grey).reduce(factor), (0, top // factor))
    return _to_srgb(reduced, image.info.get("icc_profile"))


def _opaque(band: Image.Image, mode: str, grey: tuple[float, float]) -> Image.Image:
    if band.mode.startswith("I") or band.mode == "F":
        return _eight_bits(band, *grey)
    if band.has_transparency_data:
        colours = band.convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return band.convert(mode)


def _grey_range(image: Image.Image) -> tuple[float, float]:
    """The values that mean black and white in a picture of more than eight bits a pixel."""
    if image.mode.startswith("I;16"):
        return 0, 65535
    if image.mode not in ("I", "F"):
        return 0, 255
    low, high = image.getextrema()
    for white in (1, 255, 65535):
        if low >= 0 and high <= white and not (white == 1 and image.mode == "I"):
            return 0, white
    return float(low), float(high)


def _eight_bits(band: Image.Image, black: float, white: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(band, dtype=np.float32))
    scaled = (values - black) * (255 / max(white - black, 1e-12))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "LAB":
        return _through(ImageCms.createProfile("LAB"), image)
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            return _through(ImageCms.ImageCmsProfile(BytesIO(profile)), image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile, or one for other channels: the numbers themselves are the best guess left
    return image.convert("RGB")


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> Image.Image:
    return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
