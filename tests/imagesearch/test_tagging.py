"""The taggers' cache and what becomes of lessons when the models change."""
import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from imagesearch.annotations import Annotation
from imagesearch.db import Lesson


def test_lessons_move_with_their_images_into_a_new_encoders_space(services, photo):
    image = services.library.add(photo("chelsea.png")).image
    services.teaching.teach(image.id, ["chelsea"])
    with services.database.write() as session:
        session.execute(update(Lesson).values(space="old@1"))
    services.library.tagging.forget()
    with services.database.read() as session:
        assert "chelsea" not in services.library.tagging.names(session)
    services.teaching.retag()
    with services.database.read() as session:
        assert "chelsea" in services.library.tagging.names(session)


def test_a_patch_whose_lesson_cannot_be_stored_changes_nothing_and_can_be_sent_again(services, photo, monkeypatch):
    image = services.library.add(photo("chelsea.png")).image

    def locked(*_):
        raise OperationalError("", {}, Exception("database is locked"))
    with monkeypatch.context() as trouble:
        trouble.setattr(services.library.tagging, "retag", locked)  # the last thing done
        with pytest.raises(OperationalError):
            services.teaching.update(image.id, Annotation(tags=["chelsea"]))
    assert services.library.get(image.id).version == image.version
    with services.database.read() as session:
        assert "chelsea" not in services.library.tagging.names(session)
    services.teaching.update(image.id, Annotation(tags=["chelsea"]))
    assert [lesson.name for lesson, _ in services.teaching.lessons(10)][-1] == "chelsea"


def test_tagging_anew_changes_nothing_when_nothing_has_changed(services, photo):
    services.library.add(photo("chelsea.png"))
    assert services.teaching.retag() == 0


def test_an_unsure_tag_is_no_word_of_the_text_search(services, photo):
    image = services.library.add(photo("chelsea.png")).image
    unsure = [t.name for t in image.tags if t.source == "model" and t.confidence < 0.5]
    words = services.library.searchable(image)[1].split()
    assert not set(unsure) & set(words)
