"""What every text engine and every vector engine must do."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesearch.bootstrap import WORDS
from imagesearch.db import Characteristic, Deletion, Image, Tag, Trait, Vector
from imagesearch.index.exact import ExactIndex
from imagesearch.index.pgvector import PgvectorIndex
from tests import postgresql

engine = postgresql.either
TEXTS = {1: ("a black dog runs", "pet", "dog black run"), 2: ("a white dog and a black cat", "", "dog white cat black"),
         3: ("two men on a beach", "holiday", "man"), 4: ("the black dog runs on a beach of sand", "", "dog black")}


def add_images(session, numbers):
    session.add_all(Image(number=n, id=str(n), sha256=f"{n:064x}", filename="a", format="PNG", width=1, height=1,
                          bytes=1) for n in numbers)
    session.flush()


# ---- words -------------------------------------------------------------------------------------------

@pytest.fixture
def text(engine, database):
    index = WORDS[engine]()
    with database.write() as session:
        for number, columns in TEXTS.items():
            index.put(session, {number: columns})
    return index


@pytest.fixture
def session(database):
    with database.write() as session:
        yield session


def numbers(hits):
    """Phrases first, then the best."""
    return hits.numbers[np.lexsort((-hits.numbers, -hits.scores, ~hits.phrase))].tolist()


def test_words_find_captions_tags_and_characteristics_whatever_their_form(text, session):
    assert set(numbers(text.search(session, "RUNNING dogs"))) >= {1, 4}
    assert numbers(text.search(session, "holidays")) == [3]
    assert numbers(text.search(session, "nonsense")) == []


def test_an_exact_phrase_of_a_caption_comes_first(text, session):
    hits = text.search(session, "black dog")
    assert set(hits.numbers[hits.phrase]) == {1, 4}
    assert not text.search(session, "dog").phrase.any()  # of a single word that would say nothing


def test_the_image_with_most_of_the_words_has_the_highest_score(text, session):
    hits = text.search(session, "black dog beach")
    assert numbers(hits)[0] == 4  # the one that has all three
    assert (hits.scores > 0).all()


def test_a_word_that_no_image_has_lowers_every_score(text, session):
    plain, more = (text.search(session, q).scores.max() for q in ("beach", "beach unicorn"))
    assert more < plain


def test_putting_again_replaces_and_removing_removes(text, session):
    text.put(session, {1: ("a green boat", "", "")})
    assert numbers(text.search(session, "boat")) == [1]
    assert 1 not in numbers(text.search(session, "black dog"))
    text.remove(session, 1)
    text.remove(session, 1)
    assert numbers(text.search(session, "boat")) == []
    assert (text.count(session), text.numbers(session)) == (3, {2, 3, 4})


def test_cleared_it_is_empty_to_whoever_held_it(text, database):
    with database.read() as session:
        assert text.count(session) == 4
    with database.write() as session:
        type(text)().clear(session)
    with database.read() as session:
        assert (text.count(session), text.numbers(session), text.completions(session, "b", 9)) == (0, set(), [])


def test_a_search_for_words_among_some_finds_only_those(text, session):
    assert numbers(text.search(session, "dog", among={4, 77})) == [4]
    assert numbers(text.search(session, "dog", among=set())) == []


def test_a_word_is_whole_with_its_vowel_signs(text, session):
    text.put(session, {5: ("कुत्ता घर", "", "")})
    assert text.having(session, ["कुत्ता"]) == {5}
    assert text.having(session, ["क"]) == set()
    assert text.completions(session, "कुत्", 5) == ["कुत्ता"]


@pytest.mark.parametrize(("query", "number", "generated"), [
    ("run", 1, 1), ("pet", 1, 0), ("black dog", 1, 0), ("beach", 3, 0), ("holiday", 3, 1),
    ("run run pet", 1, pytest.approx(0.5, abs=0.2))])
def test_what_only_a_model_said_is_told_from_what_a_person_said(text, session, query, number, generated):
    add_images(session, [1, 3])
    session.get(Image, 1).caption_source = "model"
    session.get(Image, 3).caption_source = "user"
    session.add_all([Characteristic(image_number=1, subject="dog", key="dog", source="user",
                                    traits=[Trait(kind="colour", value="black", key="black")]),
                     Tag(image_number=1, name="Pet", key="pet", source="user"),
                     Tag(image_number=3, name="holiday", key="holiday", source="model")])
    session.flush()
    text.put(session, {n: TEXTS[n] for n in (1, 3)})
    hits = text.search(session, query)
    assert hits.generated[hits.numbers == number] == generated


def test_words_that_another_process_puts_and_removes_are_seen_by_the_next_search(text, database):
    with database.read() as session:
        assert numbers(text.search(session, "holiday boat")) == [3]
    with database.write() as session:
        other = type(text)()
        other.put(session, {9: ("a boat", "", "")})
        other.remove(session, 3)
    with database.read() as session:
        assert numbers(text.search(session, "holiday boat")) == [9]


def test_it_knows_what_it_holds(text, session):
    assert text.holds(session, 1, *TEXTS[1])
    assert not text.holds(session, 1, "another caption", *TEXTS[1][1:])
    assert not text.holds(session, 9, "", "", "")


def test_it_finds_itself_sound_and_can_be_made_anew(text, session):
    assert text.is_sound(session)
    text.rebuild(session)
    assert text.is_sound(session)
    assert numbers(text.search(session, "holiday")) == [3]


def test_images_having_any_of_some_words_are_told(text, session):
    assert text.having(session, ["dogs"]) == {1, 2, 4}
    assert text.having(session, ["unicorn"]) == text.having(session, []) == set()
    assert text.having(session, ["men", "white-dogs", "runs-dog", "_"]) == {2, 3}


def test_words_that_stand_far_down_are_told_with_their_order(text, session):
    text.put(session, {5: ("x y " * 480 + "x zebra", "", ""), 6: ("y " * 20_000 + "x lion", "", ""),
                       7: ("x", "zebra", "")})
    assert text.having(session, ["x zebra"]) == {5}
    assert text.having(session, ["x lion"]) == {6}


def test_a_very_long_text_is_found(text, session):
    text.put(session, {5: ("lion " + " ".join(f"{n:05}{'w' * 50}" for n in range(30_000)), "", "")})
    assert numbers(text.search(session, "lion")) == [5]
    assert text.having(session, ["lion"]) == {5}


def test_a_beginning_is_completed_with_known_words(text, session):
    assert text.completions(session, "bla", 10) == ["black"]


@pytest.mark.parametrize("query", ['"', "NEAR(a, b)", "dog*", "-dog", "AND (", "caption:dog", "a OR", "dog\0cat",
                                   "'; --", "{caption} : dog", "^dog", "+", "x" * 5000, "dog " * 5000])
def test_no_query_syntax_makes_it_fail(text, session, query):
    text.search(session, query)
    text.having(session, [query])


@settings(max_examples=50)
@given(query=st.text())
def test_no_text_at_all_makes_it_fail(text, session, query):
    text.put(session, {5: (query, query, query)})
    assert text.holds(session, 5, query, query, query)
    text.search(session, query)


# ---- vectors -----------------------------------------------------------------------------------------

each_vector_index = pytest.mark.parametrize(("engine", "make"), [
    ("sqlite", ExactIndex), ("postgresql", ExactIndex), ("postgresql", PgvectorIndex)])


@pytest.fixture
def vectors(database) -> np.ndarray:
    """Five of them, of length 1; the images 1 to 5 are in the space `a@1`."""
    raw = np.random.default_rng(0).normal(size=(5, 8))
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype("float16")
    with database.write() as session:
        add_images(session, range(1, 6))
        put(session, dict(enumerate(unit, 1)))
    return unit.astype("float32")


def put(session, vectors, space="a@1"):
    session.add_all(Vector(image_number=n, space=space, data=np.asarray(v, "float16").tobytes())
                    for n, v in vectors.items())
    session.flush()


@each_vector_index
def test_the_nearest_come_first_with_their_cosines(make, vectors, session):
    numbers, cosines = make("a@1").nearest(session, vectors[2], 3)
    expected = vectors @ vectors[2]
    assert set(numbers) == {int(i) + 1 for i in np.argsort(-expected)[:3]}
    assert cosines == pytest.approx(expected[numbers - 1], abs=1e-6)
    assert cosines.max() == pytest.approx(1, abs=1e-3)


@each_vector_index
def test_a_search_among_some_finds_only_those(make, vectors, session):
    assert set(make("a@1").nearest(session, vectors[0], 9, among={2, 4, 77})[0]) == {2, 4}
    assert not len(make("a@1").nearest(session, vectors[0], 9, among=set())[0])


@each_vector_index
def test_images_asked_for_are_given_beside_the_nearest(make, vectors, session):
    farthest = int(np.argmin(vectors @ vectors[0])) + 1
    numbers, cosines = make("a@1").nearest(session, vectors[0], 1, also=np.array([farthest, 77]))
    assert set(numbers) == {1, farthest}
    assert cosines == pytest.approx((vectors @ vectors[0])[numbers - 1], abs=1e-6)


@each_vector_index
def test_spaces_do_not_meet(make, vectors, session):
    put(session, {1: np.ones(4)}, "b@1")
    assert (make("a@1").count(session), make("b@1").count(session), make("c@1").count(session)) == (5, 1, 0)
    assert not len(make("c@1").nearest(session, np.ones(4), 5)[0])


@each_vector_index
def test_what_another_process_adds_and_deletes_is_seen_by_the_next_search(make, database, vectors):
    index = make("a@1")
    with database.read() as session:
        assert index.count(session) == 5
    with database.write() as session:
        add_images(session, [6])
        put(session, {6: vectors[0]})
        session.add(Deletion(image_number=1))
        session.delete(session.get(Image, 1))
    with database.read() as session:
        assert index.nearest(session, vectors[0], 1)[0] == [6]
        assert index.count(session) == 5


@each_vector_index
def test_a_search_that_began_before_a_deletion_does_not_bring_the_image_back(make, database, vectors):
    index = make("a@1")
    with database.read() as earlier:
        earlier.get(Image, 1)  # its view of the database begins here
        with database.write() as session:
            session.add(Deletion(image_number=5))
            session.delete(session.get(Image, 5))
        with database.read() as session:
            assert index.count(session) == 4
        index.count(earlier)
    with database.read() as session:
        assert 5 not in index.all(session)[0]


@each_vector_index
def test_an_image_encoded_anew_stands_once_at_its_new_place(make, database, vectors):
    index = make("a@1")
    with database.read() as session:
        index.count(session)
    with database.write() as session:
        session.query(Vector).filter_by(image_number=1).delete()
        put(session, {1: vectors[4]})
    with database.read() as session:
        numbers, cosines = index.nearest(session, vectors[4], 5)
    assert cosines[numbers == 1] == pytest.approx([1], abs=1e-3)


@each_vector_index
def test_it_grows_far_beyond_its_first_room(make, database, vectors):
    index = make("a@1")
    many = np.random.default_rng(1).normal(size=(3000, 8))
    with database.write() as session:
        index.count(session)
        add_images(session, range(10, 3010))
        put(session, dict(enumerate(many, 10)))
        assert index.count(session) == 3005
        numbers, cosines = index.nearest(session, many[2000], 3005)
    assert len(set(numbers)) == 3005
    assert cosines[numbers == 2010] == pytest.approx(many[2000] @ many[2000], rel=1e-2)
