"""A tag is taught through HTTP; other images follow; and it is taken back."""
import io
from dataclasses import replace

import pytest
from PIL import Image, ImageOps
from sqlalchemy import delete, select

from imagesearch.db import Lesson, Vector
from imagesearch.index.exact import ExactIndex
from tests import postgresql
from tests.imagesearch.web.asking import refused, send

engine = postgresql.either


def upload(client, data, **fields):
    return send(client, data, "photo.png", **fields).json


def tags(client, id):
    return {tag["name"]: tag["source"] for tag in client.get(f"/images/{id}").json["tags"]}


def feedback(client, id, **said):
    return client.post(f"/images/{id}/feedback", json=said)


@pytest.fixture
def cat(client, photo):
    return upload(client, photo("chelsea.png"))["id"]


@pytest.fixture
def twin(client, photo):
    """The same cat in a mirror: another image to the library, alike to the taggers."""
    out = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(photo("chelsea.png")))).save(out, "PNG")
    return upload(client, out.getvalue())["id"]


@pytest.fixture
def cup(client, photo):
    return upload(client, photo("coffee.png"))["id"]


def test_a_new_tag_is_learnt_from_one_example_and_a_look_alike_gains_it(client, cat, twin, cup):
    answer = feedback(client, cat, add=["Chelsea"]).json
    assert tags(client, cat)["Chelsea"] == "user"
    assert tags(client, twin)["chelsea"] == "model"
    assert "chelsea" not in tags(client, cup)
    assert [(c["tag"], c["gained"]) for c in answer["changes"]] == [("chelsea", 1)]


def test_what_followed_a_lesson_is_found_by_its_tag_and_by_its_word(client, cat, twin):
    feedback(client, cat, add=["chelsea"])
    for query in ("/search/features?tag=chelsea", "/search?q=chelsea&mode=text"):
        assert {r["image"]["id"] for r in client.get(query).json["results"]} == {cat, twin}


def test_a_lesson_taken_back_leaves_things_as_they_were(client, cat, twin):
    before = tags(client, cat), tags(client, twin)
    lesson = feedback(client, cat, add=["chelsea"]).json["lessons"][0]["id"]
    client.delete(f"/lessons/{lesson}")
    assert (tags(client, cat), tags(client, twin)) == before
    refused(client.delete(f"/lessons/{lesson}"), 404)
    assert client.get("/lessons").json["lessons"] == []


@pytest.mark.parametrize("second", [True, False])
def test_an_older_lesson_taken_back_leaves_what_a_later_one_says(client, cat, second):
    older = [feedback(client, cat, add=["chelsea"]), feedback(client, cat, tag="chelsea", correct=second)]
    feedback(client, cat, add=["chelsea"])
    for answer in reversed(older):
        client.delete(f"/lessons/{answer.json['lessons'][0]['id']}")
    assert tags(client, cat)["chelsea"] == "user"


def test_a_rejected_tag_goes_and_stays_away(client, cat, twin):
    feedback(client, cat, add=["chelsea"])
    feedback(client, twin, tag="chelsea", correct=False)
    feedback(client, cat, tag="chelsea", correct=True)
    assert "chelsea" not in tags(client, twin)
    assert "chelsea" not in [t["name"] for t in client.get(f"/images/{twin}/tags/suggested").json["tags"]]


def test_a_persons_tag_is_never_removed_by_a_model(client, cat, twin):
    client.patch(f"/images/{twin}", json={"tags": ["chelsea"]})
    lesson = feedback(client, cat, add=["chelsea"]).json["lessons"][0]["id"]
    client.delete(f"/lessons/{lesson}")
    assert tags(client, twin)["chelsea"] == "user"


def test_a_patch_of_the_tags_teaches_and_can_be_undone(client, cat, twin):
    given = client.get(f"/images/{cat}").json["tags"]
    client.patch(f"/images/{cat}", json={"tags": [*given, "chelsea"]})
    assert tags(client, twin)["chelsea"] == "model"
    lesson = client.get("/lessons", query_string={"image": cat}).json["lessons"][0]
    assert (lesson["tag"], lesson["correct"]) == ("chelsea", True)
    client.delete(f"/lessons/{lesson['id']}")
    assert "chelsea" not in tags(client, cat) | tags(client, twin)


def test_a_patch_of_the_tags_is_taken_before_the_taggers_have_seen_the_image(client, services, cat):
    tagging = services.library.tagging
    tagging.pictures = ExactIndex(tagging.pictures.space)  # as after a change of models, before `reindex`
    with services.database.write() as session:
        session.execute(delete(Vector))
    answer = client.patch(f"/images/{cat}", json={"tags": ["chelsea"]})
    assert (answer.status_code, [tag["name"] for tag in answer.json["tags"]]) == (200, ["chelsea"])


def test_lessons_outlive_their_image_and_reach_what_is_uploaded_later(client, cat, photo):
    feedback(client, cat, add=["chelsea"])
    client.delete(f"/images/{cat}")
    again = upload(client, photo("chelsea.png"))
    assert "chelsea" in [tag["name"] for tag in again["tags"]]
    assert client.get("/lessons").json["lessons"][0]["image"] is None


def test_an_image_deleted_with_its_lessons_leaves_the_others_as_if_it_had_taught_nothing(client, services, cat, twin):
    before = tags(client, twin)
    feedback(client, cat, add=["chelsea"], remove=["dog"])
    assert "chelsea" in tags(client, twin)
    assert client.delete(f"/images/{cat}?lessons=forget").status_code == 204
    refused(client.get(f"/images/{cat}"), 404)
    assert tags(client, twin) == before
    assert client.get("/search?q=chelsea&mode=text").json["results"] == []
    assert client.get("/lessons").json["lessons"] == []
    with services.database.read() as session:  # nor is it said anywhere what they were of
        rows = session.scalars(select(Lesson)).all()
    assert {(row.image_number, row.name, row.key, row.vector) for row in rows} == {(None, "", "", b"")}


@pytest.mark.parametrize("query", ["", "?lessons=keep"])
def test_an_image_deleted_without_its_lessons_leaves_the_others_what_they_gained(client, cat, twin, query):
    feedback(client, cat, add=["chelsea"])
    client.delete(f"/images/{cat}{query}")
    assert tags(client, twin)["chelsea"] == "model"


def test_what_a_person_and_another_images_lesson_say_stays_when_lessons_are_forgotten(client, cat, twin, cup):
    for id in (cat, cup):
        feedback(client, id, add=["chelsea"])
    client.delete(f"/images/{cat}?lessons=forget")
    assert tags(client, cup)["chelsea"] == "user"
    assert [lesson["image"] for lesson in client.get("/lessons").json["lessons"]] == [cup]


def test_lessons_are_forgotten_only_at_the_version_asked_for_and_only_by_the_right_word(client, cat, twin):
    feedback(client, cat, add=["chelsea"])
    refused(client.delete(f"/images/{cat}?lessons=forget", headers={"If-Match": '"old"'}), 412)
    refused(client.delete(f"/images/{cat}?lessons=all"), 422)
    assert tags(client, twin)["chelsea"] == "model"


@pytest.mark.parametrize("undone", [False, True])
def test_another_process_forgets_what_it_had_learnt_and_never_learns_it_anew(settings, client, cat, twin, undone):
    from imagesearch.bootstrap import build

    learnt, late = build(settings), build(settings)
    lesson = feedback(client, cat, add=["chelsea"]).json["lessons"][0]["id"]
    assert knows(learnt, "chelsea")
    if undone:
        client.delete(f"/lessons/{lesson}")
    client.delete(f"/images/{cat}?lessons=forget")
    assert not knows(learnt, "chelsea")
    assert not knows(late, "chelsea")
    for other in (learnt, late):
        other.database.engine.dispose()


def knows(services, tag):
    with services.database.read() as session:
        return services.library.tagging.knows(session, tag)


def test_lessons_are_forgotten_where_no_tagger_is_set(settings, client, cat):
    from imagesearch.bootstrap import build

    feedback(client, cat, add=["chelsea"])
    untagged = build(replace(settings, tagger="none"))
    untagged.teaching.forget(cat)
    untagged.database.engine.dispose()
    assert client.get("/lessons").json["lessons"] == []


def test_another_process_has_learnt_it_too(settings, client, cat, twin):
    from imagesearch.bootstrap import build

    other = build(settings)
    assert "chelsea" not in [s.name for s in other.teaching.suggestions(twin)]
    feedback(client, cat, add=["chelsea"])
    lesson = other.teaching.lessons(1)[0][0]
    assert "chelsea" in other.library.tagging._fresh(other.database.read().__enter__()).names
    other.teaching.undo(lesson.id)
    assert "chelsea" not in tags(client, twin)
    other.database.engine.dispose()


@pytest.mark.parametrize(("said", "field"), [
    ({}, ""), ({"tag": "dog"}, ""), ({"tag": "zyzzy", "correct": True}, "tag"), ({"remove": ["zyzzy"]}, "remove"),
    ({"add": ["dog"], "remove": ["dogs"]}, "add"), ({"add": ["x" * 10_000]}, "add"), ({"add": "dog"}, "add"),
    ({"add": [""]}, "add"), ({"add": ["!!!"]}, "add"), ({"tag": "!!!", "correct": True}, "tag"),
    ({"tag": "dog", "correct": "yes"}, "correct"), ({"nonsense": 1}, "nonsense"),
])
def test_feedback_that_makes_no_sense_is_refused_and_teaches_nothing(client, cat, said, field):
    errors = refused(feedback(client, cat, **said), 422)["errors"]
    assert any(e["field"].startswith(field) for e in errors)
    assert client.get("/lessons").json["lessons"] == []


def test_feedback_on_an_unknown_image_is_not_found(client):
    refused(feedback(client, "nothing", add=["dog"]), 404)
