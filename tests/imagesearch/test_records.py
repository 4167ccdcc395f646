from sqlalchemy import select

from imagesearch import records
from imagesearch.annotations import Annotation, Subject
from imagesearch.db import Image

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
        assert records.with_id(session, "nothing") is None
        assert records.newest(session, 5) == []
