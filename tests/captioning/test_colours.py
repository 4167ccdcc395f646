
import numpy as np
import pytest
from PIL import Image

from captioning import colours
from captioning.colours import Colour

PURE = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (220, 20, 20),
    "orange": (255, 140, 0), "yellow": (250, 220, 20), "green": (40, 140, 40), "turquoise": (64, 224, 208),
    "blue": (30, 60, 200), "purple": (128, 0, 128), "pink": (255, 180, 200), "brown": (110, 65, 30),
    "tan": (205, 175, 130), "beige": (245, 235, 215),
}  # fmt: skip


def plain(*stripes: tuple[int, int, int]) -> Image.Image:
    rows = np.repeat(np.array(stripes, np.uint8), 256 // len(stripes), axis=0)
    return Image.fromarray(np.repeat(rows[:, None], 256, axis=1))


def largest(image: Image.Image, count: int = 5) -> list[Colour]:
    return colours.largest(colours.palette(image), count)


@pytest.mark.parametrize("name", PURE)
def test_a_plain_picture_has_one_colour(name: str) -> None:
    found = largest(plain(PURE[name]))
    assert found == [Colour(name, "#{:02x}{:02x}{:02x}".format(*PURE[name]), 1.0)]


def test_every_name_has_a_plain_picture() -> None:
    assert set(PURE) == set(colours.names())


def test_shares_are_those_of_the_stripes_largest_first() -> None:
    found = largest(plain(PURE["red"], PURE["red"], PURE["blue"], PURE["red"]))
    assert [(each.name, each.share) for each in found] == [("red", 0.75), ("blue", 0.25)]


def test_no_more_than_asked_for_and_never_more_than_the_whole() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    noise = Image.fromarray(squares.repeat(8, 0).repeat(8, 1))
    found = largest(noise, 3)
    assert len(found) == 3
    assert sum(each.share for each in colours.palette(noise)) <= 1
    assert found == largest(noise, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_mode_of_picture_will_do(mode: str) -> None:
    assert largest(plain((0, 0, 0)).convert(mode))[0].name in ("black", "grey")


def test_a_single_pixel_will_do() -> None:
    assert [each.name for each in largest(Image.new("RGB", (1, 1), "white"))] == ["white"]


def test_lab_agrees_with_the_published_conversion() -> None:
    # Lindbloom's calculator, sRGB under D65: red 53.24, 80.09, 67.20; mid grey 53.59, 0, 0
    found = colours._lab(np.array([[255, 0, 0], [128, 128, 128]], np.float32))
    assert found == pytest.approx(np.array([[53.24, 80.09, 67.20], [53.59, 0, 0]]), abs=0.02)


def test_a_claim_passes_where_the_colour_is_and_fails_where_it_is_not() -> None:
    sky = [Colour("blue", "#87ceeb", 1.0)]
    assert colours.plausible("blue", sky)
    assert colours.plausible("navy", sky)
    assert not colours.plausible("red", sky)
    assert colours.plausible("plaid", sky)


def test_distance_is_nought_at_a_prototype_and_infinite_for_a_word_that_is_no_colour() -> None:
    assert colours.distance("red", [Colour("red", "#ff0000", 1.0)]) == pytest.approx(0, abs=1e-2)
    assert colours.distance("plaid", [Colour("red", "#ff0000", 1.0)]) == float("inf")


def test_the_table_of_cells_is_the_nearest_prototype() -> None:
    rng = np.random.default_rng(1)
    cells = rng.integers(0, 32, (50, 3))
    centres = (cells * 8 + 3.5).astype(np.float32)
    labels, of_name = colours._prototypes()
    apart = np.linalg.norm(colours._lab(centres)[:, None] - labels[None], axis=2)
    assert (colours._cells()[cells @ (1024, 32, 1)] == of_name[apart.argmin(1)]).all()
