"""Words and their ids."""
import pytest

from captioning.vocabulary import END, PAD, START, UNKNOWN, Vocabulary, words_of

VOCABULARY = Vocabulary.of(["A dog runs .", "a dog sleeps", "A cat!"], least=2)


def test_words_lose_case_and_punctuation_but_keep_what_is_inside_them():
    assert words_of("A man 's T-shirt , \"red\" .") == ["a", "man's", "t-shirt", "red"]


def test_rare_words_are_left_out_and_frequent_ones_come_first():
    assert VOCABULARY.words[4:] == ("a", "dog")


def test_an_encoded_caption_has_its_marks_and_its_padding():
    assert VOCABULARY.encode("A dog flies", 6).tolist() == [START, 4, 5, UNKNOWN, END, PAD, PAD]


def test_a_long_caption_loses_its_end():
    assert VOCABULARY.encode("a a a a", 2).tolist() == [START, 4, 4]


def test_decoding_stops_at_the_end():
    assert VOCABULARY.decode([START, 4, 5, END, 4, PAD]) == ["a", "dog"]


def test_a_list_without_the_special_words_is_refused():
    with pytest.raises(ValueError, match="begins with"):
        Vocabulary(("a", "dog"))
