"""Finding pictures: by words, by what they show, by another picture."""
import base64
import binascii
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from imagesearch import records
from imagesearch.db import Characteristic, Database, Image, Tag, Trait
from imagesearch.describer import Describer
from imagesearch.errors import Invalid, ModelMissing, NotFound
from imagesearch.index import TextIndex, VectorIndex
from imagesearch.index.words import asked, key, last_word, terms, words
from imagesearch.library import Library
from imagesearch.records import Record

Mode = Literal["hybrid", "text", "visual"]
Strictness = Literal["loose", "normal", "strict"]

LONGEST_QUERY = 1000  # characters
MOST_NEAREST = 2000  # pictures that are given for what they look like; all that hold a word are
# A text score is the share of the query's information that an image holds, a visual one a calibrated probability,
# a similarity a cosine in the whitened space: of two pictures taken at random 99 in 100 lie below 0.35, and a
# picture's altered copies (cropped, turned, darkened, small) mostly above 0.6.
CUTOFFS: Mapping[str, Mapping[Strictness, float]] = {
    "text": {"loose": 0.2, "normal": 0.38, "strict": 0.62},
    "hybrid": {"loose": 0.3, "normal": 0.45, "strict": 0.65},
    "visual": {"loose": 0.43, "normal": 0.55, "strict": 0.65},
    "similar": {"loose": 0.2, "normal": 0.35, "strict": 0.6},
}
_EXCLUDED = re.compile(r"(?:^|\s)-(\w\S*)")


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
class _Ranking:
    """Parallel arrays, in no order. `exact`: the caption holds the query word by word, so it goes before all others.

    No image that is not in it has a higher score than `rest`.
    """

    numbers: np.ndarray  # (N,) int64
    scores: np.ndarray  # (N,) float
    exact: np.ndarray  # (N,) bool
    parts: Mapping[str, np.ndarray]  # each (N,)
    rest: float = -math.inf

    def without(self, numbers: Collection[int]) -> "_Ranking":
        kept = ~np.isin(self.numbers, np.fromiter(numbers, "int64", len(numbers)))
        return _Ranking(self.numbers[kept], self.scores[kept], self.exact[kept],
                        {name: values[kept] for name, values in self.parts.items()}, self.rest)


class Search:
    def __init__(self, database: Database, library: Library, text: TextIndex, similar: VectorIndex,
                 joint: VectorIndex | None, describer: Describer):
        self.database, self.library, self.describer = database, library, describer
        self.text, self.similar, self.joint = text, similar, joint
        self._recent = records.Recent()

    def by_text(self, query: str, mode: Mode = "hybrid", filters: Filters = Filters(), cut: Cut = Cut()) -> Results:
        """Words against captions, tags and characteristics, and against the pictures themselves.

        `-word` leaves pictures with that word out. Raises Invalid, and ModelMissing for `visual` without its model.
        """
        wanted, excluded = parse(query)
        with self.database.read() as session:
            ranking = self._ranked(session, wanted, mode, self._allowed(session, filters))
            if excluded:
                ranking = ranking.without(self.text.having(session, excluded))
            kind = mode if "visual" in ranking.parts else "text"
            return self._page(session, ranking, cut, CUTOFFS[kind][cut.strictness], filters, wanted)

    def by_features(self, filters: Filters, cut: Cut = Cut()) -> Results:
        """By characteristics and tags alone, the newest first: what is found fits, so every score is 1."""
        if not filters:
            raise Invalid("give at least one of subject, colour, action and tag", "subject")
        with self.database.read() as session:
            numbers = np.array(self._fitting(session, filters), "int64")
            return self._page(session, _ranking(numbers, np.ones(len(numbers))), cut, 0.0, filters)

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
                return self._page(session, _nothing(), cut, CUTOFFS["similar"][cut.strictness], filters)
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

    def _ranked(self, session: Session, query: str, mode: Mode, allowed: Sequence[int] | None) -> _Ranking:
        if mode == "visual" and not self.describer.joint:
            raise ModelMissing("mode=visual needs the joint text-image model: set JOINT to one that GET /models lists, "
                               "or use mode=text", "mode")
        joint = self.describer.joint
        vector = joint.embed_text(query) if joint and mode != "text" else None
        if joint is None or self.joint is None or vector is None:
            if mode == "visual":  # no word of the query is known to the model
                return _nothing()
            found = self.text.search(session, query, allowed)
            scores = share(found.scores)
            return _Ranking(found.numbers, scores, found.phrase, {"text": scores})
        if mode == "visual":
            numbers, cosines = self.joint.nearest(session, vector, MOST_NEAREST, allowed)
            scores = joint.scale(vector).relevance(cosines)
            return _ranking(numbers, scores, _last(session, self.joint, scores), visual=scores)
        found = self.text.search(session, query, allowed)
        near, cosines = self.joint.nearest(session, vector, MOST_NEAREST, allowed, also=found.numbers)
        numbers = _union(near, found.numbers)
        cosine, words, generated, exact = (np.zeros(len(numbers), kind) for kind in ("float32",) * 3 + (bool,))
        cosine[np.searchsorted(numbers, near)] = cosines
        held = np.searchsorted(numbers, found.numbers)
        words[held], generated[held], exact[held] = np.minimum(found.scores, 1), found.generated, found.phrase
        scale = joint.scale(vector)
        parts = {"text": words, "visual": scale.relevance(cosine)}
        last = _last(session, self.joint, cosines)  # what is left out holds no word and looks less like it
        rest = last if math.isinf(last) else float(scale.fused(0.0, last))
        return _Ranking(numbers, scale.fused(words, cosine, generated), exact, parts, rest)

    def _similar(self, session: Session, vector: Any, filters: Filters, cut: Cut,
                 without: int | None = None) -> Results:
        numbers, cosines = self.similar.nearest(session, vector, MOST_NEAREST, self._allowed(session, filters))
        scores = np.clip(cosines, 0, 1)
        ranking = _ranking(numbers, scores, _last(session, self.similar, scores), similar=cosines)
        ranking = ranking if without is None else ranking.without([without])
        return self._page(session, ranking, cut, CUTOFFS["similar"][cut.strictness], filters)

    def _allowed(self, session: Session, filters: Filters) -> Sequence[int] | None:
        """The numbers the filters leave, None for all."""
        return self._fitting(session, filters) if filters else None

    @staticmethod
    def _fitting(session: Session, filters: Filters) -> Sequence[int]:
        return session.scalars(select(Image.number).where(*_conditions(filters))).all()

    # ---- from scores to a page -----------------------------------------------------------------------

    def _page(self, session: Session, ranking: _Ranking, cut: Cut, floor: float, filters: Filters,
              query: str = "") -> Results:
        floor = floor if cut.min_score is None else cut.min_score
        kept = np.flatnonzero(ranking.exact | (ranking.scores >= floor))
        total = len(kept) if ranking.rest < floor else None
        order = _order(ranking, kept)
        if cut.cursor:
            left = _after(order, _position(cut.cursor))
            kept, order = kept[left], [column[left] for column in order]
        first = np.lexsort(order[::-1])[:cut.limit]
        next = _cursor([column[first[-1]].item() for column in order]) if len(kept) > cut.limit else None
        return Results(self._hits(session, ranking, kept[first], query, filters), total, floor, next)

    def _hits(self, session: Session, ranking: _Ranking, page: np.ndarray, query: str, filters: Filters) -> list[Hit]:
        """The rows of a page, in the page's order; a row deleted meanwhile is left out."""
        numbers = ranking.numbers[page].tolist()
        images = self._recent.numbered(session, numbers)
        scores = np.where(ranking.exact[page], 1.0, ranking.scores[page]).tolist()
        parts = [{name: round(values[i].item(), 4) for name, values in ranking.parts.items()} for i in page]
        wanted = asked(query)
        return [Hit(images[number], round(score, 4), _match(images[number], wanted, filters, own))
                for number, score, own in zip(numbers, scores, parts, strict=True) if number in images]


def parse(query: str) -> tuple[str, list[str]]:
    """What is asked for and the words to leave out. Raises Invalid when nothing is asked."""
    if len(query) > LONGEST_QUERY:
        raise Invalid(f"has {len(query):,} characters; at most {LONGEST_QUERY:,} are taken", "q")
    excluded = _EXCLUDED.findall(query)
    wanted = _EXCLUDED.sub(" ", query)
    if not words(wanted):
        raise Invalid("holds no word to search for", "q")
    return wanted, excluded


def share(bm25: np.ndarray) -> np.ndarray:
    """A text index's open-ended score between 0 and 1, in the same order: 0.8 for all words in a usual caption."""
    return 1 - np.exp(-1.6 * bm25)


def _ranking(numbers: np.ndarray, scores: np.ndarray, rest: float = -math.inf, **parts: np.ndarray) -> _Ranking:
    """One without captions."""
    return _Ranking(numbers, scores, np.zeros(len(numbers), bool), parts, rest)


def _nothing() -> _Ranking:
    return _ranking(np.empty(0, "int64"), np.empty(0))


def _union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As `np.union1d`, which hashes: 0.2 ms for 4,000 numbers that are sorted in a tenth of it."""
    both = np.sort(np.concatenate([a, b]))
    return both[np.concatenate([[True], both[1:] != both[:-1]])] if len(both) else both


def _last(session: Session, index: VectorIndex, nearest: np.ndarray) -> float:
    """The lowest of the `MOST_NEAREST` highest; less than any where there are not so many, as all were given then."""
    if len(nearest) < MOST_NEAREST or index.count(session) <= MOST_NEAREST:
        return -math.inf
    return float(np.partition(nearest, -MOST_NEAREST)[-MOST_NEAREST])


# ---- characteristics ---------------------------------------------------------------------------------

def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Image.number.in_(select(Tag.image_number).where(_names(Tag.key, tag, "tag"))) for tag in filters.tags]
    several = filters.subjects if len(filters.subjects) > 1 else ()  # of a single one `_bound` says it all
    shown = [_names(Characteristic.key, subject, "subject") for subject in several]
    if filters.subjects or filters.colours or filters.actions:
        shown.append(_bound(filters))
    return conditions + [Image.number.in_(select(Characteristic.image_number).where(one)) for one in shown]


def _bound(filters: Filters) -> ColumnElement[bool]:
    """One characteristic with one of the subjects, all the colours and all the actions."""
    subjects = [_names(Characteristic.key, subject, "subject") for subject in filters.subjects]
    parts = [or_(*subjects)] if subjects else []
    for kind, values in (("colour", filters.colours), ("action", filters.actions)):
        parts += [Characteristic.id.in_(select(Trait.characteristic_id).where(
            Trait.kind == kind, _names(Trait.key, value, kind))) for value in values]
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

def _match(image: Record, query_terms: Mapping[str, str], filters: Filters, parts: dict[str, float]) -> Match:
    keys = [*(t.key for t in image.tags), *(c.key for c in image.characteristics),
            *(t.key for c in image.characteristics for t in c.traits)]
    held = {*terms(image.caption or ""), *" ".join(keys).split()}  # a key is a text's terms
    tags = [t.name for t in image.tags
            if t.key in query_terms or (filters.tags and any(_names_value(t.key, tag) for tag in filters.tags))]
    return Match(
        words=[word for term, word in query_terms.items() if term in held], tags=tags,
        characteristics=[c for c in image.characteristics if filters and _matches(c, filters)], parts=parts)


def _matches(characteristic: records.Characteristic, filters: Filters) -> bool:
    """The characteristic is one that the filters asked for."""
    if not (filters.subjects or filters.colours or filters.actions):
        return False
    traits = [(t.kind, t.key) for t in characteristic.traits]
    return ((not filters.subjects or any(_names_value(characteristic.key, s) for s in filters.subjects))
            and all(any(k == "colour" and _names_value(v, c) for k, v in traits) for c in filters.colours)
            and all(any(k == "action" and _names_value(v, a) for k, v in traits) for a in filters.actions))


# ---- cursors -----------------------------------------------------------------------------------------

def _order(ranking: _Ranking, kept: np.ndarray) -> list[np.ndarray]:
    """Columns that rise from the exact phrase to others, from the highest score, from the newest."""
    return [-ranking.exact[kept].astype("int64"), -ranking.scores[kept].astype("float64"), -ranking.numbers[kept]]


def _after(order: list[np.ndarray], position: tuple[int, float, int]) -> np.ndarray:
    """Where the rows are that come after a position."""
    after = np.zeros(len(order[0]), bool)
    for column, value in zip(reversed(order), reversed(position), strict=True):
        after = (column > value) | ((column == value) & after)
    return np.flatnonzero(after)


def _cursor(position: Sequence[int | float]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[int, float, int]:
    """Raises Invalid."""
    try:
        exact, score, number = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        return int(exact), float(score), int(number)
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
        raise Invalid("is not one that this service gave out; start without a cursor", "cursor") from error
