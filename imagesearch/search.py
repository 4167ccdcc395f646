"""Finding pictures: by words, by what they show, by another picture."""
import base64
import binascii
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from imagesearch import records
from imagesearch.db import Characteristic, Database, Image, Tag, Trait
from imagesearch.describer import Describer
from imagesearch.errors import Invalid, ModelMissing, NotFound
from imagesearch.index import TextIndex, VectorIndex
from imagesearch.index.words import asked, key, last_word, stem, words
from imagesearch.library import Library
from imagesearch.records import Record

Mode = Literal["hybrid", "text", "visual"]
Strictness = Literal["loose", "normal", "strict"]

LONGEST_QUERY = 1000  # characters
MOST_CANDIDATES = 500  # of each ranker that are fused, so a search ends after 500 to 1,000 results
# A text score is the share of the query's information that an image holds, a visual one a calibrated probability,
# a similarity a cosine in the whitened space: of two pictures taken at random 99 in 100 lie below 0.35, and a
# picture's altered copies (cropped, turned, darkened, small) mostly above 0.6.
CUTOFFS: Mapping[str, Mapping[Strictness, float]] = {
    "text": {"loose": 0.2, "normal": 0.38, "strict": 0.62},
    "hybrid": {"loose": 0.3, "normal": 0.45, "strict": 0.65},
    "visual": {"loose": 0.43, "normal": 0.55, "strict": 0.65},
    "similar": {"loose": 0.2, "normal": 0.35, "strict": 0.6},
}
_EXCLUDED = re.compile(r"(?:^|\s)-(\w+)")


@dataclass(frozen=True)
class Filters:
    """What must hold of every result. Colours and actions must hold of one and the same of the subjects."""

    subjects: Sequence[str] = ()
    colours: Sequence[str] = ()
    actions: Sequence[str] = ()
    tags: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.subjects or self.colours or self.actions or self.tags)


@dataclass(frozen=True)
class Cut:
    """Where the results end: a named strictness, or a score; and how many to give from where on."""

    strictness: Strictness = "normal"
    min_score: float | None = None
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True)
class Match:
    """Why an image was found."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    characteristics: list[records.Characteristic] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    image: Record
    score: float
    matched: Match


@dataclass(frozen=True)
class Results:
    """Best first. `total` counts all results above `cutoff`, None where they were not all looked at."""

    hits: list[Hit]
    total: int | None
    cutoff: float
    next: str | None = None


@dataclass(frozen=True)
class _Scored:
    number: int
    score: float
    parts: dict[str, float]
    exact: bool = False  # the caption holds the query word by word: before all others


class Search:
    def __init__(self, database: Database, library: Library, text: TextIndex, similar: VectorIndex,
                 joint: VectorIndex | None, describer: Describer):
        self.database, self.library, self.describer = database, library, describer
        self.text, self.similar, self.joint = text, similar, joint

    def by_text(self, query: str, mode: Mode = "hybrid", filters: Filters = Filters(), cut: Cut = Cut()) -> Results:
        """Words against captions, tags and characteristics, and against the pictures themselves.

        `-word` leaves pictures with that word out. Raises Invalid, and ModelMissing for `visual` without its model.
        """
        wanted, excluded = parse(query)
        with self.database.read() as session:
            allowed = self._allowed(session, filters, excluded)
            scored = self._ranked(session, wanted, mode, allowed)
            kind = mode if scored and "visual" in scored[0].parts else "text"
            return self._page(session, scored, cut, CUTOFFS[kind][cut.strictness], filters, wanted)

    def by_features(self, filters: Filters, cut: Cut = Cut()) -> Results:
        """By characteristics and tags alone, the newest first: what is found fits, so every score is 1."""
        if not filters:
            raise Invalid("give at least one of subject, colour, action and tag", "subject")
        with self.database.read() as session:
            numbers = session.scalars(select(Image.number).where(*_conditions(filters)).order_by(Image.number.desc()))
            scored = [_Scored(n, 1.0, {}) for n in numbers]
            return replace(self._page(session, scored, cut, 0.0, filters), total=len(scored))

    def by_image(self, data: bytes, filters: Filters = Filters(), cut: Cut = Cut()) -> Results:
        """The stored pictures most like the one in the bytes, which is not stored.

        Raises UnsupportedImage, DamagedImage, TooLarge.
        """
        vector = self.describer.vector(self.library.decode(data).image)
        with self.database.read() as session:
            return self._similar(session, vector, filters, cut)

    def similar_to(self, id: str, filters: Filters = Filters(), cut: Cut = Cut()) -> Results:
        """The pictures most like a stored one, itself left out. Raises NotFound."""
        with self.database.read() as session:
            number = session.scalar(select(Image.number).where(Image.id == id))
            if number is None:
                raise NotFound(f"there is no image {id!r}", "id")
            vector = self.similar.vector(session, number)
            if vector is None:  # it still waits to be described
                return self._page(session, [], cut, CUTOFFS["similar"][cut.strictness], filters)
            return self._similar(session, vector, filters, cut, without=number)

    def suggest(self, prefix: str, limit: int = 10) -> list[str]:
        """Completions for a search box: the last word is completed, those before it are kept."""
        typed = words(prefix[:LONGEST_QUERY])
        if not typed or prefix[-1:].isspace():
            return []
        before = prefix[:last_word(prefix[:LONGEST_QUERY])]
        with self.database.read() as session:
            return [before + word for word in self.text.completions(session, typed[-1], limit)]

    # ---- rankers -------------------------------------------------------------------------------------

    def _ranked(self, session: Session, query: str, mode: Mode, allowed: set[int] | None) -> list[_Scored]:
        if mode == "visual" and not self.describer.joint:
            raise ModelMissing("mode=visual needs the joint text-image model: set JOINT to one that GET /models lists, "
                               "or use mode=text", "mode")
        found = {} if mode == "visual" else {
            hit.number: hit for hit in self.text.search(session, query, MOST_CANDIDATES, allowed)}
        joint = self.describer.joint
        vector = joint.embed_text(query) if joint and mode != "text" else None
        if joint is None or self.joint is None or vector is None:
            return [_Scored(h.number, share(h.score), {"text": share(h.score)}, h.phrase) for h in found.values()]
        cosines = dict(self.joint.nearest(session, vector, MOST_CANDIDATES, allowed))
        if len(found) == MOST_CANDIDATES:  # of a common word: what looks right may hold it too
            found |= {hit.number: hit for hit in
                      self.text.search(session, query, MOST_CANDIDATES, cosines.keys() - found.keys())}
        cosines |= self.joint.cosines(session, vector, found.keys() - cosines.keys())
        numbers = list(found.keys() | cosines.keys())
        seen = np.array([cosines.get(n, 0.0) for n in numbers], "float32")
        read = np.array([min(1.0, found[n].score) if n in found else 0.0 for n in numbers], "float32")
        visual = joint.relevance(seen, vector).tolist()
        if mode == "visual":
            return [_Scored(n, p, {"visual": p}) for n, p in zip(numbers, visual, strict=True)]
        own = self._captioned_by_model(session, found.keys())
        fused = joint.fused(read, seen, vector, np.array([n in own for n in numbers])).tolist()
        return [_Scored(n, score, {"text": text, "visual": p}, n in found and found[n].phrase)
                for n, score, text, p in zip(numbers, fused, read.tolist(), visual, strict=True)]

    @staticmethod
    def _captioned_by_model(session: Session, numbers: Collection[int]) -> set[int]:
        """Those of the images whose words are the models' own: they tell less than a person's."""
        return set(session.scalars(select(Image.number).where(
            Image.number.in_(numbers), Image.caption_source == "model")))

    def _similar(self, session: Session, vector: Any, filters: Filters, cut: Cut,
                 without: int | None = None) -> Results:
        allowed = self._allowed(session, filters, [])
        nearest = self.similar.nearest(session, vector, MOST_CANDIDATES + 1, allowed)
        scored = [_Scored(n, min(1.0, max(0.0, c)), {"similar": c}) for n, c in nearest if n != without]
        return self._page(session, scored, cut, CUTOFFS["similar"][cut.strictness], filters)

    def _allowed(self, session: Session, filters: Filters, excluded: Sequence[str]) -> set[int] | None:
        """The numbers the filters leave, None for all."""
        if not filters and not excluded:
            return None
        allowed = set(session.scalars(select(Image.number).where(*_conditions(filters))))
        for word in excluded:
            allowed -= self.text.having(session, word)
        return allowed

    # ---- from scores to a page -----------------------------------------------------------------------

    def _page(self, session: Session, scored: list[_Scored], cut: Cut, floor: float, filters: Filters,
              query: str = "") -> Results:
        floor = floor if cut.min_score is None else cut.min_score
        kept = [s for s in scored if s.exact or s.score >= floor]
        kept.sort(key=_order)
        all_seen = len(scored) < MOST_CANDIDATES or len(kept) < min(len(scored), MOST_CANDIDATES)
        total = len(kept) if all_seen else None
        if cut.cursor:
            after = _position(cut.cursor)
            kept = [s for s in kept if _order(s) > after]
        page = kept[:cut.limit]
        next = _cursor(_order(page[-1])) if len(kept) > cut.limit else None
        return Results(self._hits(session, page, query, filters), total, floor, next)

    def _hits(self, session: Session, scored: Sequence[_Scored], query: str, filters: Filters) -> list[Hit]:
        """The rows of a page, in the page's order; a row deleted meanwhile is left out."""
        images = records.numbered(session, [s.number for s in scored])
        return [Hit(images[s.number], round(1.0 if s.exact else s.score, 4),
                    _match(images[s.number], query, filters, s)) for s in scored if s.number in images]


def parse(query: str) -> tuple[str, list[str]]:
    """What is asked for and the words to leave out. Raises Invalid when nothing is asked."""
    if len(query) > LONGEST_QUERY:
        raise Invalid(f"has {len(query):,} characters; at most {LONGEST_QUERY:,} are taken", "q")
    excluded = _EXCLUDED.findall(query)
    wanted = _EXCLUDED.sub(" ", query)
    if not words(wanted):
        raise Invalid("holds no word to search for", "q")
    return wanted, excluded


def share(bm25: float) -> float:
    """A text index's open-ended score between 0 and 1, in the same order: 0.8 for all words in a usual caption."""
    return 1 - math.exp(-1.6 * bm25)


# ---- characteristics ---------------------------------------------------------------------------------

def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        exists().where(Tag.image_number == Image.number, _names(Tag.key, tag, "tag")) for tag in filters.tags]
    if filters.subjects or filters.colours or filters.actions:
        conditions += [exists().where(Characteristic.image_number == Image.number,
                                      _names(Characteristic.key, subject, "subject")) for subject in filters.subjects]
        conditions.append(exists().where(Characteristic.image_number == Image.number, _bound(filters)))
    return conditions


def _bound(filters: Filters) -> ColumnElement[bool]:
    """One characteristic with one of the subjects, all the colours and all the actions."""
    subjects = [_names(Characteristic.key, subject, "subject") for subject in filters.subjects]
    parts = [or_(*subjects)] if subjects else []
    for kind, values in (("colour", filters.colours), ("action", filters.actions)):
        parts += [exists().where(Trait.characteristic_id == Characteristic.id, Trait.kind == kind,
                                 _names(Trait.key, value, kind)) for value in values]
    return and_(*parts)


def _names(column: InstrumentedAttribute[str], value: str, field: str) -> ColumnElement[bool]:
    """`ball` is named by `ball` and by `tennis ball`, `blue` by `light blue`: the last words count."""
    wanted = key(value)
    if not wanted:
        raise Invalid(f"{value[:40]!r} holds no word to search for", field)
    return or_(column == wanted, column.like(f"% {wanted}"))


def _names_value(kept: str, value: str) -> bool:
    wanted = key(value)
    return kept == wanted or kept.endswith(f" {wanted}")


# ---- why ---------------------------------------------------------------------------------------------

def _match(image: Record, query: str, filters: Filters, scored: _Scored) -> Match:
    query_terms = asked(query)
    texts = [image.caption or "", *(t.name for t in image.tags),
             *(" ".join([c.subject, *(t.value for t in c.traits)]) for c in image.characteristics)]
    held = {stem(word) for text in texts for word in words(text)}
    tags = [t.name for t in image.tags
            if t.key in query_terms or any(_names_value(t.key, tag) for tag in filters.tags)]
    return Match(
        words=[word for term, word in query_terms.items() if term in held], tags=tags,
        characteristics=[c for c in image.characteristics if _matches(c, filters)],
        parts={name: round(value, 4) for name, value in scored.parts.items()})


def _matches(characteristic: records.Characteristic, filters: Filters) -> bool:
    """The characteristic is one that the filters asked for."""
    if not (filters.subjects or filters.colours or filters.actions):
        return False
    traits = [(t.kind, t.key) for t in characteristic.traits]
    return ((not filters.subjects or any(_names_value(characteristic.key, s) for s in filters.subjects))
            and all(any(k == "colour" and _names_value(v, c) for k, v in traits) for c in filters.colours)
            and all(any(k == "action" and _names_value(v, a) for k, v in traits) for a in filters.actions))


# ---- cursors -----------------------------------------------------------------------------------------

def _order(scored: _Scored) -> tuple[int, float, int]:
    """Sorts the exact phrase first, then by score, then the newest first."""
    return (-int(scored.exact), -scored.score, -scored.number)


def _cursor(position: tuple[int, float, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[int, float, int]:
    """Raises Invalid."""
    try:
        exact, score, number = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        return int(exact), float(score), int(number)
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
        raise Invalid("is not one that this service gave out; start without a cursor", "cursor") from error
