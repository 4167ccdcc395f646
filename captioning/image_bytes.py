"""What the bytes of an upload are, and what they would cost, before any decoder runs.

Decoders are written for honest files. A few kilobytes can keep one busy for seconds (a progressive JPEG of 2,000
scans, a GIF of a million one-byte comments), so the walks here count first and refuse with the number and the limit.
Metadata never reaches a JPEG or PNG decoder: nothing in it but the orientation matters here, and most of the ways to
hurt Pillow are in it.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

MAX_BLOCKS = 20_000  # segments, chunks, extension blocks; a 25 MB PNG in zlib's 8 kB pieces has 3,200
MAX_VALUES = 100_000  # numbers in one tag of a TIFF; a strip for each row of the tallest picture we take is 65,535


class ImageError(ValueError):
    """The bytes cannot become a picture; the message is written for whoever sent them."""


class NotAnImage(ImageError):
    """The bytes are something else, or a picture of a kind that is not accepted."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        super().__init__(f"This is {seen}, not one of the accepted kinds of picture: {', '.join(ACCEPTED)}.")


class DamagedImage(ImageError):
    """The bytes begin as a picture does and then cannot be decoded: cut off, or corrupt."""


class TooCostly(ImageError):
    """Decoding would take far more time or memory than a picture of this size should."""


Block = TypeVar("Block")

_DIB_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # every size of a BMP's second header
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(data: bytes) -> str:
    """Return the format, one of ``ACCEPTED``, that the content itself shows; raise NotAnImage with what it shows."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _DIB_HEADERS:
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    brands = _brands(data)
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    raise NotAnImage(_describe(data))


def _brands(data: bytes) -> set[bytes]:
    """The major and compatible brands of an ISO media file (ISO/IEC 14496-12, `ftyp`); empty for any other."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


_OTHER_KINDS = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
)


def _describe(data: bytes) -> str:
    """Say in a few words what bytes that are no accepted picture look like."""
    if not data:
        return "an empty file"
    for head, name in _OTHER_KINDS:
        if data.startswith(head):
            return name
    if data[4:8] == b"ftyp":
        return "a video (MP4 or QuickTime)"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and b"<svg" in data[:65536].lower():
        return "an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if b"\0" not in data[:1024] and _is_text(data[:1024]):
        return "text"
    return f"an unknown kind of file (it begins with {data[:8].hex(' ')})"


def _is_text(start: bytes) -> bool:
    try:
        start[: -4 or None].decode()  # the cut may have split a character
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class Stripped:
    """A file as its decoder gets it: `data` without metadata, the `exif` block (b"" if none), the scans of a JPEG."""

    data: bytes
    exif: bytes = b""
    scans: int = 1


def strip(data: bytes, format: str) -> Stripped:
    """Take the metadata off, and raise TooCostly where the block structure alone would keep a decoder busy."""
    if _hides_archive(data):
        raise NotAnImage(f"a ZIP archive with a {format} head")
    if format == "JPEG":
        return _strip_jpeg(data)
    if format == "PNG":
        return _strip_png(data)
    if format == "GIF":
        _counted(_gif_blocks(data), "GIF")
    if format == "TIFF":
        _check_tiff(data)
    return Stripped(data)


def _hides_archive(data: bytes) -> bool:
    """Whether the file is also a ZIP archive: its end record stands at the end and points at a central directory."""
    end = data.rfind(b"PK\x05\x06", -65557)  # the record is 22 bytes and a comment of at most 65,535
    if end < 0 or len(data) != end + 22 + int.from_bytes(data[end + 20 : end + 22], "little"):
        return False
    directory = end - int.from_bytes(data[end + 12 : end + 16], "little")
    return directory >= 0 and data[directory : directory + 4] in (b"PK\x01\x02", b"PK\x05\x06")


def _counted(blocks: Iterator[Block], format: str) -> list[Block]:
    counted = [block for block, _ in zip(blocks, range(MAX_BLOCKS + 1), strict=False)]
    if len(counted) > MAX_BLOCKS:
        raise TooCostly(f"The {format} file has more than {MAX_BLOCKS:,} blocks, which no camera or editor writes.")
    return counted


# A marker is 0xFF and neither a stuffed zero, nor padding, nor one of those that stand alone (TEM, RST, SOI).
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_KEPT_APPS = (0xE0, 0xE2, 0xEE)  # JFIF and Adobe decide how colours are coded, APP2 carries the colour profile


def _strip_jpeg(data: bytes) -> Stripped:
    segments = _counted(_jpeg_segments(data), "JPEG")
    first_scan = next((start for marker, start, _ in segments if marker == _SOS), len(data))
    header = [(marker, data[start:end]) for marker, start, end in segments if start < first_scan]
    exif = next((part[10:] for marker, part in header if marker == _APP1 and part[4:10] == b"Exif\0\0"), b"")
    kept = [part for marker, part in header if marker < 0xE0 or marker in _KEPT_APPS]
    scans = sum(marker == _SOS for marker, _, _ in segments)
    return Stripped(b"".join((b"\xff\xd8", *kept, data[first_scan:])), exif, scans)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) for each segment up to the end of the image; `start` is at its 0xFF.

    Inside a scan 0xFF is always followed by 0x00 or a restart marker (ITU-T T.81, B.1.1.5), so that a search for
    the next other marker skips the coded pixels at the speed of memory.
    """
    at = 2
    while match := _JPEG_MARKER.search(data, at):
        marker, start, at = match[1][0], match.start(), match.end()
        if marker == _EOI:
            return
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        yield marker, start, at


def _strip_png(data: bytes) -> Stripped:
    """Keep the critical chunks (a capital first letter), transparency and profile: an APNG shows its default image."""
    chunks = _counted(_png_chunks(data), "PNG")
    kept = (part for kind, part in chunks if kind[:1].isupper() or kind in (b"tRNS", b"iCCP"))
    exif = next((part[8:-4] for kind, part in chunks if kind == b"eXIf"), b"")
    return Stripped(data[:8] + b"".join(kept), exif)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at:end]
        at = end


def _gif_blocks(data: bytes) -> Iterator[int]:
    """Yield the offset of each sub-block that stands before the first frame."""
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)
    while data[at : at + 1] == b"!":
        at += 2
        yield at
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        at += 1


_ORIENTATION = 274
_BYTE_TYPES = (1, 2, 6, 7)  # read as one string; every other type becomes Python numbers, 2 µs each


def _check_tiff(data: bytes) -> None:
    for tag, kind, count, _ in _tiff_tags(data):
        if kind not in _BYTE_TYPES and count > MAX_VALUES:
            raise TooCostly(f"Tag {tag} of the TIFF file has {count:,} values; the limit is {MAX_VALUES:,}.")


def _tiff_tags(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The (tag, type, count, value or offset) entries of the first directory of a TIFF file or an EXIF block."""
    order = "<" if data.startswith(b"II") else ">"
    big = 43 in data[2:4]
    first, head, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    (at,) = _unpack(order + first, data, 8 if big else 4)
    (tags,) = _unpack(order + head, data, at)
    if tags > MAX_BLOCKS:
        raise TooCostly(f"The TIFF file has {tags:,} tags, which no camera or editor writes.")
    start, size = at + struct.calcsize(order + head), struct.calcsize(order + entry)
    return [_unpack(order + entry, data, start + size * i) for i in range(tags)]


def _unpack(layout: str, data: bytes, at: int) -> Any:
    size = struct.calcsize(layout)
    if at + size > len(data):
        raise DamagedImage("The TIFF file is cut off or damaged: its directory points past the end.")
    return struct.unpack_from(layout, data, at)


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block asks for (CIPA DC-008, tag 274); 1 where it is absent or broken."""
    block = exif.removeprefix(b"Exif\0\0")
    try:
        values = [value for tag, _, _, value in _tiff_tags(block) if tag == _ORIENTATION]
    except ImageError:
        return 1  # EXIF is decoration: a picture with a broken block is still a picture
    asked = int.from_bytes(values[0][:2], "little" if block.startswith(b"II") else "big") if values else 1
    return asked if 1 <= asked <= 8 else 1
