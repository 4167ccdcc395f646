from sqlalchemy import select

from imagesearch import records
from imagesearch.annotations import Annotation, Subject
from imagesearch.db import Image
from tests import postgresql

engine = postgresql.either
SAID = Annotation("a black dog and a red car", tags=["pet", "street"],
                  characteristics=[Subject("dog", ["black", "white"], ["run"]), Subject("tree")])


def everything(image):
    """Of a record or of the ORM's object, in its order."""
    plain = [getattr(image, name) for name in records.Record.__slots__ if name in records.IMAGES]
    return (plain, [(t.name, t.key, t.source, t.confidence) for t in image.tags],
            [(c.subject, c.key, c.source, c.values("colour"), c.values("action")) for c in image.characteristics],
            [(c.name, c.hex, c.share) for c in image.colours])


def test_a_record_holds_what_the_orm_gives_in_the_same_order(services, photo):
    added = [services.library.add(photo("chelsea.png"), annotation=SAID), services.library.add(photo("rocket.jpg"))]
    with services.database.read() as session:
        for image in session.scalars(select(Image)):
            assert everything(records.numbered(session, [image.number])[image.number]) == everything(image)
            assert everything(records.with_id(session, image.id)) == everything(image)
        assert [r.id for r in records.newest(session, 9)] == [one.image.id for one in reversed(added)]


def test_what_is_not_there_has_no_record(services):
    with services.database.read() as session:
        assert records.numbered(session, [7]) == {}
        assert records.with_id(session, "a\0b") is None
        assert records.with_id(session, "nothing") is None
        assert records.newest(session, 5) == []


def test_a_record_shown_again_is_as_it_was_last_committed(services, photo):
    recent, library = records.Recent(), services.library
    image = library.add(photo("rocket.jpg")).image

    def shown():
        with services.database.read() as session:
            return recent.numbered(session, [image.number]).get(image.number)

    first = shown()
    assert shown() is first
    library.update(image.id, Annotation("a white rocket"))
    assert shown().caption == "a white rocket"
    library.delete(image.id)
    assert shown() is None


def test_what_an_older_view_reads_is_not_kept_for_those_who_see_more(services, photo):
    recent, library = records.Recent(), services.library
    image = library.add(photo("rocket.jpg")).image
    with services.database.read() as before:
        assert records.numbered(before, [image.number])  # its view of the database begins here
        library.update(image.id, Annotation("a white rocket"))
        with services.database.read() as after:
            assert recent.numbered(after, []) == {}
            assert recent.numbered(before, [image.number])[image.number].caption != "a white rocket"
            assert recent.numbered(after, [image.number])[image.number].caption == "a white rocket"


def test_no_more_records_are_kept_than_it_may(services, photo, monkeypatch):
    monkeypatch.setattr(records.Recent, "MOST", 1)
    recent = records.Recent()
    numbers = [services.library.add(photo(name)).image.number for name in ("rocket.jpg", "chelsea.png")]
    with services.database.read() as session:
        assert list(recent.numbered(session, numbers)) == numbers
        assert len(recent._held) == 1
