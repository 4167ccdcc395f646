import numpy as np
import pytest

from captioning.similarity import Similarity, pooled, unfitted, unit


@pytest.fixture
def features():
    return np.random.default_rng(0).gamma(1, 1, (5, 7, 7, 16)).astype("float32")


def test_the_generalised_mean_goes_from_mean_to_maximum(features):
    assert pooled(features) == pytest.approx(features.mean((1, 2)))
    assert pooled(features, 30) == pytest.approx(features.max((1, 2)), rel=0.15)
    assert (pooled(features, 2) > pooled(features)).all()


def test_vectors_have_length_one_and_nothing_stays_nothing(features):
    assert np.linalg.norm(unit(features), axis=-1) == pytest.approx(1, abs=1e-6)
    assert (unit(np.zeros((2, 4))) == 0).all()


def test_a_similarity_takes_one_map_or_many(features):
    similarity = Similarity(pooled(features, 2).mean(0), np.eye(16, 8, dtype="float32"), 2.0)
    many = similarity(features)
    assert many.shape == (5, 8)
    assert many.dtype == np.float32
    assert similarity(features[3]) == pytest.approx(many[3], abs=1e-6)
    assert similarity.dimension == 8


def test_a_similarity_reads_back_as_it_was_written(tmp_path, features):
    similarity = Similarity(np.ones(16, "float32"), np.eye(16, 8, dtype="float32"), 3.0)
    np.savez(tmp_path / "s.npz", mean=similarity.mean, projection=similarity.projection, power=3.0)
    assert Similarity.read(tmp_path / "s.npz")(features) == pytest.approx(similarity(features))


def test_unfitted_vectors_do_not_see_brightness_alone(features):
    assert unfitted(features[0] * 3) == pytest.approx(unfitted(features[0]), abs=1e-5)
