"""Decoder, encoder and captioner by themselves: what the service's and the import's times are compared with."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from captioning import images, registry
from captioning.runtime import Hint
from imagesearch.config import Settings
from imagesearch.library import BATCH


class Alone:
    """Decoder, encoder and captioner by themselves, with the models the service would load.

    :param hint: whether one picture is to be done soonest, as the service does, or many, as the import does
    """

    def __init__(self, hint: Hint = "LATENCY") -> None:
        settings = Settings.from_environment()
        self.encoder = registry.load(settings.encoder, settings.models_dir, hint=hint)
        self.captioner = registry.load(settings.captioner, settings.models_dir)

    def describe(self, photo: Path) -> str:
        return self.caption(images.decode(photo.read_bytes()).image)

    def caption(self, image: Any) -> str:
        return str(self.captioner.caption(self.encoder.encode(image).map).text)

    def captions(self, pictures: list[Any]) -> list[str]:
        """Written at once, as the import does."""
        maps = np.stack([self.encoder.encode(image).map for image in pictures])
        return [caption.text for caption in self.captioner.captions(maps)]

    def images_per_second(self, photos: list[Path], threads: int) -> float:
        """Encoder and captioner on decoded pictures, on so many threads; sixteen captions are written at once."""
        decoded = [images.decode(photo.read_bytes()).image for photo in photos]
        with ThreadPoolExecutor(threads) as pool:
            started = time.perf_counter()
            list(pool.map(self.captions, [decoded[k:k + BATCH] for k in range(0, len(decoded), BATCH)]))
            return len(photos) / (time.perf_counter() - started)
