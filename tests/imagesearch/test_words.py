import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesearch.index.words import asked, key, stem, terms, words


@pytest.mark.parametrize(("text", "found"), [
    ("Café's", ["cafe", "s"]), ("TWO dogs, running!", ["two", "dogs", "running"]), ("a_b-c", ["a", "b", "c"]),
    ("Straße", ["strasse"]), ("\u00bd ﬁsh", ["1", "2", "fish"]), ("", []), ("!?\"*(", []),
    ("й ё", ["и", "е"]), ("שָׁלוֹם", ["שלום"]), ("مَرْحَبًا", ["مرحبا"]), ("犬が走る", ["犬が走る"]), ("한국어", ["한국어"]),
    ("कुत्ता", ["कुत्ता"]), ("สุนัข วิ่ง", ["สุนัข", "วิ่ง"])])
def test_words_are_folded_and_split_at_everything_else(text, found):
    assert words(text) == found


@pytest.mark.parametrize(("one", "other"), [("ガラス", "カラス"), ("कुत्ता", "काता")])
def test_a_mark_that_makes_another_word_is_no_accent(one, other):
    assert key(one) != key(other)


@pytest.mark.parametrize(("one", "other"), [
    ("running", "run"), ("ran", "run"), ("dogs", "dog"), ("gray", "grey"), ("children", "child"), ("men", "man"),
    ("Colour", "color")])
def test_forms_of_a_word_are_one_term(one, other):
    assert key(one) == key(other)


def test_a_query_is_about_its_words_and_not_about_its_stop_words():
    assert asked("a photo of the running dogs") == {"run": "running", "dog": "dogs"}


def test_a_query_of_stop_words_alone_is_about_them():
    assert list(asked("the")) == ["the"]


def test_a_megabyte_without_a_space_is_one_short_word():
    found, = words("x" * 2**20)
    assert len(found) == 64


@given(st.text())
def test_any_text_becomes_terms_of_letters_and_digits(text):
    assert all(unicodedata.category(c)[0] in "LNM" for term in terms(text) for c in term)
    assert len(words(text)) == len(terms(text))


@given(st.text(max_size=30))
@example("𝔸")
def test_folding_twice_is_folding_once(text):
    assert words(" ".join(words(text))) == words(text)


def test_threads_do_not_disturb_each_others_stemming():
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda n: stem("running" if n % 2 else "houses"), range(2000))) == {"run", "hous"}
