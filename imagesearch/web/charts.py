"""A model's measured scores, in the order and the groups in which the page draws them as bars."""
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

MANY = 12  # figures of one name, such as a score for each tag; more are folded away
_PERCENT = re.compile(r"R@\d|BLEU|%")  # names of scores that the field gives in percent
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Figure:
    name: str
    value: float

    @property
    def share(self) -> float | None:
        """How long its bar is; None for one that is no part of a whole, a count for example."""
        whole = 100 if _PERCENT.search(self.name) and self.value > 1 else 1
        return self.value / whole if 0 <= self.value <= whole else None


@dataclass(frozen=True)
class Chart:
    """`groups` hold the many figures of one name, the highest first."""

    figures: list[Figure] = field(default_factory=list)
    groups: dict[str, list[Figure]] = field(default_factory=dict)


def chart(scores: dict[str, Any]) -> Chart:
    found = Chart()
    for name, value in scores.items():
        own = list(figures(value, name))
        if len(own) <= MANY:
            found.figures.extend(own)
        else:
            found.groups[name] = sorted(figures(value), key=lambda figure: -figure.value)
    return found


def figures(scores: Any, name: str = "") -> Iterator[Figure]:
    """Every number of a card's scores, however nested: `{"BLEU-1..4": [a, b, c, d]}` → BLEU-1 … BLEU-4."""
    if isinstance(scores, (int, float)) and not isinstance(scores, bool):
        yield Figure(name, scores)
    elif isinstance(scores, dict):
        for key, value in scores.items():
            yield from figures(value, f"{name}, {key}" if name else str(key))
    elif isinstance(scores, list):
        for label, value in zip(_labels(name, len(scores)), scores, strict=True):
            yield from figures(value, label)


def _labels(name: str, count: int) -> Sequence[str]:
    if (found := _RANGE.search(name)) and int(found[2]) - int(found[1]) + 1 == count:
        return [name[:found.start()] + str(int(found[1]) + i) + name[found.end():] for i in range(count)]
    return [f"{name} ({i + 1})" for i in range(count)]
