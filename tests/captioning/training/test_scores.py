"""Scores against examples worked by hand."""
import numpy as np
import pytest

from captioning.training.scores import CiderD, SentenceBleu, bleu, ranks, recalls


def test_cider_d_of_an_example_worked_by_hand():
    """`a` is in both photos, so its idf is 0; every other n-gram weighs ln 2.

    "a dog sits" against "a dog runs": unigrams dog and sits against dog and runs, cosine 1/2; bigrams "a dog" and
    "dog sits" against "a dog" and "dog runs", 1/2; trigrams 0; no 4-grams, 0. Equal length. 10 · (1/2 + 1/2) / 4.
    """
    cider = CiderD([["A dog runs ."], ["a cat sits"]])
    assert cider.one("a dog sits", 0) == pytest.approx(2.5)
    assert cider.one("A cat sits!", 1) == pytest.approx(7.5)


def test_cider_d_counts_no_word_more_often_than_the_reference_has_it():
    """dog twice is clipped to once: (1 · 1 + 1 · 1) / (√5 · √2) for unigrams; "dog runs" is one bigram of two: 1/2."""
    cider = CiderD([["a dog runs"], ["a cat sits"]])
    assert cider.one("dog dog runs", 0) == pytest.approx(10 / 4 * (2 / np.sqrt(10) + 1 / 2))


def test_cider_d_takes_off_for_length():
    cider = CiderD([["a dog runs"], ["a cat sits"]])  # "a" weighs nothing, so only the length differs in unigrams
    assert cider.one("a dog runs " + "a " * 9, 0) < 0.5 * cider.one("a dog runs", 0)


def test_one_of_the_references_is_scored_against_the_others():
    """`a` and `sits` are in both photos: unigrams dog and runs against dog, 1/√2; pairs 1/2."""
    cider = CiderD([["a dog runs", "a dog sits"], ["a cat sits"]])
    assert cider.others("a dog runs", 0) == pytest.approx(10 / 4 * (1 / np.sqrt(2) + 1 / 2))
    assert cider.others("a cat sits", 1) == 0


def test_bleu_ignores_case_and_punctuation():
    assert bleu(["A dog runs through grass"], [["a dog , runs through grass .", "something else"]]) == [100] * 4


def test_sentence_bleu_of_an_example_worked_by_hand():
    """Two of the three words of "a dog dog" are there, and one of its two pairs, plus one each: √(2/3 · 2/3).

    "dog" alone: its word, and no pair of none, plus one each: 1; the nearest reference is longer by one word.
    """
    one = SentenceBleu([["A dog runs .", "a cat"]])
    assert one.one("a dog dog", 0) == pytest.approx(2 / 3)
    assert one.one("dog", 0) == pytest.approx(np.exp(1 - 2))
    assert one.one("red", 0) == 0


def test_ranks_count_what_stands_above_and_half_of_the_ties():
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.2, 0.2]])
    assert ranks(scores, np.array([2, 0])).tolist() == [1, 1]
    assert recalls(np.array([0, 1, 7, 400])) == {"R@1": 25, "R@5": 50, "R@10": 75, "median rank": 5}
