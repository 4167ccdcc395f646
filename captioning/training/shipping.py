"""Puts a trained network into models/: the arrays as float16, and the card."""
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from captioning import registry

LICENCE = ("Apache-2.0; the captions and photos trained on are Flickr8k's, which are for non-commercial research and "
           "education")


def ship(name: str, kind: str, arrays: Mapping[str, np.ndarray], settings: dict[str, Any], folder: Path, *,
         data: str, split: str, scores: dict[str, Any] | None = None, command: str | None = None) -> registry.Card:
    """Writes NAME.npz, then NAME.json, each whole or not at all; returns the card.

    Broken off between the two, the old card does not fit the new arrays: `registry.check` says so until it is repeated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small = {key: value.astype("float16") if value.dtype.kind == "f" else value for key, value in arrays.items()}
    if bad := [key for key, value in small.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]:
        raise ValueError(f"{name} is not finite in float16: {', '.join(bad)}")
    temporary = folder / f".{name}.npz"
    np.savez_compressed(temporary, **small)  # type: ignore[arg-type]
    sha256 = registry.digest(temporary)
    temporary.replace(folder / f"{name}.npz")
    dimension = len(arrays["words"]) if kind == "captioner" else int(arrays["text/kernel"].shape[1])
    card = registry.Card(name, kind, registry.version(sha256, settings), f"{name}.npz", sha256, dimension, data, split,
                         command or command_line(), scores or {}, LICENCE, settings)
    card.save(folder)
    return card


def rescored(card: registry.Card, scores: dict[str, Any], folder: Path) -> registry.Card:
    """The card with these scores beside those it has, saved."""
    new = replace(card, scores={**card.scores, **scores})
    new.save(folder)
    return new


def command_line() -> str:
    """What was typed, with the folders above the project left out of the paths."""
    words = [shlex.quote(word) for word in sys.argv[1:]]
    backend = os.environ.get("KERAS_BACKEND")
    return " ".join([*([f"KERAS_BACKEND={backend}"] if backend else []), "python -m captioning.training", *words])
