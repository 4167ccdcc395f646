from pathlib import Path

import numpy as np
import pytest

from captioning.bayes import NaiveBayes, fit_space
from captioning.registry import OtherEncoder, check_encoder
from captioning.similarity import pooled
from captioning.taggers import Annotator, MultiLabel, Tagger, Teachable, Terms
from tests.captioning.test_bayes import ENCODER, WIDTH, photos

CAPTIONS = ["A black dog runs on the grass .", "Two dogs run", "a girl sits , a dog runs !", "", "xyzzy", "a I"]


def trained(width: int = WIDTH, tags: int = 6, units: int = 8) -> MultiLabel:
    rng = np.random.default_rng(0)
    weights = {
        "mean": rng.random(width), "scale": rng.random(width) + 0.5, "threshold": np.full(tags, 0.5),
        "hidden/kernel": rng.standard_normal((width, units)), "hidden/bias": rng.standard_normal(units),
        "tags/kernel": rng.standard_normal((units, tags)), "tags/bias": rng.standard_normal(tags),
    }  # fmt: skip
    return MultiLabel([f"tag {place}" for place in range(tags)], weights)


@pytest.fixture
def teachable() -> Teachable:
    space = fit_space(np.concatenate([photos(kind, 3, 99, spread=0.3) for kind in range(100, 300)]), 40, 0.6)
    return Teachable(trained(), NaiveBayes(*ENCODER, space))


def test_the_perceptron_is_the_formula_and_tags_reach_their_threshold() -> None:
    tagger, vector = trained(), photos(1, 1)[0]
    w = tagger._w
    hidden = np.maximum((np.sqrt(vector) - w["mean"]) / w["scale"] @ w["hidden/kernel"] + w["hidden/bias"], 0)
    expected = 1 / (1 + np.exp(-(hidden @ w["tags/kernel"] + w["tags/bias"])))
    assert tagger.probabilities(vector)[0] == pytest.approx(expected, abs=1e-5)
    found = tagger.tags(vector)
    assert {tag.name for tag in found} == {f"tag {place}" for place in np.flatnonzero(expected >= 0.5)}
    assert [tag.confidence for tag in found] == sorted((tag.confidence for tag in found), reverse=True)


def test_a_lesson_reaches_photos_like_it_and_can_be_taken_back(teachable: Teachable) -> None:
    lesson, alike, other = photos(1, 1)[0], photos(1, 1, 1)[0], photos(2, 1)[0]
    before = teachable.tags(alike)
    teachable.learn("my puppy", lesson)
    assert "my puppy" in {tag.name for tag in teachable.tags(alike)}
    assert "my puppy" not in {tag.name for tag in teachable.tags(other)}
    teachable.unlearn("my puppy", lesson)
    assert teachable.tags(alike) == before


@pytest.mark.parametrize("correct", [True, False])
def test_a_lesson_corrects_a_trained_tag_where_photos_are_alike(teachable: Teachable, correct: bool) -> None:
    alike, other = photos(1, 5, 1), photos(2, 5, 1)
    tag, names = "tag 3", teachable.names
    before = [teachable.log_odds(vectors, [tag]) for vectors in (alike, other)]
    teachable.learn(tag, photos(1, 1)[0], correct)
    after = [teachable.log_odds(vectors, [tag]) for vectors in (alike, other)]
    assert ((after[0] > before[0] + 1) if correct else (after[0] < before[0] - 1)).all()
    assert (after[1] == before[1]).all()
    assert teachable.names == names


def test_one_column_is_that_column_of_all(teachable: Teachable) -> None:
    teachable.learn("new", photos(1, 1)[0])
    teachable.learn("tag 2", photos(1, 1)[0], correct=False)
    every = teachable.log_odds(photos(1, 7, 1))
    for place, name in enumerate(teachable.names):
        assert teachable.log_odds(photos(1, 7, 1), [name])[:, 0] == pytest.approx(every[:, place], abs=1e-4)


@pytest.mark.parametrize("weighting", ["tfidf", "count"])
def test_captions_become_what_scikit_learn_makes_of_them(weighting: str) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is for training")
    fitted = (text.TfidfVectorizer if weighting == "tfidf" else text.CountVectorizer)().fit(CAPTIONS)
    names = list(fitted.get_feature_names_out())
    weight = fitted.idf_ if weighting == "tfidf" else np.ones(len(names))
    rows = Terms(names, weight, weighting == "tfidf").vectors(CAPTIONS)
    dense = np.stack([rows @ unit for unit in np.eye(len(names))], axis=1)
    assert dense == pytest.approx(fitted.transform(CAPTIONS).toarray(), abs=1e-6)


def annotator() -> Annotator:
    """Feature t of the vector says term t."""
    names = ["black", "dog", "girl", "grass"]
    weights = {"mean": np.zeros(4), "scale": np.ones(4), "kernel": np.eye(4), "bias": np.zeros(4)}
    return Annotator(Terms(names, np.ones(4), True), weights)


def test_the_nearest_caption_is_the_most_alike_and_not_the_farthest() -> None:
    captions = ["a girl", "a black dog", "the dog in the grass", "nothing known"]
    found = annotator().nearest(np.array([1.0, 1.0, 0, 0]), captions, count=4)
    assert [tag.name for tag in found] == ["a black dog", "the dog in the grass", "a girl", "nothing known"]
    assert found[0].confidence == pytest.approx(1, abs=1e-6)
    assert found[-1].confidence == 0


def test_the_top_terms_come_heaviest_first() -> None:
    found = annotator().top(np.array([0.0, 4.0, 1.0, 0.0]), 2)
    assert found == [("dog", 2.0), ("girl", 1.0)]


def test_the_pooled_vector_is_the_mean_over_the_squares() -> None:
    features = np.random.default_rng(0).random((7, 7, 5))
    assert pooled(features) == pytest.approx(features.reshape(49, 5).mean(0))


def test_a_tagger_of_another_encoder_is_refused_with_the_command_that_mends_it() -> None:
    from captioning.registry import Card

    def card(name: str, version: str, **settings: str) -> Card:
        return Card(name, "", version, "", "", 1, "", "", "train it", {}, "", dict(settings))

    made = card("tags-mlp", "1", encoder="vgg16", encoder_version="old")
    check_encoder(made, card("vgg16", "old"))
    with pytest.raises(OtherEncoder, match=r"vgg16@old, here runs vgg16@new.*train it"):
        check_encoder(made, card("vgg16", "new"))


def test_the_registry_knows_every_kind(tmp_path: Path) -> None:
    from captioning.registry import Card

    tagger = trained()
    np.savez(tmp_path / "tags-mlp.npz", **tagger._w)
    card = Card("tags-mlp", "tagger", "1", "tags-mlp.npz", "", 6, "", "", "", {}, "",
                {"tagger": "mlp", "names": list(tagger.names)})
    assert (Tagger.from_card(card, tmp_path).log_odds(photos(1, 2)) == tagger.log_odds(photos(1, 2))).all()
