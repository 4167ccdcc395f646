"""Any of Pillow's pixel modes → plain RGB in the sRGB space, reduced on the way.

A 50-megapixel picture is worked through in bands, so that no second full-size copy of it ever exists.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

BAND_PIXELS = 1_000_000
MAX_PROFILE_BYTES = 4_000_000  # the largest press profiles have 2.7 MB
_REDUCIBLE = ("RGB", "L", "CMYK", "LAB")
_PHOTOMETRIC, _BITS = 262, 258  # TIFF tags


def convert(image: Image.Image, at_least: int) -> Image.Image:
    """Return the loaded `image` as sRGB, box-reduced by the largest whole factor that keeps `at_least` pixels.

    Transparency is laid on white. More than eight bits a pixel are scaled to eight, never clipped.
    """
    factor = max(1, min(image.size) // at_least)
    plain = factor == 1 and image.mode in _REDUCIBLE and not image.has_transparency_data
    picture = _to_srgb(image if plain else _reduced(image, factor), image.info.get("icc_profile"))
    picture.info = {}  # else the profile and the EXIF block would travel into every file saved from it
    return picture


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    mode = _target_mode(image)
    black, white = _grey_range(image)
    width, height = image.size
    rows = factor * max(1, BAND_PIXELS // (width * factor))
    reduced = Image.new(mode, (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        plain = _eight_bits(band, black, white) if _is_deep(band) else _opaque(band, mode)
        reduced.paste(plain.reduce(factor), (0, top // factor))
    return reduced


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _target_mode(image: Image.Image) -> str:
    """The mode that keeps the picture's colour space for its profile and yet can be averaged over."""
    if _is_deep(image) or image.mode == "1":
        return "L"
    return image.mode if image.mode in _REDUCIBLE and not image.has_transparency_data else "RGB"


def _opaque(band: Image.Image, mode: str) -> Image.Image:
    if not band.has_transparency_data:
        return band.convert(mode)
    white = Image.new("RGBA", band.size, "white")
    return Image.alpha_composite(white, band.convert("RGBA")).convert("RGB")


def _grey_range(image: Image.Image) -> tuple[float, float]:
    """The values that mean black and white in a picture of more than eight bits a pixel.

    Sixteen bits (twelve, in some TIFF files) say it themselves. Thirty-two bits and floats do not: the smallest of
    the usual ranges that holds every value is taken, else the range that the picture has.
    """
    if not _is_deep(image):
        return 0, 255
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16"):
        black, white = 0.0, 2.0 ** tags.get(_BITS, (16,))[0] - 1
    else:
        low, high = np.asarray(image.getextrema(), dtype=float)
        usual = (1, 255, 65535) if image.mode == "F" else (255, 65535)
        own = (low, high) if np.isfinite((low, high)).all() else (0.0, 255.0)
        black, white = next(((0.0, top) for top in usual if low >= 0 and high <= top), own)
    return (white, black) if tags.get(_PHOTOMETRIC) == 0 else (black, white)


def _eight_bits(band: Image.Image, black: float, white: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(band, dtype=np.float64), nan=black, posinf=white, neginf=black)
    scaled = (values - black) * (255 / ((white - black) or 1))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "LAB":
        return _through(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), image)
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            if image.mode != "RGB" or not ImageCms.getProfileDescription(given).startswith("sRGB"):
                return _through(given, image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile, or one for other channels: the numbers themselves are the best guess left
    return image.convert("RGB")


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> Image.Image:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsTransform(profile, target, image.mode, "RGB").apply(image)
