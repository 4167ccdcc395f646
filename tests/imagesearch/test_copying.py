import pytest
from sqlalchemy import select

from imagesearch import copying
from imagesearch.annotations import Annotation, Subject
from imagesearch.bootstrap import WORDS, Services, build
from imagesearch.config import Settings
from imagesearch.db import Base, Deletion, open_database, table
from imagesearch.doctor import Doctor
from imagesearch.errors import Invalid
from imagesearch.origins import Source, remember
from tests import postgresql

engine = postgresql.either
KEPT = [one for one in Base.metadata.sorted_tables if one is not table(Deletion)]


@pytest.fixture
def full(services: Services, photo) -> Services:
    """Of each table some rows, one of them taken away again."""
    library, teaching = services.library, services.teaching
    said = Annotation("an orange cat", ["pet"], [Subject("cat", ["orange"])])
    cat = library.add(photo("chelsea.png"), "cat.png", said)
    library.add(photo("rocket.jpg"))
    gone = library.add(photo("coffee.png"))
    taught = teaching.teach(cat.image.id, ["tiger"], ["dog"])
    teaching.undo(taught.lessons[0].id)
    library.delete(gone.image.id)
    services.keys.create("laptop", "read")
    with services.database.write() as session:
        remember(session, cat.image.number, Source("https://example.org/cat", author="Ann"))
    return services


def copy(source: Services, url: str) -> int:
    copied = open_database(url)
    try:
        return sum(copying.copy(source.database, copied, WORDS[copied.engine.dialect.name]()))
    finally:
        copied.engine.dispose()


def rows(services: Services) -> dict[str, list[tuple]]:
    with services.database.read() as session:
        return {one.name: [tuple(row) for row in session.execute(select(one).order_by(*one.primary_key))]
                for one in KEPT}


def test_every_row_arrives_and_the_library_goes_on_there(full, other_url, photo):
    before, found = rows(full), full.search.by_text("orange cat")
    assert all(before.values())
    assert copy(full, other_url) == copying.size(full.database)
    copied = build(Settings(data_dir=full.settings.data_dir, database_url=other_url))
    assert rows(copied) == before
    assert copied.search.by_text("orange cat") == found
    assert list(Doctor(copied.library).examine()) == []
    again = copied.library.add(photo("coffee.png"), annotation=Annotation("a cup of coffee"))
    assert again.image.number > max(number for number, *_ in before["images"])
    assert [hit.image.id for hit in copied.search.by_text("coffee", "text").hits] == [again.image.id]
    assert copied.search.similar_to(again.image.id).hits == full.search.by_image(photo("coffee.png")).hits
    copied.teaching.teach(again.image.id, ["cup"])
    copied.database.engine.dispose()


def test_a_database_with_anything_in_it_is_left_alone(full, other_url):
    other = build(Settings(database_url=other_url))
    other.keys.create("theirs", "read")
    other.database.engine.dispose()
    with pytest.raises(Invalid, match="not empty, it has keys"):
        copy(full, other_url)


def test_a_copy_that_breaks_off_leaves_nothing(full, other_url):
    other = open_database(other_url)
    steps = copying.copy(full.database, other, WORDS[other.engine.dialect.name]())
    next(steps)
    steps.close()
    other.engine.dispose()
    assert copy(full, other_url) == copying.size(full.database)
