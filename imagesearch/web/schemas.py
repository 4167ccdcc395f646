"""The JSON that goes in and out: the contract's shapes, from which `/openapi.json` is made."""
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Self

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from captioning.registry import Card
from imagesearch import db, records, search
from imagesearch.annotations import LONGEST_CAPTION, LONGEST_VALUE, MOST_VALUES, Annotation, Subject, values
from imagesearch.records import Shown
from imagesearch.teaching import Taught

# ---- what comes in ---------------------------------------------------------------------------------------------------

class Parameters(BaseModel):
    """Of a query string. A name that is not known is an error: `color=red` must not search for everything."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _once(cls, value: Any, info: ValidationInfo) -> Any:
        """Of two values where one is taken flask-openapi3 passes on the first, and says nothing of the other."""
        times = len(request.args.getlist(str(info.field_name)))
        if times > 1 and not isinstance(value, list):
            raise PydanticCustomError("repeated", "is given {times} times, and takes one value", {"times": times})
        return value

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """flask-openapi3 asks for it at every request; making it anew took 0.4 ms."""
        return super().model_json_schema(*args, **kwargs)


def _may_be_left_out(schema: dict[str, Any]) -> None:
    """A query string cannot say null."""
    schema.update(schema.pop("anyOf")[0])
    del schema["default"]


Value = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_VALUE)]
Values = Annotated[list[Value], Field(default_factory=list, max_length=20)]
Limit = Annotated[int, Field(20, ge=1, le=100, description="How many to give.")]
Cursor = Annotated[str | None, Field(
    None, min_length=1, max_length=500, description="Where to go on, from `next`.", json_schema_extra=_may_be_left_out)]


class ImagePath(BaseModel):
    id: str = Field(description="The image's `id`.")


class PageQuery(Parameters):
    limit: Limit
    cursor: Cursor


class FilterQuery(Parameters):
    """Colours and actions must hold of one and the same of the subjects."""

    subject: Values = Field(description="Shows this, for example `dog`. May repeat; each must be there.")
    colour: Values = Field(description="The subject has this colour. May repeat; all must hold.")
    action: Values = Field(description="The subject does this; `running` finds `run`. May repeat; all must hold.")
    tag: Values = Field(description="Has this tag. May repeat; all must hold.")

    def filters(self) -> search.Filters:
        return search.Filters(self.subject, self.colour, self.action, self.tag)


class CutQuery(FilterQuery, PageQuery):
    strictness: search.Strictness = Field("normal", description="Moves the query's own cut-off.")
    min_score: float | None = Field(
        None, ge=0, le=1, description="Replaces the query's own cut-off.", json_schema_extra=_may_be_left_out)

    def cut(self) -> search.Cut:
        return search.Cut(self.strictness, self.min_score, self.limit, self.cursor)


class TextQuery(CutQuery):
    q: str = Field(description="Words. `-word` leaves images with that word out. No punctuation is an error.",
                   json_schema_extra={"minLength": 1, "maxLength": search.LONGEST_QUERY})
    mode: search.Mode = Field("hybrid", description="`text`: captions, tags and characteristics. `visual`: the "
                                                    "pictures themselves, by the joint model. `hybrid`: both.")


class SuggestQuery(Parameters):
    q: str = Field(description="What is typed so far; its last word is completed.")


class ThumbnailQuery(Parameters):
    size: int = Field(256, ge=64, le=1024, description="Longer side in pixels, at most.")


class DeleteQuery(Parameters):
    lessons: Literal["keep", "forget"] = Field("keep", description="What becomes of what it taught the taggers.")


class _Given(BaseModel):
    """Strict: a number is not taken for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class GivenCharacteristic(_Given):
    """One subject of the picture, with the colours and actions that hold of it. Each needs a letter, a digit or an
    emoji: `!!!` is refused."""

    subject: str = Field(max_length=LONGEST_VALUE, examples=["dog"])
    subject_colours: list[str] | None = Field(None, max_length=MOST_VALUES, examples=[["brown"]])
    subject_actions: list[str] | None = Field(None, max_length=MOST_VALUES, examples=[["run"]])
    source: Literal["user", "caption"] = Field("user", description="As the service gave it; a new one is the user's.")

    def subject_of(self) -> Subject:
        return Subject(self.subject, self.subject_colours or (), self.subject_actions or (),
                       self.source == "caption")


class GivenTag(_Given):
    """Its name alone will do. It needs a letter, a digit or an emoji: `!!!` is refused."""

    name: str = Field(max_length=LONGEST_VALUE, examples=["dog"])
    source: Literal["user", "model"] = Field("user", description="As the service gave it; a new one is the user's.")
    confidence: float | None = Field(None, description="As the service gave it; not taken.")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given


def _or_names(schema: dict[str, Any]) -> None:
    tags = schema["anyOf"][0]
    tags["items"] = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE}, tags["items"]]}


class ImagePatch(_Given):
    """A JSON merge patch (RFC 7396): what is left out stays, a list replaces the list."""

    caption: str | None = Field(None, max_length=LONGEST_CAPTION, description="`null`: write a new one.")
    tags: list[GivenTag] | None = Field(None, max_length=MOST_VALUES, description="`null`: none.",
                                        json_schema_extra=_or_names)
    characteristics: list[GivenCharacteristic] | None = Field(
        None, max_length=MOST_VALUES, description="`null`: none.")

    def annotation(self) -> Annotation:
        """What a person says; `tags: null` says that there are none."""
        given = self.model_fields_set
        return Annotation(
            caption=self.caption,
            tags=[t.name for t in self.tags or () if t.source == "user"] if "tags" in given else None,
            characteristics=([c.subject_of() for c in self.characteristics or ()]
                             if "characteristics" in given else None),
            kept_tags=[t.name for t in self.tags or () if t.source == "model"])

    @property
    def recaption(self) -> bool:
        return "caption" in self.model_fields_set and self.caption is None


class Feedback(_Given):
    """`tag` with `correct`, or `add` and `remove`. A tag needs a letter, a digit or an emoji: `!!!` is refused."""

    tag: str | None = Field(None, min_length=1, max_length=LONGEST_VALUE, examples=["dog"])
    correct: bool | None = None
    add: list[Value] = Field([], max_length=MOST_VALUES, examples=[["puppy"]])
    remove: list[Value] = Field([], max_length=MOST_VALUES, examples=[["cat"]])

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.tag is None) != (self.correct is None):
            raise ValueError("`tag` and `correct` belong together")
        if self.tag is None and not self.add and not self.remove:
            raise ValueError("give `tag` with `correct`, or `add` or `remove`")
        return self

    def tags(self) -> tuple[list[str], list[str]]:
        """Those said to be right, and those said to be wrong; trimmed, each once. Raises Invalid."""
        add, remove = values(self.add, "add"), values(self.remove, "remove")
        one = [] if self.tag is None else values([self.tag], "tag")
        return (values([*add, *one], "add"), remove) if self.correct else (add, values([*remove, *one], "remove"))

    def must_be_known(self) -> list[str]:
        """Only `add` may name a new tag."""
        return [*self.remove, *([] if self.tag is None else [self.tag])]


class LessonQuery(Parameters):
    limit: Limit
    below: int | None = Field(None, ge=1, lt=2**63, description="Go on below this lesson.",
                              json_schema_extra=_may_be_left_out)
    image: str | None = Field(None, max_length=100, description="Only those of this image.",
                              json_schema_extra=_may_be_left_out)


class LessonPath(BaseModel):
    lesson: int = Field(ge=1, lt=2**63, description="The lesson's `id`.")


File = Annotated[str, Field(json_schema_extra={"format": "binary"})]


class UploadForm(BaseModel):
    """The parts of an upload."""

    model_config = ConfigDict(extra="forbid")

    image: list[File] = Field(min_length=1, description="JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC, by content. "
                                                        "May repeat; `image_file` is the same.")
    caption: str = Field("", max_length=LONGEST_CAPTION, description="The user's own; then none is generated.")
    characteristics: str = Field("", description="JSON: a list of `GivenCharacteristic`.",
                                 json_schema_extra={"contentMediaType": "application/json"},
                                 examples=['[{"subject": "dog", "subject_colours": ["brown"]}]'])
    tags: str = Field("", description="Separated by commas. Each needs a letter, a digit or an emoji.",
                      examples=["dog, garden"])


class QueryForm(BaseModel):
    """The picture to compare with."""

    model_config = ConfigDict(extra="forbid")

    image: File = Field(description="Of the same kinds as an upload; it is not stored. `image_file` is the same.")


# ---- what goes out ---------------------------------------------------------------------------------------------------

class Answer(BaseModel):
    def response(self, status: int = 200, **headers: str) -> Response:
        return Response(self.model_dump_json(), status, {k.replace("_", "-"): v for k, v in headers.items()},
                        mimetype="application/json")


# A page has some 350 of these three: as plain dictionaries they are checked with their image, in one call each.

class Tag(TypedDict):
    name: str
    source: Literal["user", "model"]
    confidence: Annotated[float | None, Field(description="Of the model; null for a person's.")]


class Characteristic(TypedDict):
    subject: str
    subject_colours: list[str]
    subject_actions: list[str]
    source: Literal["user", "caption"]


class Colour(TypedDict):
    name: str
    hex: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
    share: Annotated[float, Field(ge=0, le=1, description="Of the picture's area.")]


def _characteristics(kept: Iterable[db.Characteristic | records.Characteristic]) -> list[Characteristic]:
    return [{"subject": c.subject, "subject_colours": c.values("colour"), "subject_actions": c.values("action"),
             "source": c.source} for c in kept]  # type: ignore[typeddict-item]


class Image(Answer):
    """A stored picture and what is known of it."""

    id: str
    url: str
    file_url: str
    thumbnail_url: str
    audio_url: str
    filename: str = Field(description="The client's name, made safe to show.")
    caption: str | None
    caption_source: Literal["user", "model"] | None
    caption_model: str | None = Field(description="`NAME@VERSION` of the captioner, where it wrote the caption.")
    status: Literal["ready", "pending", "failed"]
    tags: list[Tag]
    characteristics: list[Characteristic]
    colours: list[Colour]
    format: str
    width: int = Field(description="Upright, in pixels.")
    height: int
    bytes: int
    sha256: str = Field(description="Of the original file.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, image: Shown) -> Self:
        url = f"{request.script_root}/images/{image.id}"
        return cls(
            id=image.id, url=url, file_url=f"{url}/file", thumbnail_url=f"{url}/thumbnail", audio_url=f"{url}/audio",
            filename=image.filename, caption=image.caption, caption_model=image.caption_model,
            caption_source=image.caption_source, status=image.status,  # type: ignore[arg-type]
            tags=[{"name": t.name, "source": t.source, "confidence": t.confidence}  # type: ignore[typeddict-item]
                  for t in image.tags],
            characteristics=_characteristics(image.characteristics),
            colours=[{"name": c.name, "hex": c.hex, "share": c.share} for c in image.colours],
            format=image.format, width=image.width, height=image.height, bytes=image.bytes, sha256=image.sha256,
            created_at=image.created_at, updated_at=image.updated_at)


class Origin(Answer):
    """A place on the web that an image was fetched from, and what was said of it there."""

    url: str
    title: str | None
    author: str | None
    licence: str | None = Field(description="As it was given, for example `CC BY-SA 4.0`.")
    licence_url: str | None
    page: str | None = Field(description="Where a person can look at it.")
    fetched_at: datetime

    @classmethod
    def of(cls, kept: db.Origin) -> Self:
        return cls(url=kept.url, title=kept.title, author=kept.author, licence=kept.licence,
                   licence_url=kept.licence_url, page=kept.page, fetched_at=kept.fetched_at)


class Origins(Answer):
    origins: list[Origin]


class Listing(Answer):
    images: list[Image]
    total: int
    next: str | None = Field(description="Address of the next page, null at the end.")


class Matched(Answer):
    """Why an image was found."""

    words: list[str] = Field(description="Words of the query that the image's texts hold.")
    tags: list[str]
    characteristics: list[Characteristic]
    parts: dict[str, float] = Field(description="Each ranker's own score: `text`, `visual`, `similar`.")


class Result(Answer):
    image: Image
    score: float = Field(ge=0, le=1)
    matched: Matched

    @classmethod
    def of(cls, hit: search.Hit) -> Self:
        why = hit.matched
        return cls(image=Image.of(hit.image), score=hit.score, matched=Matched(
            words=why.words, tags=why.tags, parts=why.parts,
            characteristics=_characteristics(why.characteristics)))


class Results(Answer):
    """Best first; nothing below `cutoff`."""

    results: list[Result]
    total: int | None = Field(description="All results, not only this page's; null where they were not all looked at.")
    cutoff: float
    next: str | None = Field(description="Address of the next page, null at the end.")
    took_ms: float

    @classmethod
    def of(cls, found: search.Results, next: str | None, seconds: float) -> Self:
        return cls(results=[Result.of(hit) for hit in found.hits], total=found.total, cutoff=found.cutoff, next=next,
                   took_ms=round(seconds * 1000, 2))


class Suggestions(Answer):
    suggestions: list[str]


class SuggestedTag(Answer):
    name: str
    confidence: float = Field(ge=0, le=1)


class SuggestedTags(Answer):
    tags: list[SuggestedTag]


class Lesson(Answer):
    """That a tag is right, or wrong, for an image."""

    id: int
    image: str | None = Field(description="Null where the image has been deleted: what it taught stays.")
    tag: str
    correct: bool
    created_at: datetime

    @classmethod
    def of(cls, lesson: db.Lesson, image_id: str | None) -> Self:
        return cls(id=lesson.id, image=image_id, tag=lesson.name, correct=lesson.correct, created_at=lesson.created_at)


class LessonList(Answer):
    lessons: list[Lesson]


class Change(Answer):
    """How many other images gained and lost a tag."""

    tag: str
    gained: int
    lost: int


class Lessons(Answer):
    """What was learnt, or taken back, and what came of it."""

    image: Image | None
    lessons: list[Lesson]
    changes: list[Change]

    @classmethod
    def of(cls, taught: Taught) -> Self:
        image = None if taught.image is None else Image.of(taught.image)
        return cls(image=image, lessons=[Lesson.of(lesson, image.id if image else None) for lesson in taught.lessons],
                   changes=[Change(tag=c.name, gained=len(c.gained), lost=len(c.lost)) for c in taught.changes])


class FieldError(Answer):
    field: str
    message: str


class Problem(Answer):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(description="The fields at fault.")
    request_id: str | None = Field(description="The request's, as in the header `X-Request-ID` and in the log.")


class UploadResult(Answer):
    """One file of several: an image, or the problem with it."""

    filename: str
    status: int
    image: Image | None = None
    problem: Problem | None = None


class UploadResults(Answer):
    results: list[UploadResult]


class Health(Answer):
    status: Literal["alive", "ready"]


class Model(Answer):
    """A model's card."""

    name: str
    kind: str
    version: str
    in_use: bool
    dimension: int
    data: str = Field(description="What it was trained on.")
    split: str
    command: str = Field(description="What made it.")
    scores: dict[str, Any] = Field(description="Its measured quality.")
    licence: str
    file: str
    sha256: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, card: Card, in_use: bool) -> Self:
        return cls(in_use=in_use, **vars(card))


class Models(Answer):
    models: list[Model]
