"""Search over held-out photos, and what its scores are fitted to."""
import numpy as np
import pytest

from captioning.joint import Joint
from captioning.training import calibration
from captioning.training.retrieval import Bench, Words
from tests.captioning.tiny import VOCABULARY, card

CAPTIONS = ["a black dog runs over grass", "two dogs play with sand", "the man climbs red rocks"]


class Tower(Joint):
    """Texts get made-up vectors near their photo's."""

    def __init__(self, vectors: dict[str, np.ndarray], reference: np.ndarray):
        self.vectors, self._w, self.vocabulary = vectors, {"reference": reference}, VOCABULARY

    def embed_text(self, text):
        return self.vectors.get(text)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype("float32")


@pytest.fixture(scope="module")
def bench():
    """60 photos; cosines tell a little, words tell more."""
    rng = np.random.default_rng(0)
    images = unit(rng.normal(size=(60, 16)))
    texts = unit(images + 0.35 * rng.normal(size=images.shape))
    words = [f"thing{i}" for i in range(60)]
    queries = [f"one thing{i}" if i % 3 else f"a thing{(i + 1) % 60}" for i in range(60)]  # every third word is wrong
    tower = Tower(dict(zip(queries, texts, strict=True)), unit(rng.normal(size=(200, 16))))
    return Bench(tower, images, [f"some {word} here" for word in words], queries, np.arange(60))


def test_bm25_is_the_share_of_the_querys_information():
    words = Words(CAPTIONS)
    assert words("dogs").tolist() == pytest.approx([1, 1, 0], abs=0.1)  # stemmed; captions of nearly usual length
    assert words("black unicorn")[0] < 0.6
    assert words("black unicorn")[2] == 0
    assert words("the of and").tolist() == [0, 0, 0]
    assert words("").tolist() == [0, 0, 0]


def test_the_fused_ranking_is_better_than_either_alone(bench):
    weights = calibration.ranking_weights([bench], [0, 1, 2, 3])
    fused = bench.recalls(bench.features() @ weights)["R@1"]
    assert fused > max(bench.recalls(bench.words)["R@1"], bench.recalls(bench.cosines)["R@1"])


def test_a_score_of_one_half_parts_what_is_meant_from_what_is_not(bench):
    rng = np.random.default_rng(1)
    nobody = unit(rng.normal(size=(40, 16)))
    absent = Bench(Tower({f"none{i}": v for i, v in enumerate(nobody)}, unit(rng.normal(size=(200, 16)))),
                   unit(rng.normal(size=(60, 16))), ["x"] * 60, [f"none{i}" for i in range(40)], np.zeros(40, int))
    weights = calibration.ranking_weights([bench], [2, 3])
    settings = {"relevance": calibration.scale_and_bias(weights, [bench], absent, rng)}
    tower = Tower({}, unit(rng.normal(size=(200, 16))))
    tower.card = card("joint", **settings)
    right = [float(tower.scale(bench.texts[i]).relevance(bench.cosines[i, i])) for i in range(60)]
    wrong = [float(tower.scale(bench.texts[i]).relevance(bench.cosines[i, i - 1])) for i in range(60)]
    assert np.mean(np.array(right) > 0.5) > 0.8
    assert np.mean(np.array(wrong) < 0.5) > 0.8


def test_a_captioners_words_and_a_persons_are_weighed_apart(bench):
    other = bench.only(np.ones(60, bool))
    other.generated, other.words = True, 0 * bench.words + np.random.default_rng(2).random(bench.words.shape)
    weights = dict(zip(calibration.NAMES, calibration.ranking_weights([bench, other], [0, 1, 2, 3]), strict=True))
    assert weights["words"] > 5 * abs(weights["generated"])


def test_absent_queries_are_of_words_the_library_does_not_have():
    tower = Tower({}, np.zeros((1, 1)))
    queries = calibration.absent_queries(tower, [CAPTIONS], np.random.default_rng(0), count=50)
    assert len(queries) == 50
    assert not {word for query in queries for word in query.split()} & {"dog", "dogs", "man", "sand", "a"}
