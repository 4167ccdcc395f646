"""Maps are computed once, in chunks, and a killed run goes on."""
import numpy as np
import pytest
from PIL import Image

from captioning.training import features
from captioning.training.datasets import Photo


class Means:
    """Each channel's mean, as a map of one square."""

    name, version = "means", "1"

    def __init__(self):
        self.asked = 0

    def features(self, image):
        self.asked += 1
        return np.asarray(image, "float32").mean((0, 1), keepdims=True)


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype="uint8")).save(tmp_path / f"{i}.png")
    return [Photo(tmp_path / f"{i}.png", ()) for i in range(5)]


def test_maps_come_in_the_photos_order_and_are_computed_once(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 2)
    extractor = Means()
    first = features.maps(extractor, photos, "plain", tmp_path / "cache")
    again = features.maps(extractor, photos, "plain", tmp_path / "cache")
    assert extractor.asked == 5
    assert (first == again).all()
    expected = np.stack([np.asarray(photo.picture(), "float32").mean((0, 1)) for photo in photos])
    np.testing.assert_allclose(first[:, 0], expected, rtol=1e-3)


def test_after_a_kill_only_the_missing_chunk_is_computed(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 2)
    extractor = Means()
    whole = features.maps(extractor, photos, "mirror", tmp_path / "cache")
    features.chunk_path(tmp_path / "cache", extractor, "mirror", photos[2:4]).unlink()
    assert (features.maps(extractor, photos, "mirror", tmp_path / "cache") == whole).all()
    assert extractor.asked == 7


def test_another_version_of_an_encoder_shares_nothing(photos, tmp_path):
    one, two = Means(), Means()
    two.version = "2"
    for extractor in (one, two):
        features.maps(extractor, photos, "plain", tmp_path)
    assert two.asked == 5


def test_maps_can_be_derived_from_another_extractors(photos, tmp_path):
    source, target = Means(), Means()
    target.version = "doubled"
    features.derive(source, target, photos, ["plain"], tmp_path, lambda maps: 2 * maps)
    doubled = features.maps(target, photos, "plain", tmp_path)
    assert target.asked == 0
    np.testing.assert_allclose(doubled, 2 * features.maps(source, photos, "plain", tmp_path), rtol=2e-3)


def test_a_view_of_a_photo_is_always_the_same_and_keeps_half_of_it(photos):
    one, again, other = (features.viewed(photos[0], view) for view in ("crop1", "crop1", "crop2"))
    assert np.array_equal(one, again)
    assert one.size != other.size or not np.array_equal(one, other)
    assert 0.4 * 600 <= one.width * one.height <= 600
    assert np.array_equal(np.asarray(features.viewed(photos[0], "mirror"))[:, ::-1], photos[0].picture())
