"""The taggers' cache and what becomes of lessons when the models change."""
from sqlalchemy import update

from imagesearch.db import Lesson


def test_lessons_move_with_their_images_into_a_new_encoders_space(services, photo):
    image = services.library.add(photo("chelsea.png")).image
    services.teaching.teach(image.id, ["chelsea"])
    with services.database.write() as session:
        session.execute(update(Lesson).values(space="old@1"))
    services.library.tagging.rolled_back()
    with services.database.read() as session:
        assert "chelsea" not in services.library.tagging.names(session)
    services.teaching.retag()
    with services.database.read() as session:
        assert "chelsea" in services.library.tagging.names(session)


def test_tagging_anew_changes_nothing_when_nothing_has_changed(services, photo):
    services.library.add(photo("chelsea.png"))
    assert services.teaching.retag() == 0


def test_an_unsure_tag_is_no_word_of_the_text_search(services, photo):
    image = services.library.add(photo("chelsea.png")).image
    unsure = [t.name for t in image.tags if t.source == "model" and t.confidence < 0.5]
    words = services.library.searchable(image)[1].split()
    assert not set(unsure) & set(words)
