import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesearch.index.postings import K1, B, Postings

WORDS = ["dog", "cat", "red", "run", "beach"]
DOUBTED = ["dog", "beach"]
document = st.lists(st.sampled_from(WORDS), max_size=8)


def filled(documents):
    index = Postings()
    for number, terms in documents.items():
        index.put(number, terms, doubted=DOUBTED if number % 2 else ())
    return index


def bm25(documents, query, counted=WORDS):
    """Written out, document by document."""
    usual = sum(map(len, documents.values())) / len(documents)
    having = Counter(term for terms in documents.values() for term in set(terms))
    idf = {t: math.log(1 + (len(documents) - having[t] + 0.5) / (having[t] + 0.5)) for t in query}
    return {number: sum(idf[t] * terms.count(t) * (K1 + 1) / (terms.count(t) + K1 * (1 - B + B * len(terms) / usual))
                        for t in idf if t in counted) / sum(idf.values())
            for number, terms in documents.items() if set(terms) & set(query)}


@given(documents=st.dictionaries(st.integers(1, 50), document.filter(len), min_size=1),
       query=st.lists(st.sampled_from([*WORDS, "unicorn"]), min_size=1))
def test_scores_are_bm25_over_the_idf_asked_for(documents, query):
    found = filled(documents).search(query)
    assert dict(zip(found.numbers.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
        bm25(documents, query), rel=1e-4)
    doubted = {number: bm25(documents, query, [t for t in query if t in DOUBTED]).get(number, 0) if number % 2 else 0
               for number in found.numbers.tolist()}
    assert found.doubted * found.scores == pytest.approx(list(doubted.values()), rel=1e-4, abs=1e-6)


@given(changes=st.lists(st.tuples(st.integers(1, 9), st.none() | document.filter(len)), min_size=1))
def test_after_any_changes_it_answers_as_one_made_anew(changes):
    index, documents = Postings(), {}
    for number, terms in changes:
        index.remove(number) if terms is None else index.put(number, terms, DOUBTED if number % 2 else ())
        documents.pop(number, None) if terms is None else documents.update({number: terms})
    ours, anew = index.search(WORDS), filled(documents).search(WORDS)
    assert len(index) == len(documents)
    assert sorted(zip(ours.numbers, ours.scores.round(5), strict=True)) == sorted(
        zip(anew.numbers, anew.scores.round(5), strict=True))


def test_rows_that_died_are_swept_out():
    index = filled({n: ["dog", "red"] for n in range(1500)})
    for animal in ("bird", "cat"):
        for n in range(1, 1500):
            index.put(n, [animal])
    assert set(index.search(["dog"]).numbers) == {0}
    assert len(index.search(["cat"]).numbers) == 1499
    assert not len(index.search(["bird"]).numbers)
    assert len(index._numbers) <= 3000


def test_the_documents_that_have_all_the_terms():
    index = filled({1: ["dog", "red"], 2: ["cat", "dog"], 3: ["dog", "cat", "dog"]})
    assert index.with_all(["dog", "cat"]) == [2, 3]
    assert index.with_all(["cat", "red"]) == index.with_all(["unicorn"]) == index.with_all([]) == []
    index.remove(2)
    assert index.with_all(["dog", "cat"]) == [3]


def test_an_empty_one_finds_nothing():
    assert not len(Postings().search(["dog"]).numbers)
    assert Postings().with_all(["dog"]) == []
    assert Postings().search([]).scores.dtype == np.float32
