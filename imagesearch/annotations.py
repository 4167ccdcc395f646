"""What a person says of a picture, and what may be said."""
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagesearch.errors import Invalid
from imagesearch.index.words import key

LONGEST_CAPTION, LONGEST_VALUE, MOST_VALUES = 2000, 100, 100  # characters, characters, entries of a list


@dataclass(frozen=True)
class Subject:
    """A characteristic as a person gives it; `derived` when they give back one that the service had derived."""

    subject: str
    subject_colours: Sequence[str] = ()
    subject_actions: Sequence[str] = ()
    derived: bool = False


@dataclass(frozen=True)
class Annotation:
    """What a person says of a picture; None says nothing, an empty list says there are none.

    `kept_tags` are the model's that stay the model's where `tags` are given. One that `gives_way` leaves the caption to
    a person who has written one of their own meanwhile: a list of thousands was not written for this picture.
    """

    caption: str | None = None
    tags: Sequence[str] | None = None
    characteristics: Sequence[Subject] | None = None
    kept_tags: Sequence[str] = ()
    gives_way: bool = False

    def __bool__(self) -> bool:
        return any(x is not None for x in (self.caption, self.tags, self.characteristics))


def checked(annotation: Annotation) -> Annotation:
    """The same, trimmed. Raises Invalid, naming the field, the value's size and the limit."""
    caption = None if annotation.caption is None else _text(annotation.caption, "caption", LONGEST_CAPTION)
    tags = None if annotation.tags is None else values(annotation.tags, "tags")
    subjects = None if annotation.characteristics is None else _subjects(annotation.characteristics)
    return replace(annotation, caption=caption, tags=tags, characteristics=subjects)


def _subjects(characteristics: Sequence[Subject]) -> list[Subject]:
    if len(characteristics) > MOST_VALUES:
        raise Invalid(f"{len(characteristics)} characteristics; at most {MOST_VALUES}", "characteristics")
    return [Subject(_value(s.subject, f"characteristics.{i}.subject"),
                    values(s.subject_colours, f"characteristics.{i}.subject_colours"),
                    values(s.subject_actions, f"characteristics.{i}.subject_actions"), s.derived)
            for i, s in enumerate(characteristics)]


def values(given: Sequence[str], where: str) -> list[str]:
    """The same, trimmed, each once. Raises Invalid, naming the field `where`."""
    if len(given) > MOST_VALUES:
        raise Invalid(f"{len(given)} entries; at most {MOST_VALUES}", where)
    kept: dict[str, str] = {}
    for value in given:
        text = _value(value, where)
        kept.setdefault(key(text), text)
    return list(kept.values())


def _value(value: str, where: str) -> str:
    text = _text(value, where, LONGEST_VALUE)
    if not key(text):  # all such would be one and the same
        raise Invalid(f"{text[:40]!r} holds no word or emoji to be found by", where)
    return text


def _text(value: str, where: str, longest: int) -> str:
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise Invalid("is empty", where)
    if len(text) > longest:
        raise Invalid(f"has {len(text):,} characters; at most {longest:,} are taken", where)
    if bad := next((c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"), None):
        raise Invalid(f"holds the control character U+{ord(bad):04X}; remove it", where)
    return text


def display_name(filename: str) -> str:
    """A client's filename as it may be shown: its last part, without control or direction characters."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return shown.strip()[:255] or "image"
