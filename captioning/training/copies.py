"""Altered copies of a photo, as they come back from other people's machines."""
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

Alteration = Callable[[Image.Image, np.random.Generator], Image.Image]


def crop(share: float) -> Alteration:
    """A crop of `share` of each side, off the centre by up to half of what is cut away there."""
    def cut(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
        size = np.array(photo.size)
        kept = np.maximum(1, np.round(size * share)).astype(int)
        x, y = np.round((size - kept) * rng.uniform(0.25, 0.75, 2)).astype(int)
        return photo.crop((x, y, x + kept[0], y + kept[1]))

    return cut


def jpeg(photo: Image.Image, quality: int) -> Image.Image:
    """The photo after a JPEG file of that quality."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def shrunk(photo: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side has so many pixels."""
    scale = side / max(photo.size)
    return photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))),
                        Image.Resampling.BICUBIC)


ALTERATIONS: dict[str, Alteration] = {
    "crop 80 %": crop(0.8),
    "crop 60 %": crop(0.6),
    "mirror": lambda photo, rng: ImageOps.mirror(photo),
    "JPEG quality 20": lambda photo, rng: jpeg(photo, 20),
    "rotated 10°": lambda photo, rng: photo.rotate(10, Image.Resampling.BICUBIC),
    "half brightness": lambda photo, rng: photo.point(lambda level: level // 2),
    "64 pixels": lambda photo, rng: shrunk(photo, 64),
    "greyscale": lambda photo, rng: photo.convert("L").convert("RGB"),
}
