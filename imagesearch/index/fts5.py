"""SQLite's FTS5 as the text index, ranked in memory."""
import threading
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from sqlalchemy import text as sql
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from imagesearch.commits import Cached
from imagesearch.index import TextHits, Texts
from imagesearch.index.postings import Postings
from imagesearch.index.words import STOP_WORDS, asked, terms, words

STEMMED = "{caption tags characteristics} : "
MOST_TERMS = 32  # of a query that are scored
PUT = sql("REPLACE INTO words (rowid, caption, tags, characteristics, spelt) VALUES (:n, :c, :t, :h, :s)")
CHANGED = sql("REPLACE INTO words_changes (image_number) VALUES (:n)")
GIVEN = ("SELECT key FROM tags WHERE image_number = c.image_number AND source = 'user' UNION ALL "
         "SELECT key FROM characteristics WHERE image_number = c.image_number AND source = 'user' UNION ALL "
         "SELECT t.key FROM traits t JOIN characteristics s ON s.id = t.characteristic_id "
         "WHERE s.image_number = c.image_number AND s.source = 'user'")  # beside a caption, what a person has said
CHANGES = sql("SELECT c.id, c.image_number, w.caption, w.tags, w.characteristics, "
              "i.caption_source = 'model' AS generated, "
              f"(SELECT group_concat(key, ' ') FROM ({GIVEN})) AS given FROM words_changes c "
              "LEFT JOIN words w ON w.rowid = c.image_number LEFT JOIN images i ON i.number = c.image_number "
              "WHERE c.id > :seen ORDER BY c.id")
MATCHING = sql("SELECT rowid FROM words WHERE words MATCH :match")


class FTS5Index:
    """The table `words`: one row an image, each column its terms with spaces between, and `spelt` as written.

    FTS5 knows beginnings, what holds a word, and whether it is whole. Its ranking takes 3 ms for two frequent words
    among 7,000 images, and 14 for three among 200,000, as it looks up the length of every match. So the terms are held
    in memory too: a cache that takes in the rows of `words_changes` newer than the last it has seen, as the vector
    index does.
    """

    def __init__(self) -> None:
        self._lock, self._cached = threading.Lock(), Cached()
        self._seen = 0
        self._postings = Postings()
        self._captions: dict[int, str] = {}  # image number → its caption's terms, with spaces around each

    def put(self, session: Session, images: Mapping[int, Texts]) -> None:
        connection = session.connection()
        if images:
            connection.execute(PUT, [dict(zip("ncths", [number, *_columns(*texts)], strict=True))
                                     for number, texts in images.items()])
            connection.execute(CHANGED, [{"n": number} for number in images])

    def remove(self, session: Session, number: int) -> None:
        session.execute(sql("DELETE FROM words WHERE rowid = :n"), {"n": number})
        session.execute(CHANGED, {"n": number})

    def search(self, session: Session, text: str, among: Collection[int] | None = None) -> TextHits:
        with self._lock:
            self._take_in(session)
            found = self._postings.search(list(asked(text))[:MOST_TERMS])
            phrases = self._with_phrase(terms(text))
        hits = TextHits(found.numbers, found.scores, np.isin(found.numbers, phrases), found.doubted)
        return hits if among is None else hits.only(np.isin(found.numbers, np.fromiter(among, "int64", len(among))))

    def having(self, session: Session, texts: Sequence[str]) -> set[int]:
        phrases = dict.fromkeys(" ".join(terms(text)) for text in texts)
        match = f"{STEMMED}({' OR '.join(map(_quoted, phrases))})"
        return set(session.connection().execute(MATCHING, {"match": match}).scalars()) if phrases else set()

    def completions(self, session: Session, prefix: str, limit: int) -> list[str]:
        rows = session.execute(
            sql("SELECT term FROM words_spelt WHERE term >= :p AND term < :q AND col = 'spelt' ORDER BY doc DESC "
                "LIMIT :l"), {"p": prefix, "q": prefix + "\U0010ffff", "l": limit + len(STOP_WORDS)})
        return [row.term for row in rows if row.term not in STOP_WORDS][:limit]

    def count(self, session: Session) -> int:
        with self._lock:
            self._take_in(session)
            return len(self._postings)

    def numbers(self, session: Session) -> set[int]:
        return {row.rowid for row in session.execute(sql("SELECT rowid FROM words"))}

    def holds(self, session: Session, number: int, caption: str, tags: str, characteristics: str) -> bool:
        row = session.execute(sql("SELECT caption, tags, characteristics, spelt FROM words WHERE rowid = :n"),
                              {"n": number}).first()
        return row is not None and list(row) == _columns(caption, tags, characteristics)

    def is_sound(self, session: Session) -> bool:
        try:
            session.execute(sql("INSERT INTO words (words) VALUES ('integrity-check')"))
            return True
        except DatabaseError:
            return False

    def rebuild(self, session: Session) -> None:
        session.execute(sql("INSERT INTO words (words) VALUES ('rebuild')"))

    def _with_phrase(self, order: Sequence[str]) -> list[int]:
        """The images whose caption has these terms in this order; none for a single one, which every hit holds."""
        if len(order) < 2:
            return []
        phrase = _spaced(" ".join(order))
        return [number for number in self._postings.with_all(order) if phrase in self._captions[number]]

    def _take_in(self, session: Session) -> None:
        if self._cached.is_right(session):
            return
        for row in session.connection().execute(CHANGES, {"seen": self._seen}):
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


def _columns(caption: str, tags: str, characteristics: str) -> list[str]:
    """The row of one image, in the table's order."""
    return [*(" ".join(terms(text)) for text in (caption, tags, characteristics)),
            " ".join(words(f"{caption} {tags} {characteristics}"))]


def _spaced(terms: str) -> str:
    return f" {terms} "


def _quoted(terms: str) -> str:
    """Terms as an FTS5 string: inside one, nothing is syntax (and a term holds no quotation mark)."""
    return f'"{terms}"'
