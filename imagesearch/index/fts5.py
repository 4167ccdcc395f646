"""SQLite's FTS5 as the text index."""
import json
import math
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text as sql
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from imagesearch.index import TextHit
from imagesearch.index.words import STOP_WORDS, asked, terms, words

STEMMED = "{caption tags characteristics} : "
MOST_TERMS = 32  # of a query that are looked up; more words than any caption has


class FTS5Index:
    """The table `words`: one row an image, each column its terms with spaces between, and `spelt` as written."""

    def put(self, session: Session, number: int, caption: str, tags: str, characteristics: str) -> None:
        self.remove(session, number)
        columns = _columns(caption, tags, characteristics)
        session.execute(sql("INSERT INTO words (rowid, caption, tags, characteristics, spelt) "
                            "VALUES (:n, :c, :t, :h, :s)"), dict(zip("ncths", [number, *columns], strict=True)))

    def remove(self, session: Session, number: int) -> None:
        session.execute(sql("DELETE FROM words WHERE rowid = :n"), {"n": number})

    def search(self, session: Session, text: str, limit: int = 500,
               among: Collection[int] | None = None) -> list[TextHit]:
        known = self._known(session, list(asked(text))[:MOST_TERMS])
        if not any(known.values()):
            return []
        images = self.count(session)
        match = STEMMED + "(" + " OR ".join(_quoted(term) for term in _telling(known, images)) + ")"
        phrases = self._matching(session, phrase, "rowid DESC", limit, among) if (phrase := _phrase(text)) else {}
        found = phrases | self._matching(session, match, "rank", limit, among)
        scores = bm25({term: _idf(images, having) for term, having in known.items()}, list(found.values()))
        hits = [TextHit(number, score, number in phrases) for number, score in zip(found, scores, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.phrase, -hit.score, -hit.number))[:limit]

    def having(self, session: Session, word: str) -> set[int]:
        match = STEMMED + _quoted(" ".join(terms(word)))
        return set(session.scalars(sql("SELECT rowid FROM words WHERE words MATCH :m"), {"m": match}))

    def completions(self, session: Session, prefix: str, limit: int) -> list[str]:
        rows = session.execute(
            sql("SELECT term FROM words_spelt WHERE term >= :p AND term < :q AND col = 'spelt' ORDER BY doc DESC "
                "LIMIT :l"), {"p": prefix, "q": prefix + "\U0010ffff", "l": limit + len(STOP_WORDS)})
        return [row.term for row in rows if row.term not in STOP_WORDS][:limit]

    def count(self, session: Session) -> int:
        return session.execute(sql("SELECT count(*) FROM words_docsize")).scalar_one()

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

    def _known(self, session: Session, wanted: Sequence[str]) -> dict[str, int]:
        """Each term with how many images have it."""
        places = ", ".join(f":t{i}" for i in range(len(wanted)))
        rows = session.execute(sql(f"SELECT term, doc FROM words_known WHERE term IN ({places})"),
                               {f"t{i}": term for i, term in enumerate(wanted)})
        return dict.fromkeys(wanted, 0) | {row.term: row.doc for row in rows}

    def _matching(self, session: Session, match: str, order: str, limit: int,
                  among: Collection[int] | None) -> dict[int, str]:
        """Number → terms of the images that an FTS5 query finds."""
        # the plus keeps SQLite from looking up one number after the other
        narrowed = "" if among is None else "AND +rowid IN (SELECT value FROM json_each(:a)) "
        rows = session.execute(
            sql("SELECT rowid AS number, caption || ' ' || tags || ' ' || characteristics AS terms FROM words "
                f"WHERE words MATCH :m {narrowed}ORDER BY {order} LIMIT :l"),
            {"m": match, "l": limit} | ({} if among is None else {"a": json.dumps(list(among))}))
        return {row.number: row.terms for row in rows}


def _telling(known: Mapping[str, int], images: int) -> list[str]:
    """The terms that pick the candidates: without those that over a fifth of a large library has, where a rarer one
    was asked for too. `man` costs most of the time of `man riding a bike` and finds little; the score counts it."""
    held = [term for term, having in known.items() if having]
    rarer = [term for term in held if known[term] <= max(1000, images / 5)]
    return rarer or held


def _phrase(text: str) -> str | None:
    """The FTS5 query for captions that hold the text word by word; None for a single word, which every hit holds."""
    return "caption : " + _quoted(" ".join(terms(text)[:2 * MOST_TERMS])) if len(words(text)) > 1 else None


def _columns(caption: str, tags: str, characteristics: str) -> list[str]:
    """The row of one image, in the table's order."""
    return [*(" ".join(terms(text)) for text in (caption, tags, characteristics)),
            " ".join(words(f"{caption} {tags} {characteristics}"))]


def _quoted(term: str) -> str:
    """A term as an FTS5 string: inside one, nothing is syntax (and a term holds no quotation mark)."""
    return f'"{term}"'


def bm25(idf: Mapping[str, float], documents: Sequence[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """Okapi BM25 (Robertson & Zaragoza 2009) of documents, given as terms with spaces between, over the sum of the
    IDF asked for: about 1 for a document of usual length that has every term once.

    FTS5's own bm25 picks the candidates, but its IDF is nought for a word that half of the images have: in a small
    library `dog` would count for nothing beside `black`. The candidates' mean length stands for the collection's.
    """
    lengths = [document.count(" ") + 1 for document in documents]
    usual, total = sum(lengths) / max(1, len(lengths)), sum(idf.values())
    scores = []
    for document, length in zip(documents, lengths, strict=True):
        spaced, damping, score = f" {document.replace(' ', '  ')} ", k1 * (1 - b + b * length / usual), 0.0
        for term, weight in idf.items():
            if count := spaced.count(f" {term} "):
                score += weight * count * (k1 + 1) / (count + damping)
        scores.append(score / total)
    return scores


def _idf(images: int, having: int) -> float:
    """Lucene's variant, never negative."""
    return math.log(1 + (images - having + 0.5) / (having + 0.5))
