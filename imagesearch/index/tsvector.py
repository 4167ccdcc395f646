"""PostgreSQL's tsvector as the text index, ranked in memory."""
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import bindparam
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from imagesearch.index import TextHits, Texts
from imagesearch.index.held import HeldTerms, changes, columns
from imagesearch.index.words import STOP_WORDS, terms

LARGEST = 900_000  # bytes of the terms of an image that go into its tsvector, which holds a million at the most
PUT = sql("INSERT INTO words (image_number, caption, tags, characteristics, spelt, terms) "
          "VALUES (:n, :c, :t, :h, :s, CAST(:v AS tsvector)) ON CONFLICT (image_number) DO UPDATE SET "
          + ", ".join(f"{name} = EXCLUDED.{name}" for name in ("caption", "tags", "characteristics", "spelt", "terms")))
AGAIN = "ON CONFLICT (image_number) DO UPDATE SET id = EXCLUDED.id"
CHANGED = sql(f"INSERT INTO words_changes (image_number) VALUES (:n) {AGAIN}")
CHANGES = changes("image_number", "string_agg")
MATCHING = sql("SELECT image_number, caption, tags, characteristics FROM words WHERE terms @@ CAST(:match AS tsquery)")
HELD = sql("SELECT caption, tags, characteristics, spelt FROM words WHERE image_number = :n")
SPELT = sql("SELECT spelt FROM words WHERE image_number IN :numbers").bindparams(bindparam("numbers", expanding=True))
COUNTED = ("SELECT word, count(*) AS images FROM (SELECT DISTINCT image_number, "
           "string_to_table(spelt, ' ') COLLATE \"C\" AS word FROM words) each WHERE word <> '' GROUP BY word")


class TsvectorIndex:
    """The table `words`: one row an image, with its terms in three columns and in a tsvector; and `words_spelt`: in
    how many images each word is, as it is written.

    A GIN index over the tsvector knows what holds words. Their order is looked at here, as a tsvector knows 256 places
    of a word and 16,383 of a text. PostgreSQL's ranking knows nothing of how rare a word is, so the terms are held in
    memory too, as with SQLite: both rank alike.
    """

    def __init__(self) -> None:
        self._held = HeldTerms(CHANGES)

    def put(self, session: Session, images: Mapping[int, Texts]) -> None:
        if images:
            rows = {number: columns(*texts) for number, texts in images.items()}
            _recount(session, list(rows), [spelt for *_, spelt in rows.values()])
            connection = session.connection()
            connection.execute(PUT, [dict(zip("ncthsv", [number, *row, _tsvector(row[:3])], strict=True))
                                     for number, row in rows.items()])
            connection.execute(CHANGED, [{"n": number} for number in rows])

    def remove(self, session: Session, number: int) -> None:
        _recount(session, [number], [])
        session.execute(sql("DELETE FROM words WHERE image_number = :n"), {"n": number})
        session.execute(CHANGED, {"n": number})

    def clear(self, session: Session) -> None:
        session.execute(sql(f"INSERT INTO words_changes (image_number) SELECT image_number FROM words {AGAIN}"))
        session.execute(sql("DELETE FROM words_spelt"))
        session.execute(sql("DELETE FROM words"))

    def search(self, session: Session, text: str, among: Collection[int] | None = None) -> TextHits:
        return self._held.search(session, text).among(among)

    def having(self, session: Session, texts: Sequence[str]) -> set[int]:
        phrases = {" ".join(terms(text)) for text in texts} - {""}
        alone = [_quoted(phrase) for phrase in phrases if " " not in phrase]
        found = {row.image_number for row in _matching(session, " | ".join(alone))}
        for phrase in (phrase for phrase in phrases if " " in phrase):
            rows = _matching(session, " & ".join(map(_quoted, phrase.split())))
            found.update(row.image_number for row in rows if any(f" {phrase} " in f" {text} " for text in row[1:]))
        return found

    def completions(self, session: Session, prefix: str, limit: int) -> list[str]:
        rows = session.execute(sql("SELECT word FROM words_spelt WHERE word >= :p AND word < :q "
                                   "ORDER BY images DESC, word LIMIT :l"),
                               {"p": prefix, "q": prefix + "\U0010ffff", "l": limit + len(STOP_WORDS)})
        return [row.word for row in rows if row.word not in STOP_WORDS][:limit]

    def count(self, session: Session) -> int:
        return self._held.count(session)

    def numbers(self, session: Session) -> set[int]:
        return set(session.scalars(sql("SELECT image_number FROM words")))

    def holds(self, session: Session, number: int, caption: str, tags: str, characteristics: str) -> bool:
        row = session.execute(HELD, {"n": number}).first()
        return row is not None and list(row) == columns(caption, tags, characteristics)

    def is_sound(self, session: Session) -> bool:
        """Whether the words are counted right; PostgreSQL itself sees to the rest."""
        return session.scalar(sql(f"SELECT count(*) FROM ({COUNTED}) now FULL JOIN words_spelt USING (word, images) "
                                  "WHERE now.word IS NULL OR words_spelt.word IS NULL")) == 0

    def rebuild(self, session: Session) -> None:
        session.execute(sql("DELETE FROM words_spelt"))
        session.execute(sql(f"INSERT INTO words_spelt (word, images) {COUNTED}"))
        session.execute(sql("REINDEX INDEX words_by_term"))


def _matching(session: Session, match: str) -> Sequence[Any]:
    """The images that a tsquery holds of, with their texts."""
    return session.connection().execute(MATCHING, {"match": match}).all() if match else ()


def _recount(session: Session, numbers: Sequence[int], spelt: Iterable[str]) -> None:
    """Before images, by their numbers, get other words: counts these in and those out that they had."""
    change = Counter(word for text in spelt for word in set(text.split()))
    for before in session.scalars(SPELT, {"numbers": numbers}):
        change.subtract(set(before.split()))
    changed = {word: count for word, count in change.items() if count}
    session.execute(sql("INSERT INTO words_spelt (word, images) "
                        "SELECT * FROM unnest(CAST(:words AS text[]), CAST(:counts AS integer[])) "
                        "ON CONFLICT (word) DO UPDATE SET images = words_spelt.images + EXCLUDED.images"),
                    {"words": list(changed), "counts": list(changed.values())})
    if fewer := [word for word, count in changed.items() if count < 0]:  # of a new image none
        session.execute(sql("DELETE FROM words_spelt WHERE images <= 0 AND word = ANY(:words)"), {"words": fewer})


def _tsvector(texts: Sequence[str]) -> str:
    """One of all terms, without their places."""
    held = [_quoted(term) for term in dict.fromkeys(" ".join(texts).split())]
    ends = np.cumsum([len(one.encode()) + 1 for one in held])
    return " ".join(held[:int(np.searchsorted(ends, LARGEST))])


def _quoted(term: str) -> str:
    """Inside of it nothing is syntax, and a term holds neither a quotation mark nor a backslash."""
    return f"'{term}'"
