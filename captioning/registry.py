"""Which models there are: a name → its card and the object that runs it, held once.

A model is `models/NAME.json`, its card, with its weights beside it. `load` reads them at the first call, under a lock
of their own, and checks the weights against the card, so that a half-copied file is found at start and not in the
answers.
"""
import hashlib
import json
import threading
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parent.parent / "models"

# Each class has `from_card(card, folder)`; they are imported when first asked for.
FACTORIES = {
    "encoder": "captioning.encoders:Encoder",
    "captioner": "captioning.captioner:Captioner",
    "joint": "captioning.joint:Joint",
    "tagger": "captioning.taggers:Tagger",
}

# Encoders that the code knows and whose weights do not come with it.
IMPORTABLE = ("vgg16-imagenet", "mobilenet", "mobilenet_v2", "inception_v3", "xception")


class ModelMissing(LookupError):
    """No such model, or not its weights; the message says how to get them."""


class ModelDamaged(ValueError):
    """The weights are not those that the card was written for."""


class OtherEncoder(ModelDamaged):
    """A model, or statistics, made for the maps of another encoder."""


@dataclass(frozen=True)
class Card:
    """What is known of a model: where it came from, what it may be used for, and how good it was measured to be."""

    name: str
    kind: str  # a key of FACTORIES, or "similarity"
    version: str
    file: str
    sha256: str
    dimension: int  # of what it puts out: the vector's width, or the vocabulary's size
    data: str
    split: str
    command: str
    scores: dict[str, Any]
    licence: str
    settings: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path = MODELS) -> None:
        """Whole or not at all."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        temporary = folder / f".{self.name}.tmp"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(folder / f"{self.name}.json")


def original(encoder: Card) -> tuple[str, str]:
    """Name and version of the encoder that the similarity, captioner, joint space and taggers for this one were fitted
    to: its own, or those of the float network that a quantised one stands for."""
    float_network = encoder.settings.get("stands_for")
    return (float_network["name"], float_network["version"]) if float_network else (encoder.name, encoder.version)


def check_encoder(card: Card, encoder: Card) -> None:
    """Raises OtherEncoder where a model was trained on another encoder, or another version of it."""
    made, runs = (card.settings["encoder"], card.settings["encoder_version"]), (encoder.name, encoder.version)
    if made != original(encoder):
        raise OtherEncoder(f"{card.name} was trained on {made[0]}@{made[1]}, here runs {runs[0]}@{runs[1]}: their "
                           f"vectors cannot be compared. Train it again: {card.command}")


_held: dict[tuple[Any, ...], Any] = {}
_turns: dict[tuple[Any, ...], threading.RLock] = {}  # several may load at once


def load(name: str, folder: Path | None = None, **options: Any) -> Any:
    """The model, ready to run; the same object at every call. Raises ModelMissing or ModelDamaged.

    :param options: how it is to run, where its class's `from_card` takes any
    """
    place = (folder or MODELS).resolve()
    key = name, str(place), *sorted(options.items())
    with _turns.setdefault(key, threading.RLock()):  # at once, where a defaultdict may make two
        if key not in _held:
            found = card(name, place)
            if found.kind not in FACTORIES:
                raise ModelMissing(f"{name} is part of another model ({found.kind}) and is not loaded by itself")
            check(found, place)
            _held[key] = _factory(found.kind).from_card(found, place, **options)
        return _held[key]


def card(name: str, folder: Path | None = None) -> Card:
    """A model's card. Raises ModelMissing."""
    path = (folder or MODELS) / f"{name}.json"
    try:
        return Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelMissing(_how_to_get(name, path.parent)) from None


def cards(folder: Path | None = None) -> list[Card]:
    """The cards of all models in the folder, by name."""
    return [card(path.stem, path.parent) for path in sorted((folder or MODELS).glob("*.json"))]


def check(found: Card, folder: Path) -> None:
    """Compares the weights with the card (VGG16's 29 MB: 20 ms). Raises ModelMissing or ModelDamaged."""
    path = folder / found.file
    if not path.exists():
        raise ModelMissing(f"{found.name} needs {path}, which is not there. It was made by: {found.command}")
    if (measured := digest(path)) != found.sha256:
        raise ModelDamaged(f"{path} has SHA-256 {measured}, its card says {found.sha256}: copy the file again, or "
                           f"make it again by: {found.command}")


def digest(path: Path) -> str:
    """SHA-256 in hex; of an OpenVINO graph (.xml) together with its weights (.bin)."""
    sha = hashlib.sha256()
    for part in [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]:
        with open(part, "rb") as file:
            sha.update(hashlib.file_digest(file, "sha256").digest() if path.suffix == ".xml" else file.read())
    return sha.hexdigest()


def version(sha256: str, settings: dict[str, Any]) -> str:
    """Eight hex digits that change with the weights and with the settings they are run by."""
    return hashlib.sha256((sha256 + json.dumps(settings, sort_keys=True)).encode()).hexdigest()[:8]


def _factory(kind: str) -> Any:
    module, name = FACTORIES[kind].split(":")
    return getattr(import_module(module), name)


def _how_to_get(name: str, folder: Path) -> str:
    if name in IMPORTABLE:
        command = f"python -m captioning.training.keras_encoders import {name}"
        return (f"{name} is not in {folder}: its weights do not come with this project. "
                f"Get them with `{command} FILE` (Keras' weights, already here) or `{command} --download`")
    if (float_name := name.removesuffix("-int8")) != name:
        return (f"{name} is not in {folder}: it is not shipped, but made from {float_name} by `python -m "
                f"captioning.training export --encoder {float_name} --precision int8 --photos FOLDER`")
    known = ", ".join(sorted(path.stem for path in folder.glob("*.json"))) or "none"
    return f"no model is called {name!r}. In {folder}: {known}. Can be imported: {', '.join(IMPORTABLE)}"
