"""The terms of all images, held in memory and ranked there: what the text engines share."""
import threading
from collections.abc import Sequence

import numpy as np
from sqlalchemy import TextClause
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from imagesearch.commits import Cached
from imagesearch.index import TextHits
from imagesearch.index.postings import Postings
from imagesearch.index.words import asked, terms, words

MOST_TERMS = 32  # of a query that are scored
GIVEN = ("SELECT key FROM tags WHERE image_number = c.image_number AND source = 'user' UNION ALL "
         "SELECT key FROM characteristics WHERE image_number = c.image_number AND source = 'user' UNION ALL "
         "SELECT t.key FROM traits t JOIN characteristics s ON s.id = t.characteristic_id "
         "WHERE s.image_number = c.image_number AND s.source = 'user'")  # beside a caption, what a person has said


def changes(number: str, joined: str) -> TextClause:
    """The images that were put or removed after the change `:seen`, with their terms now.

    :param number: the column of the table `words` that has the image's number
    :param joined: the engine's function that joins texts
    """
    return sql("SELECT c.id, c.image_number, w.caption, w.tags, w.characteristics, "
               "i.caption_source = 'model' AS generated, "
               f"(SELECT {joined}(key, ' ') FROM ({GIVEN}) said) AS given FROM words_changes c "
               f"LEFT JOIN words w ON w.{number} = c.image_number LEFT JOIN images i ON i.number = c.image_number "
               "WHERE c.id > :seen ORDER BY c.id")


def columns(caption: str, tags: str, characteristics: str) -> list[str]:
    """What the table `words` holds of an image: the terms of each, and all words as they are spelt."""
    return [*(" ".join(terms(text)) for text in (caption, tags, characteristics)),
            " ".join(words(f"{caption} {tags} {characteristics}"))]


class HeldTerms:
    """A cache of the table `words`, which takes in the rows of `words_changes` newer than the last it has seen, as the
    vector index does. Any number of threads may ask."""

    def __init__(self, changes: TextClause) -> None:
        self._changes = changes
        self._lock, self._cached = threading.Lock(), Cached()
        self._seen = 0
        self._postings = Postings()
        self._captions: dict[int, str] = {}  # image number → its caption's terms, with spaces around each

    def search(self, session: Session, text: str) -> TextHits:
        """Every image that holds any of the words."""
        with self._lock:
            self._take_in(session)
            found = self._postings.search(list(asked(text))[:MOST_TERMS])
            phrases = self._with_phrase(terms(text))
        return TextHits(found.numbers, found.scores, np.isin(found.numbers, phrases), found.doubted)

    def count(self, session: Session) -> int:
        with self._lock:
            self._take_in(session)
            return len(self._postings)

    def _with_phrase(self, order: Sequence[str]) -> list[int]:
        """The images whose caption has these terms in this order; none for a single one, which every hit holds."""
        if len(order) < 2:
            return []
        phrase = _spaced(" ".join(order))
        return [number for number in self._postings.with_all(order) if phrase in self._captions[number]]

    def _take_in(self, session: Session) -> None:
        if self._cached.is_right(session):
            return
        for row in session.connection().execute(self._changes, {"seen": self._seen}):
            if row.caption is None:
                self._postings.remove(row.image_number)
                self._captions.pop(row.image_number, None)
            else:
                told, tags = f"{row.caption} {row.characteristics}".split(), row.tags.split()
                given = (row.given or "").split()
                said = given if row.generated else told + given
                self._postings.put(row.image_number, told + tags, {*told, *tags}.difference(said))
                self._captions[row.image_number] = _spaced(row.caption)
            self._seen = row.id
        self._cached.now_right(session)


def _spaced(terms: str) -> str:
    return f" {terms} "
