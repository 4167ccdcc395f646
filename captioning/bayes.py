"""A tagger that learns from every click: Gaussian naive Bayes with statistics that can be taken back.

Each tag has a count, a mean and a sum of squared deviations of the pictures it was said to be right for, and the same
of those it was said to be wrong for; a lesson changes one of them by Welford's update (Welford 1962; Chan, Golub and
LeVeque 1983), and taking it back is the same update backwards. Everything else follows from these numbers:

* Pictures are compared in a whitened space (`centre`, `projection`), where the axes are as good as uncorrelated: what
  naive Bayes assumes.
* A variance is what was seen plus `strength` pictures' worth of `spread`, so one example is enough and none is zero.
  A mean has the prior that all means together have, variance 1 − spread about 0: few examples move it part of the way
  and leave it uncertain, which widens the variance (the two-covariance model of speaker recognition, Brümmer and de
  Villiers 2010).
* A tag competes with the background, all pictures there are (mean 0, variance 1), and with what it was said to be
  wrong for (half and half). With no lessons of the second kind its score is log p(x | tag) − log p(x).
* A tag's prior odds against the background are `bias`, or what training set for it, and no lesson moves them: what is
  shown most does not become likelier. `temperature` flattens the scores, as the axes are not quite independent (Guo et
  al. 2017).
"""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from captioning.registry import Card, OtherEncoder

FORMAT = "naive Bayes statistics 1"
LONGEST = 100  # characters of a tag
ENOUGH = 0.9  # the cumulative probability at which tagging stops
RIGHT, WRONG = 0, 1
_TABLES = ("_count", "_mean", "_squares", "_terms")  # (2, tags, …) each


class StatisticsDamaged(ValueError):
    """Not a statistics file, cut short, or changed since it was written."""


class Tag(NamedTuple):
    """A tag and how likely it is, 0 to 1."""

    name: str
    confidence: float


@dataclass(frozen=True)
class Space:
    """Where pictures are compared: `vector` (D,) → (√vector − centre) @ projection (d,), variance about 1 an axis."""

    centre: np.ndarray
    projection: np.ndarray
    spread: np.ndarray  # (d,) the variance within a tag, before any picture was seen

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(..., D) pooled features of an encoder → (..., d). The root evens out the long tail that ReLU leaves."""
        return np.asarray(np.sqrt(np.maximum(vectors, 0)) @ self.projection - self.centre @ self.projection)


class NaiveBayes:
    """Tags with their statistics. Safe to call from several threads."""

    def __init__(self, encoder: str, encoder_version: str, space: Space, *, strength: float = 20.0,
                 temperature: float = 2.0, bias: float = -4.0, priors: dict[str, float] | None = None) -> None:
        self.encoder, self.encoder_version, self.space = encoder, encoder_version, space
        self.strength, self.temperature, self.bias, self.priors = strength, temperature, bias, dict(priors or {})
        width = space.projection.shape[1]
        self._places: dict[str, int] = {}
        self._count = np.zeros((2, 0), np.int64)
        self._mean = np.zeros((2, 0, width))
        self._squares = np.zeros((2, 0, width))  # sums of squared deviations from the mean
        self._terms = np.zeros((2, 0, 2 * width + 1))  # of x², of x, constant: what a prediction multiplies by
        self._lock = threading.RLock()

    # Lessons

    @property
    def names(self) -> tuple[str, ...]:
        """The tags there are, in the order of the columns of `log_odds`."""
        return tuple(self._places)

    def count(self, tag: str) -> tuple[int, int]:
        """How many pictures a tag was said to be right and wrong for."""
        place = self._places.get(tag)
        return (0, 0) if place is None else (int(self._count[RIGHT, place]), int(self._count[WRONG, place]))

    def learn(self, tag: str, vector: np.ndarray, correct: bool = True) -> None:
        """One lesson: `tag` is right, or wrong, for the picture with this pooled `vector` (D,).

        A tag not heard of before is there from now on. Raises ValueError for an empty or endless tag, or a vector
        that is not of this encoder's width.
        """
        self._update(_named(tag), self._placed(vector), RIGHT if correct else WRONG)

    def unlearn(self, tag: str, vector: np.ndarray, correct: bool = True) -> None:
        """Takes a lesson back; a tag without lessons is gone. Raises LookupError where there was no such lesson."""
        side = RIGHT if correct else WRONG
        with self._lock:
            place = self._places.get(tag)
            if place is None or not self._count[side, place]:
                raise LookupError(f"{tag!r} was not learnt: there is no lesson to take back")
            self._downdate(place, self._placed(vector), side)
            if not self._count[:, place].any():
                self._remove(place)

    def learn_many(self, tag: str, vectors: np.ndarray) -> None:
        """Many pictures (N, D) at once that `tag` is right for: the same statistics as N lessons."""
        with self._lock:
            for placed in self._placed(vectors):
                self._update(_named(tag), placed, RIGHT, refresh=False)
            self._refresh(self._places[tag], RIGHT)

    def blank(self) -> "NaiveBayes":
        """The same space without any tag: where a service begins that learns from its own people.

        By the default temperature and bias a new tag needs evidence of e^8 over the background: one example then
        reaches about 2 photos of 1,000, of which a quarter to a third are right; ten more make it a half.
        """
        return NaiveBayes(self.encoder, self.encoder_version, self.space, strength=self.strength)

    # Predictions

    def log_odds(self, vectors: np.ndarray, tags: Sequence[str] | None = None) -> np.ndarray:
        """(N, D) pooled vectors → (N, T) scores against the background, for all tags or those named.

        After a lesson only its tag's column changes. A tag with lessons of the second kind alone scores −inf.
        """
        right, wrong = self.evidence(vectors, tags)
        right -= np.logaddexp(0, wrong) - np.where(np.isfinite(wrong), np.log(2), 0)
        names = self.names if tags is None else tags
        return right / self.temperature + np.array([self.priors.get(name, self.bias) for name in names])

    def evidence(self, vectors: np.ndarray, tags: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """log p(x | right) − log p(x) and log p(x | wrong) − log p(x), (N, T) each; −inf where nothing was said."""
        with self._lock:
            places = list(range(len(self._places))) if tags is None else [self._places[tag] for tag in tags]
            terms, heard = self._terms[:, places], self._count[:, places] > 0
        x = self._placed(np.atleast_2d(vectors)).astype(np.float32)
        seen = np.concatenate([x * x, x, np.ones((len(x), 1), np.float32)], axis=1)
        background = -0.5 * (x * x).sum(1, keepdims=True)
        right, wrong = (np.full((len(x), len(places)), -np.inf) for _ in (RIGHT, WRONG))
        for side, found in ((RIGHT, right), (WRONG, wrong)):
            found[:, heard[side]] = seen @ terms[side, heard[side]].astype(np.float32).T - background
        return right, wrong

    def probabilities(self, log_odds: np.ndarray) -> np.ndarray:
        """(N, T) scores → (N, T) probabilities; what a row lacks to 1 is the background's."""
        highest = np.maximum(log_odds.max(axis=1, initial=0, keepdims=True), 0)
        powers = np.exp(log_odds - highest)  # log-sum-exp: no overflow, whatever the scores
        return np.asarray(powers / (powers.sum(axis=1, keepdims=True) + np.exp(-highest)))

    def tags(self, vector: np.ndarray, enough: float = ENOUGH) -> list[Tag]:
        """The likeliest tags of one picture, until their probabilities and the background's add up to `enough`."""
        names = self.names
        found = self.probabilities(self.log_odds(vector[None], names))[0]
        found = np.append(found, 1 - found.sum())  # the background is last
        order = np.argsort(-found, kind="stable")
        needed = int(np.searchsorted(np.cumsum(found[order]), enough)) + 1
        return [Tag(names[place], float(found[place])) for place in order[:needed] if place < len(names)]

    # Files

    def write(self, path: Path) -> None:
        """All statistics into one file, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(self.export())
        temporary.replace(path)

    def export(self) -> bytes:
        """The statistics with the encoder's name and version and a checksum (an uncompressed .npz)."""
        with self._lock:
            arrays = {
                "count": self._count, "mean": self._mean, "squares": self._squares, "centre": self.space.centre,
                "projection": self.space.projection, "spread": self.space.spread,
            }  # fmt: skip
            header: dict[str, Any] = {
                "format": FORMAT, "encoder": self.encoder, "encoder_version": self.encoder_version,
                "names": list(self._places), "strength": self.strength, "temperature": self.temperature,
                "bias": self.bias, "priors": self.priors,
            }  # fmt: skip
            header["sha256"] = _checksum(header, arrays)
            file = io.BytesIO()
            np.savez(file, header=np.array(json.dumps(header)), allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def read(cls, source: Path | bytes, encoder: tuple[str, str] | None = None) -> "NaiveBayes":
        """Statistics that `export` wrote. With `encoder`, its (name, version), only those made with it.

        Raises StatisticsDamaged or OtherEncoder; nothing that is loaded already is touched.
        """
        header, arrays = _unpacked(source.read_bytes() if isinstance(source, Path) else source)
        made = (header["encoder"], header["encoder_version"])
        if encoder is not None and made != encoder:
            raise OtherEncoder(f"these statistics are of {made[0]}@{made[1]}, this service runs "
                               f"{encoder[0]}@{encoder[1]}: their vectors cannot be compared")
        space = Space(arrays["centre"], arrays["projection"], arrays["spread"])
        found = cls(*made, space, **{key: header[key] for key in ("strength", "temperature", "bias", "priors")})
        found._places = {name: place for place, name in enumerate(header["names"])}
        found._count, found._mean, found._squares = (arrays[key] for key in ("count", "mean", "squares"))
        found._terms = np.zeros((2, len(found._places), 2 * space.projection.shape[1] + 1))
        for place in range(len(found._places)):
            found._refresh(place, RIGHT)
            found._refresh(place, WRONG)
        return found

    @classmethod
    def from_card(cls, card: Card, folder: Path) -> "NaiveBayes":
        return cls.read(folder / card.file, (card.settings["encoder"], card.settings["encoder_version"]))

    # The arithmetic

    def _placed(self, vectors: np.ndarray) -> np.ndarray:
        vectors = np.asarray(vectors)
        if vectors.shape[-1] != len(self.space.centre):
            raise ValueError(f"a vector of {self.encoder} has {len(self.space.centre)} numbers, this one "
                             f"{vectors.shape[-1]}")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector with numbers that are not finite teaches nothing")
        return self.space(vectors)

    def _update(self, tag: str, x: np.ndarray, side: int, refresh: bool = True) -> None:
        with self._lock:
            place = self._places.get(tag)
            if place is None:
                place = self._add(tag)
            self._count[side, place] += 1
            off = x - self._mean[side, place]
            self._mean[side, place] += off / self._count[side, place]
            self._squares[side, place] += off * (x - self._mean[side, place])
            if refresh:
                self._refresh(place, side)

    def _downdate(self, place: int, x: np.ndarray, side: int) -> None:
        """Welford's update backwards. The last picture taken back leaves zeros, not rounding errors."""
        self._count[side, place] -= 1
        left = self._count[side, place]
        if not left:
            self._mean[side, place] = self._squares[side, place] = 0
        else:
            off = x - self._mean[side, place]
            self._mean[side, place] -= off / left
            self._squares[side, place] -= off * (x - self._mean[side, place])
            np.maximum(self._squares[side, place], 0, out=self._squares[side, place])
        self._refresh(place, side)

    def _refresh(self, place: int, side: int) -> None:
        """Recomputes what a prediction needs: log N(x; mean, variance) as a product with (x², x, 1)."""
        count, spread = self._count[side, place], self.space.spread
        within = (self._squares[side, place] + self.strength * spread) / (count + self.strength)
        between = 1 - spread
        trust = between / (count * between + within)  # of a single picture, in where the tag's mean is
        mean = count * trust * self._mean[side, place]
        variance = within + trust * within
        constant = -0.5 * (mean**2 / variance + np.log(variance)).sum()
        self._terms[side, place] = np.concatenate([-0.5 / variance, mean / variance, [constant]])

    def _add(self, tag: str) -> int:
        self._places[tag] = len(self._places)
        for name in _TABLES:
            table = getattr(self, name)
            setattr(self, name, np.concatenate([table, np.zeros((2, 1, *table.shape[2:]), table.dtype)], axis=1))
        return self._places[tag]

    def _remove(self, place: int) -> None:
        names = [name for name in self._places if self._places[name] != place]
        self._places = {name: at for at, name in enumerate(names)}
        for name in _TABLES:
            setattr(self, name, np.delete(getattr(self, name), place, axis=1))


def fit_space(vectors: np.ndarray, width: int, spread: float | Sequence[np.ndarray]) -> Space:
    """A whitened space from pooled vectors (N, D): the `width` largest principal axes, at most one for four pictures.

    `spread` is the variance within a tag on every axis, or the vectors of some tags to measure it on.
    """
    rooted = np.sqrt(np.maximum(vectors.astype(np.float64), 0))
    centre = rooted.mean(0)
    values, axes = np.linalg.eigh(np.cov(rooted - centre, rowvar=False))
    order = np.argsort(-values)[: max(1, min(width, len(vectors) // 4))]
    floor = values[order[0]] * 1e-6  # an axis without variance would be blown up to noise
    projection = axes[:, order] / np.sqrt(np.maximum(values[order], floor))
    space = Space(centre, projection, np.full(len(order), 0.5))
    if isinstance(spread, float):
        within = np.full(len(order), spread)
    else:
        within = np.mean([space(group.astype(np.float64)).var(0, ddof=1) for group in spread if len(group) > 1], axis=0)
    return Space(centre, projection, np.clip(within, 0.05, 0.98))


def _named(tag: str) -> str:
    if not tag.strip() or len(tag) > LONGEST:
        raise ValueError(f"a tag has 1 to {LONGEST} characters, this one {len(tag.strip()):,}")
    return tag


def _checksum(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    sha = hashlib.sha256(json.dumps({**header, "sha256": ""}, sort_keys=True).encode())
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return sha.hexdigest()


def _unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != "allow_pickle"}
        header = json.loads(str(arrays.pop("header")))
        whole = header["format"] == FORMAT and header["sha256"] == _checksum(header, arrays)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise StatisticsDamaged(f"not a statistics file, or cut short ({error}): export it again") from None
    if not whole:
        raise StatisticsDamaged("the statistics do not match their checksum: the file was changed; export it again")
    return header, arrays
