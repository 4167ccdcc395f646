import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captioning import encoders, registry
from tests.captioning.photos import free_photos

PINNED = Path(__file__).with_name("pinned.json")


@pytest.fixture(scope="module")
def encoder():
    return registry.load("vgg16")


@pytest.fixture(scope="module")
def photos():
    return free_photos()


def test_an_encoding_has_the_shapes_its_card_says(encoder, photos):
    encoding = encoder.encode(photos[0])
    assert encoding.map.shape == tuple(encoder.card.settings["map"]) == (7, 7, 512)
    assert encoding.vector.shape == (registry.card("vgg16-similarity").dimension,)
    assert encoding.map.dtype == encoding.vector.dtype == np.float32
    assert encoding.map.min() >= 0  # after the ReLU
    assert np.linalg.norm(encoding.vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (5, 900), (3000, 40), (112, 112)])
def test_a_picture_may_have_any_size(encoder, photos, size):
    assert np.isfinite(encoder.encode(photos[0].resize(size)).vector).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_a_picture_may_come_in_other_modes(encoder, photos, mode):
    assert encoder.encode(photos[0].convert(mode)).map.shape == (7, 7, 512)


@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_picture_has_a_vector(encoder, level):
    assert np.isfinite(encoder.encode(Image.new("RGB", (64, 64), (level,) * 3)).vector).all()


def test_eight_threads_encode_as_one(encoder, photos):
    serial = [encoder.encode(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(encoder.encode, photos * 6))
    for k, encoding in enumerate(parallel):
        assert np.array_equal(encoding.map, serial[k % 4].map)
        assert np.array_equal(encoding.vector, serial[k % 4].vector)


def test_large_pictures_are_resized_as_small_ones(photos):
    large = photos[0].resize((2400, 2400), Image.Resampling.BICUBIC)
    exact = np.asarray(large.resize((112, 112), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(encoders.resized(large, 112) - exact).mean() < 1


def test_more_pixels_give_the_same_grid():
    weights = dict(np.load(registry.MODELS / "vgg16.npz"))
    model = encoders.vgg16(weights, 224)
    assert list(model.output(0).shape) == [1, 7, 7, 512]


def test_pictures_are_told_apart_and_copies_are_not(encoder, photos):
    vectors = np.stack([encoder.encode(photo).vector for photo in photos])
    small = np.stack([encoder.encode(photo.resize((150, 150))).vector for photo in photos])
    assert ((small @ vectors.T).argmax(1) == np.arange(4)).all()


def test_the_vector_is_the_one_that_was_pinned(encoder, photos):
    """Guards preprocessing, weights and layout at once. After new weights: python -m tests.captioning.pin"""
    pinned = json.loads(PINNED.read_text())
    encoding = encoder.encode(photos[0])
    assert encoder.version == pinned["version"]
    assert encoding.vector[:16] == pytest.approx(pinned["vector"], abs=0.02)  # bf16 or fp32, as the processor has it
    assert encoding.map.mean((0, 1))[:16] == pytest.approx(pinned["map"], rel=0.05, abs=0.02)
