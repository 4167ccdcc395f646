"""What a cosine is worth."""
import numpy as np
import pytest

from captioning import registry
from captioning.joint import Joint


@pytest.fixture(scope="module")
def joint() -> Joint:
    if not (registry.MODELS / "joint.json").exists():
        pytest.skip("models/joint.json is not there: python -m captioning.training joint")
    return registry.load("joint")


def test_a_text_without_a_known_word_has_no_vector(joint):
    assert joint.embed_text("xqzt ¿?") is None
    assert joint.embed_text("") is None


def test_a_text_has_a_vector_of_length_one_whatever_its_case(joint):
    one = joint.embed_text("Two DOGS playing!")
    assert one.shape == (joint.dimension,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert (one == joint.embed_text("two dogs playing")).all()


def test_like_texts_lie_nearer_than_unlike_ones(joint):
    dogs, puppies, surfer = map(joint.embed_text, ("two dogs play", "dogs are playing", "a surfer rides a wave"))
    assert dogs @ puppies > dogs @ surfer + 0.2


def test_relevance_and_fused_scores_rise_with_what_they_are_made_of(joint):
    scale, cosines = joint.scale(joint.embed_text("two dogs playing")), np.linspace(-0.2, 0.8, 9, dtype="float32")
    for scores in (scale.relevance(cosines), scale.fused(0.4, cosines),
                   scale.fused(np.linspace(0, 1, 9), 0.3), scale.fused(np.linspace(0, 1, 9), 0.3, True)):
        assert (np.diff(scores) > 0).all()
        assert scores.min() >= 0
        assert scores.max() <= 1
    assert scale.relevance(cosines[0]) < 0.2 < 0.5 < scale.relevance(cosines[-1])


def test_its_file_is_small_and_it_belongs_to_the_encoder_shipped(joint):
    assert (registry.MODELS / joint.card.file).stat().st_size < 10e6
    assert joint.card.settings["encoder_version"] == registry.card(joint.card.settings["encoder"]).version
