"""A model's measured scores as bars, drawn in SVG by the page's template."""
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imagesearch.web import schemas

ROW, RAIL, LABEL = 26, 420, 250  # units of the drawing: a bar's row, the bar of a score of 1, the space for its name
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Figure:
    """A score. `share` is how much of the rail it fills; None for one that does not lie between 0 and 1."""

    name: str
    value: float

    @property
    def share(self) -> float | None:
        return self.value if 0 <= self.value <= 1 else None


def figures(scores: Any, name: str = "") -> Iterator[Figure]:
    """Every number of a card's scores, however nested: `{"BLEU-1..4": [a, b, c, d]}` → BLEU-1 … BLEU-4."""
    if isinstance(scores, bool) or scores is None:
        return
    if isinstance(scores, (int, float)):
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


@dataclass(frozen=True)
class Plot:
    bars: list[Figure]
    others: list[Figure]  # counts and the like, which no bar shows
    row, rail, label = ROW, RAIL, LABEL

    @property
    def height(self) -> int:
        return ROW * len(self.bars)


def plot(model: schemas.Model) -> Plot:
    found = list(figures(model.scores))
    return Plot([f for f in found if f.share is not None], [f for f in found if f.share is None])


def plots(models: Sequence[schemas.Model]) -> dict[str, Plot]:
    """By the models' names."""
    return {model.name: plot(model) for model in models}
