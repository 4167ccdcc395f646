"""Vectors here are positive, as an encoder's pooled features are."""

import io
import threading

import numpy as np
import pytest

from captioning.bayes import ENOUGH, NaiveBayes, Space, StatisticsDamaged, fit_space
from captioning.registry import OtherEncoder

WIDTH = 60
ENCODER = ("vgg16", "12345678")


def photos(kind: int, count: int, seed: int = 0, spread: float = 0.1) -> np.ndarray:
    """(count, 60) vectors of photos that look alike: each kind has strong features of its own."""
    rng = np.random.default_rng((kind, seed))
    middle = np.random.default_rng(kind).uniform(0, 2, WIDTH)
    return np.maximum(middle + spread * rng.standard_normal((count, WIDTH)), 0).astype(np.float32) ** 2


@pytest.fixture
def space() -> Space:
    return fit_space(np.concatenate([photos(kind, 3, 99, spread=0.3) for kind in range(100, 300)]), 40, 0.6)


@pytest.fixture
def bayes(space: Space) -> NaiveBayes:
    return NaiveBayes(*ENCODER, space)


def sure(bayes: NaiveBayes, vectors: np.ndarray, tag: str) -> np.ndarray:
    return np.asarray(bayes.log_odds(vectors, [tag])[:, 0])


def test_one_example_teaches_a_new_tag_to_photos_like_it_and_no_others(bayes: NaiveBayes) -> None:
    bayes.learn("puppy", photos(1, 1)[0])
    assert (sure(bayes, photos(1, 5, 1), "puppy") > 0).all()
    assert (sure(bayes, photos(2, 5, 1), "puppy") < 0).all()


def test_saying_it_is_wrong_takes_the_tag_from_photos_like_it(bayes: NaiveBayes) -> None:
    bayes.learn("puppy", photos(1, 1)[0])
    before = sure(bayes, photos(1, 5, 1), "puppy")
    bayes.learn("puppy", photos(1, 1, 2)[0], correct=False)
    assert (sure(bayes, photos(1, 5, 1), "puppy") < before - 1).all()


def test_statistics_are_the_count_mean_and_variance(bayes: NaiveBayes, space: Space) -> None:
    seen = photos(3, 200)
    for vector in seen:
        bayes.learn("cat", vector)
    placed = space(seen.astype(np.float64))
    assert bayes.count("cat") == (200, 0)
    assert bayes._mean[0, 0] == pytest.approx(placed.mean(0), rel=1e-4, abs=1e-5)
    assert bayes._squares[0, 0] / 200 == pytest.approx(placed.var(0), rel=1e-3)


def test_far_from_the_origin_the_variance_does_not_cancel_away(space: Space) -> None:
    away = NaiveBayes(*ENCODER, Space(space.centre - 1e5, np.eye(WIDTH), np.ones(WIDTH)))
    rooted = np.random.default_rng(0).uniform(1, 2, (500, WIDTH))
    for vector in rooted**2:
        away.learn("cat", vector)
    assert away._squares[0, 0] / 500 == pytest.approx(rooted.var(0), rel=1e-5)


def test_many_at_once_is_the_same_as_one_by_one(bayes: NaiveBayes, space: Space) -> None:
    one_by_one = NaiveBayes(*ENCODER, space)
    for vector in photos(3, 30):
        one_by_one.learn("cat", vector)
    bayes.learn_many("cat", photos(3, 30))
    assert sure(bayes, photos(3, 4, 1), "cat") == pytest.approx(sure(one_by_one, photos(3, 4, 1), "cat"), abs=1e-3)


@pytest.mark.parametrize("correct", [True, False])
def test_a_lesson_taken_back_leaves_what_was_there(bayes: NaiveBayes, correct: bool) -> None:
    bayes.learn_many("cat", photos(3, 10))
    before = sure(bayes, photos(3, 5, 1), "cat")
    lessons = photos(4, 100)
    for vector in lessons:
        bayes.learn("cat", vector, correct)
    for vector in lessons[np.random.default_rng(0).permutation(100)]:
        bayes.unlearn("cat", vector, correct)
    assert bayes.count("cat") == (10, 0)
    assert sure(bayes, photos(3, 5, 1), "cat") == pytest.approx(before, abs=1e-3)


def test_a_tag_whose_last_lesson_is_taken_back_is_gone(bayes: NaiveBayes) -> None:
    bayes.learn("dog", photos(2, 1)[0])
    bayes.learn("cat", photos(3, 1)[0])
    bayes.unlearn("dog", photos(2, 1)[0])
    assert bayes.names == ("cat",)
    with pytest.raises(LookupError, match="dog"):
        bayes.unlearn("dog", photos(2, 1)[0])
    with pytest.raises(LookupError, match="cat"):
        bayes.unlearn("cat", photos(3, 1)[0], correct=False)


def test_a_lesson_changes_its_own_tag_alone(bayes: NaiveBayes) -> None:
    for kind in range(5):
        bayes.learn_many(f"kind {kind}", photos(kind, 5))
    before = bayes.log_odds(photos(1, 50, 1))
    bayes.learn("kind 2", photos(1, 1)[0])
    changed = (bayes.log_odds(photos(1, 50, 1)) != before).any(0)
    assert list(changed) == [name == "kind 2" for name in bayes.names]


def test_what_is_shown_most_does_not_become_likelier(bayes: NaiveBayes) -> None:
    pair = photos(1, 2)
    for _ in range(1000):
        bayes.learn_many("often", pair)
    bayes.learn_many("also", photos(2, 2))
    assert bayes.tags(photos(2, 1, 1)[0])[0].name == "also"
    assert bayes.priors.get("often", bayes.bias) == bayes.priors.get("also", bayes.bias)


def test_tags_stop_when_their_probabilities_reach_the_share(bayes: NaiveBayes) -> None:
    for kind in range(8):
        bayes.learn_many(f"kind {kind}", photos(kind, 5))
    for enough in (0.3, 0.6, ENOUGH):
        for vector in np.concatenate([photos(kind, 2, 1, spread=0.5) for kind in range(8)]):
            found = bayes.tags(vector, enough)
            every = bayes.probabilities(bayes.log_odds(vector[None]))[0]
            background = 1 - every.sum()
            told = sum(tag.confidence for tag in found)
            assert told + background >= enough - 1e-6
            assert told - found[-1].confidence < enough if found else background >= enough - 1e-6
            assert [tag.confidence for tag in found] == sorted(every, reverse=True)[: len(found)]


def test_no_score_overflows_however_far_the_picture(bayes: NaiveBayes) -> None:
    bayes.learn_many("cat", photos(3, 5))
    found = bayes.probabilities(bayes.log_odds(np.array([np.zeros(WIDTH), np.full(WIDTH, 1e4), np.full(WIDTH, 1e-9)])))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_identical_examples_do_not_make_a_variance_of_nought(bayes: NaiveBayes) -> None:
    for _ in range(1000):
        bayes.learn("cat", photos(3, 1)[0])
    assert np.isfinite(bayes.log_odds(photos(3, 5, 1))).all()


def test_nothing_learnt_tags_nothing(bayes: NaiveBayes) -> None:
    assert bayes.tags(photos(1, 1)[0]) == []
    assert bayes.log_odds(photos(1, 3)).shape == (3, 0)


@pytest.mark.parametrize("tag", ["", "   ", "x" * 10_000])
def test_a_tag_of_no_or_too_many_characters_is_refused(bayes: NaiveBayes, tag: str) -> None:
    with pytest.raises(ValueError, match="1 to 100 characters"):
        bayes.learn(tag, photos(1, 1)[0])
    assert bayes.names == ()


@pytest.mark.parametrize("vector", [np.ones(WIDTH + 1), np.full(WIDTH, np.nan), np.full(WIDTH, np.inf)])
def test_a_vector_of_another_width_or_without_numbers_is_refused(bayes: NaiveBayes, vector: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"numbers"):
        bayes.learn("cat", vector)
    assert bayes.names == ()


def test_statistics_come_back_from_their_file(bayes: NaiveBayes, space: Space) -> None:
    bayes.learn_many("cat", photos(3, 5))
    bayes.learn("müßig 🐕", photos(2, 1)[0])
    bayes.learn("cat", photos(2, 1)[0], correct=False)
    again = NaiveBayes.read(bayes.export(), ENCODER)
    assert again.names == bayes.names
    assert (again.log_odds(photos(3, 9, 1)) == bayes.log_odds(photos(3, 9, 1))).all()
    again.learn("cat", photos(4, 1)[0])
    assert again.count("cat") == (6, 1)
    assert bayes.count("cat") == (5, 1)


def test_statistics_of_another_encoder_are_refused(bayes: NaiveBayes) -> None:
    with pytest.raises(OtherEncoder, match=r"vgg16@12345678.*xception@1"):
        NaiveBayes.read(bayes.export(), ("xception", "1"))


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "changed", "other arrays"])
def test_a_damaged_file_is_refused(bayes: NaiveBayes, damage: str) -> None:
    bayes.learn_many("cat", photos(3, 5))
    data = bytearray(bayes.export())
    data[data.index(b"count.npy") + 200] ^= 1
    other = io.BytesIO()
    np.savez(other, x=np.ones(3))
    whole = bayes.export()
    damaged = {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"cat,3", "changed": bytes(data),
               "other arrays": other.getvalue()}
    with pytest.raises(StatisticsDamaged):
        NaiveBayes.read(damaged[damage], ENCODER)


def test_lessons_from_several_threads_all_count(bayes: NaiveBayes) -> None:
    def teach(kind: int) -> None:
        for vector in photos(kind, 50):
            bayes.learn("cat", vector)
            bayes.log_odds(vector[None])

    threads = [threading.Thread(target=teach, args=(kind,)) for kind in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bayes.count("cat") == (200, 0)
