"""Small pictures in every format and mode, and files that are built to hurt; all made here, none taken from anyone."""

import io
import struct
import zlib
from collections.abc import Iterable

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()  # so that Pillow can write HEIC here; reading it needs no registration

SAVED_AS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
RED, GREEN, BLUE, GREY = (220, 30, 40), (30, 170, 60), (20, 60, 200), (128, 128, 128)


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red and green above, blue and grey below: any turn, mirror or mixed-up channel shows."""
    image = Image.new("RGB", (width, height), GREY)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, row by row."""
    width, height = image.size
    return [image.getpixel((width * x // 4, height * y // 4)) for y in (1, 3) for x in (1, 3)]


def saved(image: Image.Image, format: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif_with_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(chunks: Iterable[bytes], **options) -> bytes:
    """A PNG with further chunks between its header and its pixels."""
    png = saved(quarters(), "PNG", **options)
    return png[:33] + b"".join(chunks) + png[33:]


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND")


def jpeg_claiming(width: int, height: int) -> bytes:
    """A small JPEG whose frame header is overwritten with another size."""
    jpeg = bytearray(saved(quarters(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def jpeg_of_scans(count: int, width: int, height: int) -> bytes:
    """A progressive JPEG that repeats its last scan until it has `count` of them."""
    jpeg = saved(Image.new("L", (width, height), 128), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    table = jpeg.rindex(b"\xff\xc4", 0, last)
    missing = count - jpeg.count(b"\xff\xda")
    return jpeg[:-2] + jpeg[table:-2] * missing + b"\xff\xd9"


def jpeg_with_segments(segments: bytes) -> bytes:
    return b"\xff\xd8" + segments + saved(quarters(), "JPEG")[2:]


def gif_with_comment(sub_blocks: bytes) -> bytes:
    gif = saved(quarters(), "GIF")
    first_block = 13 + (3 << (gif[10] & 7) + 1)
    return gif[:first_block] + b"!\xfe" + sub_blocks + b"\0" + gif[first_block:]


def run_length_bmp(width: int, height: int) -> bytes:
    """A BMP of nothing but 'end of line', which Pillow's Python decoder fills pixel by pixel."""
    lines = b"\0\0" * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(lines), 0, 0, 256, 0)
    start = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", start + len(lines), 0, 0, start) + header + bytes(range(256)) * 4 + lines


def tiff_of(tags: Iterable[tuple[int, int, int, int]], body: bytes = b"") -> bytes:
    """A little-endian TIFF with these (tag, type, count, value or offset) entries and `body` from offset 8."""
    tags = sorted(tags)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def grey_tiff(width: int, height: int, samples: bytes, bits: int, photometric: int = 1) -> bytes:
    short, long = 3, 4
    return tiff_of(
        [
            (256, long, 1, width),
            (257, long, 1, height),
            (258, short, 1, bits),
            (259, short, 1, 1),
            (262, short, 1, photometric),
            (273, long, 1, 8),
            (277, short, 1, 1),
            (278, long, 1, height),
            (279, long, 1, len(samples)),
        ],
        samples,
    )
