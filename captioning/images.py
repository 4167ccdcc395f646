"""Bytes of an upload → an upright sRGB picture, or an ImageError that says what is wrong with them.

The content decides the format, never a filename, and only that format's decoder sees the bytes. The header decides
whether the pixels are worth decoding: a 2 kB JPEG may claim 13000×13000 and cost 2 GB.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Condition, Lock
from typing import Literal

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from captioning import srgb
from captioning.image_bytes import DamagedImage, ImageError, NotAnImage, TooCostly, orientation, sniff, strip

__all__ = [
    "EXTENSIONS", "MEDIA_TYPES", "DamagedImage", "ImageError", "NotAnImage", "Picture", "TooCostly", "TooManyPixels",
    "decode", "thumbnail",
]  # fmt: skip

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}

MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535  # JPEG's own limit; resampling a strip of 50,000,000×1 to 224 px would need 1.6 GB of weights
MAX_SCANS = 100  # of a JPEG, and fewer when it is large: each scan visits every pixel, 1 s for 1,200,000,000
MAX_SCAN_PIXELS = 1_000_000_000
USUAL_SCANS = 16  # libjpeg's own progressive script has 10, mozjpeg's at most 13
MAX_RLE_PIXELS = 4_000_000  # Pillow decodes run-length BMP in Python, 0.1 µs a pixel

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPPING = {_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]}


class TooManyPixels(ImageError):
    """The header claims more pixels than the limit."""

    def __init__(self, width: int, height: int, limit: int) -> None:
        self.width, self.height, self.limit = width, height, limit
        super().__init__(
            f"The picture has {width:,} × {height:,} = {width * height:,} pixels; the limit is {limit:,} pixels."
        )


@dataclass(frozen=True)
class Picture:
    """A decoded photo. `image` may be smaller than the original; `width` and `height` are the original's, upright."""

    image: Image.Image
    format: str
    width: int
    height: int


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, at_least: int = 448) -> Picture:
    """Decode to upright sRGB, reduced where that is faster, but never under `at_least` pixels on the shorter side.

    Of several frames or pages the first counts; transparency is laid on white. Raises an ImageError.
    """
    format = sniff(data)
    stripped = strip(data, format)
    with _named_damage(format):
        image = _OPENERS[format](BytesIO(stripped.data))
        _refuse_costly(image, stripped.scans, max_pixels)
        width, height = image.size
        with _ROOM.held(width * height):
            if format == "JPEG":
                image.draft(None, (at_least, at_least))  # the decoder itself skips work: 121 → 22 ms for 12 Mpx
            image.load()
            picture = srgb.convert(image, at_least)
        turn = _TURNS.get(orientation(stripped.exif or image.info.get("exif") or b""))
    if turn is None:
        return Picture(picture, format, width, height)
    if turn in _SWAPPING:
        width, height = height, width
    return Picture(picture.transpose(turn), format, width, height)


def thumbnail(data: bytes, size: int, format: Literal["WEBP", "JPEG"], *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the picture with its longer side at most `size` pixels, upright, sRGB, without metadata."""
    picture = decode(data, max_pixels=max_pixels, at_least=size)
    picture.image.thumbnail((size, size), Image.Resampling.LANCZOS)
    out = BytesIO()
    picture.image.save(out, format, quality=80)
    return out.getvalue()


@contextmanager
def _named_damage(format: str) -> Iterator[None]:
    """Turn whatever a decoder raises into DamagedImage.

    On hostile files Pillow raises ValueError, SyntaxError, RuntimeError, IndexError, KeyError, OverflowError,
    MemoryError, struct.error and more; any of them means only that these bytes cannot be decoded.
    """
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # WebP and GIF find out in the middle of opening
        raise TooCostly(f"The {format} file claims far too many pixels: {error}.") from error
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise DamagedImage(f"The {format} file cannot be decoded, it is cut off or damaged: {reason}.") from error


def _refuse_costly(image: ImageFile.ImageFile, scans: int, max_pixels: int) -> None:
    """Let the header decide, before a single pixel is decoded."""
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixels(width, height, max_pixels)
    if max(width, height) > MAX_SIDE:
        raise TooCostly(f"The picture is {width:,} × {height:,} pixels; a side may have {MAX_SIDE:,}.")
    if scans > min(MAX_SCANS, max(MAX_SCAN_PIXELS // (width * height), USUAL_SCANS)):
        raise TooCostly(f"The JPEG has {scans:,} scans over {width:,} × {height:,} pixels. Save it as a baseline JPEG.")
    if image.tile and image.tile[0].codec_name == "bmp_rle" and width * height > MAX_RLE_PIXELS:
        raise TooCostly(f"A run-length BMP may have {MAX_RLE_PIXELS:,} pixels, not {width:,} × {height:,}.")


class _Room:
    """Lets pictures in, in the order they come, as long as no more than `pixels` are being decoded together.

    A 50-megapixel WebP of 2 kB takes 600 MB while it is decoded: eight threads with one each would take 5 GB.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = self._free = pixels
        self._turn, self._changed = Lock(), Condition()

    @contextmanager
    def held(self, pixels: int) -> Iterator[None]:
        wanted = min(pixels, self._pixels)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify()


_ROOM = _Room(MAX_PIXELS)


def _heif(data: BytesIO) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile  # 35 ms, and not every platform has a wheel
    except ImportError as error:
        raise NotAnImage("a HEIC picture, which this installation cannot read (pillow-heif is missing)") from error
    return HeifImageFile(data)


# The decoders by name, past Image.open: it would try others, and check sizes against a limit of the whole process.
_OPENERS: dict[str, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImageFile,
    "HEIF": _heif,
}
