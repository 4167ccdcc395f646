"""One training run: which photos, which encoder, where things are kept; and what every epoch reports."""
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from tqdm import tqdm

from captioning import registry, runtime
from captioning.encoders import GRAPHS, Encoder
from captioning.training import datasets, features
from captioning.training.datasets import Photo


@dataclass(frozen=True)
class Run:
    """Photos of two splits, their maps by one encoder, and the folders of a run."""

    train: list[Photo]
    dev: list[Photo]
    encoder: str = "vgg16"
    models: Path = registry.MODELS
    folder: Path = Path("runs/train")
    cache: Path = Path(".cache/features")
    views: tuple[str, ...] = features.VIEWS
    data: str = "photos with captions"
    threads: int = 2

    @cached_property
    def extractor(self) -> "Maps":
        card = registry.card(self.encoder, self.models)
        registry.check(card, self.models)
        graph = GRAPHS[card.settings["graph"]](self.models / card.file, card.settings)
        return Maps(card.name, card.version, Encoder(card, runtime.Session(graph)).features)

    def train_maps(self, views: Sequence[str] | None = None) -> list[np.ndarray]:
        """The training photos' maps in each view, (N, squares, channels) float16."""
        return [self._maps(self.train, view) for view in views or self.views]

    def dev_maps(self) -> np.ndarray:
        return self._maps(self.dev, "plain")

    def _maps(self, photos: list[Photo], view: str) -> np.ndarray:
        return features.maps(self.extractor, photos, view, self.cache, self.threads)

    @property
    def settings(self) -> dict[str, Any]:
        """For a card: the encoder that the network is good for."""
        return {"encoder": self.extractor.name, "encoder_version": self.extractor.version}

    @property
    def split(self) -> str:
        return f"{len(self.train)} photos trained on, {len(self.dev)} held out for choosing and for the scores here"


@dataclass(frozen=True)
class Maps:
    """An encoder as the cache sees it: without the similarity fitted to it, which does not change the map."""

    name: str
    version: str
    features: Callable[[Image.Image], np.ndarray]


def read(photos: Path, captions: Path | None, train: Path | None, dev: Path | None, limit: int | None = None,
         **options: Any) -> Run:
    """A run over a folder of photos; every tenth is held out where no split is given. Uncaptioned ones are left out."""
    if train and dev:
        one, two = (datasets.read(photos, captions, names) for names in (train, dev))
    else:
        one, two = datasets.split(datasets.read(photos, captions, train))
    one, two = ([p for p in part if p.captions][:limit] for part in (one, two))
    if not one or not two:
        raise ValueError(f"{len(one)} photos with captions to train on and {len(two)} held out: both are needed")
    return Run(one, two, data=f"{photos.parent.name or photos.name}: {len(one) + len(two)} photos, "
                              f"{sum(len(p.captions) for p in one + two)} captions", **options)


class Report(keras.callbacks.Callback):
    """After each epoch: the dev score, a row in log.jsonl, and the arrays of the best epoch so far in best.npz."""

    def __init__(self, folder: Path, score: Callable[[dict[str, np.ndarray]], dict[str, float]], key: str):
        super().__init__()
        self.folder, self.score, self.key, self.began = folder, score, key, time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        arrays = averaged(self.model)
        row = {"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}, **self.score(arrays),
               "seconds": round(time.monotonic() - self.began)}
        earlier = [r for r in log_of(self.folder) if r["epoch"] <= epoch]
        if all(row[self.key] >= r[self.key] for r in earlier):
            save_arrays(self.folder / "best.npz", arrays)
        write_log(self.folder, [*earlier, row])
        tqdm.write(json.dumps(row))


def averaged(network: keras.Model) -> dict[str, np.ndarray]:
    """The arrays with the optimizer's running mean of the weights in them; the network itself trains on as it was."""
    held = [keras.ops.convert_to_numpy(variable) for variable in network.trainable_variables]
    network.optimizer.finalize_variable_values(network.trainable_variables)
    arrays = network.arrays()
    for variable, value in zip(network.trainable_variables, held, strict=True):
        variable.assign(value)
    return arrays


class Bar(keras.callbacks.Callback):
    """tqdm over the steps of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = tqdm(total=self.params["steps"], desc=f"epoch {epoch + 1}/{self.params['epochs']}", mininterval=5)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.set_postfix_str(f"loss {(logs or {}).get('loss', 0):.3f}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()


def fit(network: keras.Model, batches: keras.utils.PyDataset, epochs: int, rate: float, folder: Path, loss: Any,
        score: Callable[[dict[str, np.ndarray]], dict[str, float]], key: str,
        weights: dict[str, float] | None = None) -> dict[str, np.ndarray]:
    """Trains with warm-up and a cosine, and returns the arrays of the epoch best by `key` on dev.

    Scored and kept is a running mean of the weights over a tenth of the run (Polyak and Juditsky 1992), which is less
    noisy than they are: those of a captioner differ by 0.01 CIDEr-D and more from epoch to epoch. Goes on after a kill
    from the last whole epoch; `folder` holds its checkpoint, log and TensorBoard events.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = len(batches) * epochs
    warm = max(1, min(100, steps // 10))
    schedule = keras.optimizers.schedules.CosineDecay(rate / 10, max(1, steps - warm), alpha=0.1,
                                                      warmup_target=rate, warmup_steps=warm)
    adam = keras.optimizers.AdamW(schedule, weight_decay=1e-4, global_clipnorm=1.0, use_ema=True,
                                  ema_momentum=1 - 10 / max(20, steps))
    network.compile(optimizer=adam, loss=loss, loss_weights=weights, jit_compile=False)
    callbacks = [Bar(), Report(folder, score, key),
                 keras.callbacks.BackupAndRestore(folder / "checkpoint", double_checkpoint=True)]  # a kill may tear one
    if find_spec("tensorflow") and find_spec("tensorboard"):
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    network.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks)
    with np.load(folder / "best.npz") as best:
        return dict(best)


def log_of(folder: Path) -> list[dict[str, float]]:
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_log(folder: Path, rows: list[dict[str, float]]) -> None:
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    os.replace(temporary, path)


def as_grid(maps: np.ndarray) -> np.ndarray:
    """(N, squares, channels) → (N, side, side, channels) float32."""
    side = round(maps.shape[1] ** 0.5)
    return np.asarray(maps, "float32").reshape(len(maps), side, side, -1)
