"""What the bytes of an upload are, and what they would cost, before any decoder runs.

Decoders are written for honest files. A few kilobytes can keep one busy for seconds (a progressive JPEG of 2,000
scans, a GIF of a million one-byte comments), so the walks here count first and refuse with the number and the limit.
"""

import re
from collections.abc import Iterator

ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

MAX_SCANS = 100  # libjpeg's own progressive script has 10, jpegoptim's and mozjpeg's at most 13
MAX_BLOCKS = 20_000  # segments, chunks, extension blocks, tiles; a 25 MB PNG in zlib's 8 kB pieces has 3,200


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


def refuse_costly(data: bytes, format: str) -> None:
    """Raise TooCostly or DamagedImage where the file's own block structure cannot be decoded in reasonable time."""
    if _hides_archive(data):
        raise NotAnImage(f"a ZIP archive with a {format} head")
    walk = _WALKS.get(format)
    if walk:
        blocks = sum(1 for _ in zip(walk(data), range(MAX_BLOCKS + 1), strict=False))
        if blocks > MAX_BLOCKS:
            raise TooCostly(f"The {format} file has more than {MAX_BLOCKS:,} blocks, which no camera or editor writes.")
    if format == "JPEG" and (scans := count_scans(data)) > MAX_SCANS:
        raise TooCostly(f"The JPEG file has {scans:,} scans; the limit is {MAX_SCANS}. Save it again as baseline JPEG.")


def _hides_archive(data: bytes) -> bool:
    """Whether the file is also a ZIP archive: its end record stands at the end and points at a central directory."""
    end = data.rfind(b"PK\x05\x06", -65557)  # the record is 22 bytes and a comment of at most 65,535
    if end < 0 or len(data) != end + 22 + int.from_bytes(data[end + 20 : end + 22], "little"):
        return False
    directory = end - int.from_bytes(data[end + 12 : end + 16], "little")
    return directory >= 0 and data[directory : directory + 4] in (b"PK\x01\x02", b"PK\x05\x06")


_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_BARE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RST0 to RST7, SOI: no length follows
SOS, EOI = 0xDA, 0xD9


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) for each segment up to the end of the image; `start` is at its 0xFF.

    Inside a scan 0xFF is always followed by 0x00 or a restart marker (ITU-T T.81, B.1.1.5), so that a search for
    the next other marker skips the coded pixels at the speed of memory.
    """
    at = 2
    while match := _JPEG_MARKER.search(data, at):
        marker, start, at = match[1][0], match.start(), match.end()
        if marker in _BARE_MARKERS:
            continue
        if marker == EOI:
            return
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        yield marker, start, at


def count_scans(data: bytes) -> int:
    return sum(marker == SOS for marker, _, _ in jpeg_segments(data))


def _png_chunks(data: bytes) -> Iterator[int]:
    at = 8
    while at + 8 <= len(data):
        yield at
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _gif_blocks(data: bytes) -> Iterator[int]:
    """Yield the offset of each sub-block that stands before the first frame."""
    at = 13 + _gif_palette(data[10:11])
    while data[at : at + 1] == b"!":
        at += 2
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        at += 1


def _gif_palette(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


_WALKS = {"JPEG": jpeg_segments, "PNG": _png_chunks, "GIF": _gif_blocks}
