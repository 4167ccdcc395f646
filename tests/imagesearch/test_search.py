import pytest
from sqlalchemy import event

from imagesearch.annotations import Annotation, Subject
from imagesearch.bootstrap import build
from imagesearch.errors import Invalid, NotFound
from imagesearch.search import Cut, Filters, parse
from tests import postgresql

engine = postgresql.either
CAPTIONS = {
    "chelsea.png": "an orange cat looks into the camera",
    "coffee.png": "a cup of coffee on a wooden table",
    "rocket.jpg": "a rocket starts from the ground",
    "astronaut.png": "an astronaut smiles in an orange suit",
}


@pytest.fixture
def library(services, photo):
    for name, caption in CAPTIONS.items():
        services.library.add(photo(name), name, Annotation(caption))
    return services.library


@pytest.fixture
def search(services, library):
    return services.search


def found(results):
    return [hit.image.filename for hit in results.hits]


@pytest.mark.parametrize(("query", "first"), [
    ("coffee", "coffee.png"), ("COFFEES!", "coffee.png"), ("starting rockets", "rocket.jpg"),
    ("orange cat", "chelsea.png"), ('cup" OR (coffee*', "coffee.png"), ("an orange suit", "astronaut.png"),
    ("tables of wood", "coffee.png"),
])
def test_words_find_their_picture(search, query, first):
    assert found(search.by_text(query, "text"))[0] == first


@pytest.mark.parametrize("query", ["xyzzy", "qwertz plugh", "blorb zzyzx frobnicate"])
def test_nonsense_finds_nothing(search, query):
    assert found(search.by_text(query)) == []


@pytest.mark.parametrize("query", ["", " ", "-", '"', "(", "*:", "-cat", "\u202e"])
def test_a_query_without_a_word_is_refused(search, query):
    with pytest.raises(Invalid, match="no word"):
        search.by_text(query)


@pytest.mark.parametrize("query", [
    '"', "NEAR(", "*", "-", "AND (", "caption:", "a\0b", "'; DROP TABLE images; --", "{a b}"])
def test_no_punctuation_is_syntax(search, query):
    assert isinstance(found(search.by_text(f"cat {query}", "text")), list)


def test_a_word_with_a_minus_is_left_out(search):
    assert found(search.by_text("orange -cat", "text")) == ["astronaut.png"]


def test_words_to_leave_out_are_asked_for_once_however_often_they_are_given(search, services):
    asked = []
    event.listen(services.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    assert found(search.by_text("orange" + " -cat -Cats -suits" * 50, "text")) == []
    matches = [values for statement, values in asked if "MATCH" in statement or "@@" in statement]
    assert len(matches) == 1
    assert str(matches).count("cat") == 1


def test_the_exact_phrase_comes_first(search, services, photo):
    services.library.add(photo("camera.png"), "camera.png", Annotation("coffee coffee cup cup of coffee"))
    assert found(search.by_text("a cup of coffee"))[0] == "coffee.png"


def test_a_result_says_why_it_was_found(search):
    hit = search.by_text("orange cats").hits[0]
    assert hit.matched.words == ["orange", "cats"]
    assert hit.matched.parts["text"] > 0.5


def test_the_cutoff_can_be_loosened_and_set(search):
    strict, loose = (len(search.by_text("orange rocket", "text", cut=Cut(s)).hits) for s in ("strict", "loose"))
    assert strict < loose
    assert search.by_text("orange", "text", cut=Cut(min_score=0.999)).hits == []


def test_a_cursor_goes_on_where_the_page_ended(search):
    cut = Cut("loose", limit=1)
    first = search.by_text("orange", "text", cut=cut)
    second = search.by_text("orange", "text", cut=Cut("loose", limit=1, cursor=first.next))
    assert sorted(found(first) + found(second)) == ["astronaut.png", "chelsea.png"]
    assert second.next is None


@pytest.mark.parametrize("cursor", ["xyz", "W10", "eyJhIjoxfQ", "WzEsMiwzLDRd", "ä", "W251bGwsMSwxXQ"])
def test_a_made_up_cursor_is_refused(search, cursor):
    with pytest.raises(Invalid, match="cursor"):
        search.by_text("orange", cut=Cut(cursor=cursor))


def test_colour_and_action_must_hold_of_the_same_subject(services, photo):
    services.library.add(photo("coffee.png"), "bound", Annotation("x", characteristics=[
        Subject("car", ["red"], ["parked"]), Subject("dog", ["grey"], ["run"])]))
    def names(**filters):
        return found(services.search.by_features(Filters(**filters)))
    assert names(subjects=["car"], colours=["red"]) == ["bound"]
    assert names(subjects=["dog"], colours=["gray"], actions=["running"]) == ["bound"]
    assert names(subjects=["dog"], colours=["red"]) == []
    assert names(subjects=["DOGS", "cars"]) == ["bound"]
    assert names(colours=["red"], actions=["run"]) == []


def test_the_last_words_of_a_subject_name_it(services, photo):
    services.library.add(photo("coffee.png"), "ball", Annotation("x", characteristics=[Subject("tennis ball")]))
    assert found(services.search.by_features(Filters(["ball"]))) == ["ball"]
    assert found(services.search.by_features(Filters(["tennis balls"]))) == ["ball"]
    assert found(services.search.by_features(Filters(["tennis"]))) == []


def test_filters_narrow_a_text_search(search):
    assert found(search.by_text("orange", filters=Filters(subjects=["cat"]))) == ["chelsea.png"]


def test_a_stored_picture_is_like_itself_and_is_left_out_of_its_own_likes(search, library, photo):
    best = search.by_image(photo("chelsea.png")).hits[0]
    assert (best.image.filename, best.score > 0.99) == ("chelsea.png", True)
    assert "chelsea.png" not in found(search.similar_to(best.image.id, cut=Cut(min_score=0)))


def test_asking_for_what_is_like_an_unknown_picture_says_so(search):
    with pytest.raises(NotFound):
        search.similar_to("nothing")


def test_completions_are_words_of_the_library(search):
    assert search.suggest("coff") == ["coffee"]
    assert {"orange camera", "orange cat"} <= set(search.suggest("orange ca"))
    assert search.suggest("") == []
    assert search.suggest("a cat. coff!") == ["a cat. coffee"]
    assert search.suggest("cat -coff") == ["cat -coffee"]


def test_two_processes_on_one_folder_agree(settings, services, search, photo):
    other = build(settings)
    assert found(other.search.by_image(photo("coffee.png")))[0] == "coffee.png"
    image = other.library.add(photo("camera.png"), "camera.png", Annotation("a man with a camera")).image
    assert found(search.by_text("man camera", "text"))[0] == "camera.png"
    assert found(search.by_image(photo("camera.png")))[0] == "camera.png"
    other.library.delete(image.id)
    assert "camera.png" not in found(search.by_image(photo("camera.png")))
    other.database.engine.dispose()


def test_a_query_is_split_into_what_is_wanted_and_what_is_not():
    assert parse("black dog -cat -red") == ("black dog  ", ["cat", "red"])
    assert parse("dog -cat-red") == ("dog ", ["cat-red"])
    assert parse("a well-known dog") == ("a well-known dog", [])
