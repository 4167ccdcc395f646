"""Every accepted format and mode ends as the right sRGB picture; everything else ends in an ImageError, soon."""

import contextlib
import io
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from captioning import images
from captioning.images import DamagedImage, ImageError, NotAnImage, TooCostly, TooManyPixels, decode, thumbnail
from tests.captioning import pictures
from tests.captioning.pictures import BLUE, GREEN, GREY, RED, corners, quarters, saved

QUARTERS = [RED, GREEN, BLUE, GREY]


def assert_colours(image: Image.Image, expected: list[tuple[int, ...]], within: int = 12) -> None:
    assert image.mode == "RGB"
    assert np.abs(np.subtract(corners(image), expected)).max() <= within, corners(image)


# ---- formats and modes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", pictures.SAVED_AS)
def test_every_accepted_format_is_told_by_its_content_and_keeps_its_colours(format):
    picture = decode(saved(quarters(), format))
    assert (picture.format, picture.width, picture.height) == (format, 64, 48)
    assert_colours(picture.image, QUARTERS)


def lab(image: Image.Image) -> Image.Image:
    spaces = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    return ImageCms.profileToProfile(image, *spaces, outputMode="LAB")


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_every_colour_mode_of_a_tiff_ends_as_the_right_rgb(compression):
    modes = [quarters().convert(mode) for mode in ("RGB", "RGBA", "CMYK", "YCbCr")]
    for source in (*modes, quarters().quantize(8), lab(quarters())):
        assert_colours(decode(saved(source, "TIFF", compression=compression)).image, QUARTERS)


def test_an_adobe_cmyk_jpeg_which_stores_inks_inverted_ends_as_the_right_rgb():
    data = saved(quarters().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert_colours(decode(data).image, QUARTERS)


def test_transparent_pixels_of_every_kind_are_laid_on_white():
    white = (255, 255, 255)
    rgba = quarters().convert("RGBA")
    rgba.paste((0, 0, 0, 0), (0, 0, 32, 24))
    palette = rgba.convert("RGB").quantize(8)
    black = palette.getpixel((2, 2))
    for data in (
        saved(rgba, "PNG"),
        saved(rgba, "WEBP", lossless=True),
        saved(rgba, "TIFF"),
        saved(palette, "PNG", transparency=black),
        saved(palette, "GIF", transparency=black),
        saved(rgba.convert("RGB"), "PNG", transparency=(0, 0, 0)),
    ):
        assert_colours(decode(data).image, [white, GREEN, BLUE, GREY])


def test_half_transparent_grey_is_mixed_with_white():
    grey = Image.new("LA", (8, 8), (0, 128))
    assert_colours(decode(saved(grey, "PNG")).image, [(127, 127, 127)] * 4, within=1)


@pytest.mark.parametrize("levels", [[0, 100, 200, 255]])
def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(levels):
    deep = np.kron(np.reshape(levels, (2, 2)), np.ones((20, 20))).astype(np.uint16) * 257
    expected = [(level,) * 3 for level in levels]
    for data in (
        saved(Image.fromarray(deep), "PNG"),
        saved(Image.fromarray(deep), "TIFF"),
        saved(Image.fromarray(deep.astype(">u2")), "TIFF"),
        pictures.grey_tiff(40, 40, (65535 - deep).tobytes(), bits=16, photometric=0),
        saved(Image.fromarray(deep.astype(np.int32)), "TIFF"),
        saved(Image.fromarray(deep.astype(np.float32) / 65535), "TIFF"),
        saved(Image.fromarray(deep.astype(np.float32) / 257), "TIFF"),
        saved(Image.fromarray((deep // 257).astype(np.uint8)), "PNG"),
    ):
        assert_colours(decode(data).image, expected, within=1)


def test_a_float_tiff_of_an_unusual_range_is_stretched_to_it():
    values = np.kron([[-3.0, 1.0], [5.0, 3.0]], np.ones((20, 20))).astype(np.float32)
    assert_colours(decode(saved(Image.fromarray(values), "TIFF")).image, [(g,) * 3 for g in (0, 128, 255, 191)], 1)


def test_a_float_tiff_with_holes_and_infinities_still_ends_as_a_picture():
    values = np.kron([[np.nan, np.inf], [-np.inf, 128.0]], np.ones((20, 20))).astype(np.float32)
    assert_colours(decode(saved(Image.fromarray(values), "TIFF")).image, [(g,) * 3 for g in (0, 255, 0, 128)], 1)


def test_sixteen_bits_a_channel_keep_their_colours():
    rows = np.asarray(quarters()).astype(">u2") * np.array(257, ">u2")
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    header = pictures.chunk(b"IHDR", b"\0\0\0\x40\0\0\0\x30\x10\x02\0\0\0")
    png = b"\x89PNG\r\n\x1a\n" + header + pictures.chunk(b"IDAT", zlib.compress(lines)) + pictures.chunk(b"IEND")
    assert_colours(decode(png).image, QUARTERS, within=1)


def test_one_bit_pictures_are_black_and_white():
    image = Image.new("1", (40, 40), 1)
    image.paste(0, (0, 0, 20, 20))
    for format in ("PNG", "TIFF", "BMP"):
        assert_colours(decode(saved(image, format)).image, [(0, 0, 0), *[(255, 255, 255)] * 3], within=0)


# ---- profiles --------------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """An sRGB profile whose red and green curves' columns are exchanged, so that its red means green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace(b"s\0R\0G\0B", b"t\0e\0s\0t").replace(b"\0s\0R\0G\0B", b"\0t\0e\0s\0t")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_an_embedded_profile_decides_what_the_numbers_mean(format):
    image = Image.new("RGB", (64, 64), (200, 0, 0))
    picture = decode(saved(image, format, icc_profile=swapped_profile()))
    assert_colours(picture.image, [(0, 200, 0)] * 4)


@pytest.mark.parametrize("profile", [b"no profile at all", bytes(5_000_000), swapped_profile()[:200]])
def test_a_broken_profile_is_passed_over(profile):
    assert_colours(decode(saved(quarters(), "JPEG", icc_profile=profile)).image, QUARTERS)


def test_a_profile_for_other_channels_is_passed_over():
    grey = Image.new("L", (32, 32), 100)
    assert_colours(decode(saved(grey, "JPEG", icc_profile=swapped_profile())).image, [(100, 100, 100)] * 4, within=1)


# ---- orientation and size --------------------------------------------------------------------------------

# What must be done to an upright picture so that the orientation tag brings it back.
UNDONE = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", UNDONE)
def test_a_turned_photo_is_brought_upright(format, orientation):
    turn = UNDONE[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    picture = decode(saved(stored, format, exif=pictures.exif_with_orientation(orientation)))
    assert (picture.width, picture.height) == picture.image.size == (64, 48)
    assert_colours(picture.image, QUARTERS)


@pytest.mark.parametrize("exif", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"\0" * 60_000])
def test_a_broken_exif_block_is_passed_over(exif):
    assert_colours(decode(saved(quarters(), "JPEG", exif=b"Exif\0\0" + exif)).image, QUARTERS)
    assert_colours(decode(pictures.png_with([pictures.chunk(b"eXIf", exif)])).image, QUARTERS)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_passed_over(orientation):
    data = saved(quarters(), "JPEG", exif=pictures.exif_with_orientation(orientation))
    assert_colours(decode(data).image, QUARTERS)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_large_picture_is_reduced_but_never_under_what_is_asked_for(format):
    picture = decode(saved(quarters(1800, 1201), format), at_least=300)
    assert (picture.width, picture.height) == (1800, 1201)
    assert 300 <= min(picture.image.size) < 600
    assert_colours(picture.image, QUARTERS)


def test_a_small_picture_is_not_enlarged():
    assert decode(saved(quarters(), "PNG"), at_least=448).image.size == (64, 48)


def test_of_several_frames_or_pages_the_first_counts():
    other = Image.new("RGB", (64, 48))
    for format in ("GIF", "WEBP", "TIFF", "AVIF", "PNG"):
        data = saved(quarters(), format, save_all=True, append_images=[other, other])
        assert_colours(decode(data).image, QUARTERS)


# ---- thumbnails ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["WEBP", "JPEG"])
def test_a_thumbnail_is_upright_small_and_without_metadata(format):
    exif = pictures.exif_with_orientation(6)
    stored = quarters(900, 600).transpose(Image.Transpose.ROTATE_90)
    data = saved(
        stored, "JPEG", exif=exif, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    made = Image.open(io.BytesIO(thumbnail(data, 256, format)))
    assert (made.format, made.size) == (format, (256, 171))
    assert not {"exif", "icc_profile", "xmp", "comment"} & made.info.keys()
    assert_colours(made.convert("RGB"), QUARTERS)


def test_a_decoded_picture_carries_no_metadata_along():
    data = saved(
        quarters(), "JPEG", exif=pictures.exif_with_orientation(1), comment=b"by me", icc_profile=swapped_profile()
    )
    assert decode(data).image.info == {}


def test_a_thumbnail_never_enlarges():
    assert Image.open(io.BytesIO(thumbnail(saved(quarters(), "PNG"), 1024, "WEBP"))).size == (64, 48)


def test_the_thumbnail_of_a_strip_keeps_a_pixel_on_its_shorter_side():
    strip = saved(Image.new("RGB", (4000, 2)), "PNG")
    assert Image.open(io.BytesIO(thumbnail(strip, 64, "JPEG"))).size == (64, 1)


# ---- what is no picture ----------------------------------------------------------------------------------


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "an empty file"),
        ("Ein Hund läuft.".encode() * 300, "text"),
        (b"BMW is a car", "text"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf <svg/>", "SVG"),
        (b"<!DOCTYPE html><p>", "HTML"),
        (b"%PDF-1.7", "PDF"),
        (zipped(), "ZIP"),
        (saved(quarters(), "PNG") + zipped(), "a ZIP archive with a PNG head"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "video"),
        (saved(quarters(), "ICO"), "icon"),
        (saved(quarters(), "JPEG2000"), "JPEG 2000"),
        (saved(quarters(), "PPM"), "unknown"),
        (bytes(range(128, 256)), "unknown"),
    ],
)
def test_what_is_no_picture_is_named_and_the_accepted_kinds_too(data, named):
    with pytest.raises(NotAnImage, match=named) as error:
        decode(data)
    assert "JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIF" in str(error.value)


@pytest.mark.parametrize("format", pictures.SAVED_AS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_damaged(format, part):
    image = Image.effect_noise((300, 300), 80).convert("RGB")
    data = saved(image, format)
    with pytest.raises(DamagedImage, match=format):
        decode(data[: int(len(data) * part)])


def test_a_zip_behind_a_png_signature_is_refused():
    with pytest.raises(ImageError):
        decode(b"\x89PNG\r\n\x1a\n" + zipped())


# ---- what is built to hurt -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pictures.jpeg_claiming(65535, 65535),
        pictures.jpeg_claiming(13000, 13000),
        pictures.png_claiming(65535, 65535),
        pictures.png_claiming(2**31 - 1, 2**31 - 1),
        pictures.run_length_bmp(100_000, 100_000),
        pictures.grey_tiff(65535, 65535, b"\0", bits=8),
    ],
)
def test_the_header_decides_before_the_pixels(data):
    started = time.process_time()
    with pytest.raises(TooManyPixels) as error:
        decode(data)
    assert error.value.width * error.value.height > error.value.limit == images.MAX_PIXELS
    assert time.process_time() - started < 0.5


def test_the_limit_is_the_callers():
    with pytest.raises(TooManyPixels, match=r"64 × 48 = 3,072 pixels; the limit is 3,000"):
        decode(saved(quarters(), "PNG"), max_pixels=3000)
    assert decode(saved(quarters(), "PNG"), max_pixels=3072)


HOSTILE = {
    "2,000 scans": pictures.jpeg_of_scans(2000, 100, 100),
    "100 scans of 12 Mpx": pictures.jpeg_of_scans(100, 4000, 3000),
    "a million comments in a GIF": pictures.gif_with_comment(b"\x01a" * 1_000_000),
    "a million chunks in a PNG": pictures.png_with([pictures.chunk(b"tEXt")] * 1_000_000),
    "a million segments in a JPEG": pictures.jpeg_with_segments(b"\xff\xe5\0\2" * 1_000_000),
    "a strip too long to resample": saved(Image.new("L", (70_000, 1)), "PNG"),
    "a run-length BMP of empty lines": pictures.run_length_bmp(5000, 5000),
    "a TIFF of a million tiles": pictures.tiff_of([(256, 4, 1, 9), (257, 4, 1, 9), (324, 4, 1_000_000, 8)], bytes(99)),
    "a TIFF of a million resolutions": pictures.tiff_of([(256, 4, 1, 9), (257, 4, 1, 9), (282, 5, 1_000_000, 8)]),
    "a WebP canvas of 16384×16384": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0" + bytes(16),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_would_cost_far_more_than_a_photo_is_refused_at_once(data):
    started = time.process_time()
    with pytest.raises(TooCostly):
        decode(data)
    assert time.process_time() - started < 0.5


HARMLESS = {
    "16 scans": pictures.jpeg_of_scans(16, 200, 200),
    "25 MB of padding": pictures.jpeg_with_segments(b"\xff" * 25_000_000),
    "restart markers before the header": pictures.jpeg_with_segments(b"\xff\xd0" * 1_000_000),
    "a bomb in a text chunk": pictures.png_with([pictures.chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(90_000_000)))]),
    "20 kB of XMP in a GIF": pictures.gif_with_comment((b"\x50" + b"x" * 0x50) * 250),
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_looks_odd_and_costs_nothing_is_decoded(data):
    started = time.process_time()
    decode(data)
    assert time.process_time() - started < 1


def test_a_bomb_in_a_profile_is_refused():
    bomb = pictures.chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(90_000_000)))
    with pytest.raises(DamagedImage, match="too large"):
        decode(pictures.png_with([bomb]))


def test_large_pictures_wait_for_one_another_and_small_ones_pass_together():
    room, inside, sums = images._Room(50), [], []

    def hold(pixels):
        with room.held(pixels):
            inside.append(pixels)
            sums.append(sum(inside))
            time.sleep(0.03)
            inside.remove(pixels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [20, 20, 20, 50, 20, 70, 20, 20]))
    assert {50, 70} <= set(sums) <= {20, 40, 50, 70}  # 70 alone: what is larger than the room still gets in
    with room.held(20), room.held(20):
        pass


SEEDS = [saved(quarters(), format) for format in pictures.SAVED_AS] + [
    saved(quarters(), "JPEG", progressive=True, exif=pictures.exif_with_orientation(6)),
    saved(quarters().convert("P"), "PNG", transparency=1),
    saved(quarters(), "TIFF", compression="tiff_lzw", exif=pictures.exif_with_orientation(5)),
    saved(quarters(), "TIFF", compression="tiff_jpeg"),
    saved(quarters(), "WEBP", lossless=True),
]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of corrupt TIFF tags, and then goes on or raises
@settings(max_examples=400)
@given(st.data())
def test_nothing_but_an_image_error_escapes_from_damaged_bytes(data):
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(seed), 600) - 1) | st.integers(0, len(seed) - 1))
        seed[at] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 255]) | st.integers(0, 255))
    cut = data.draw(st.just(len(seed)) | st.integers(1, len(seed)))
    with contextlib.suppress(ImageError):
        assert decode(bytes(seed[:cut])).image.mode == "RGB"
