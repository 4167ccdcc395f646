"""What the distillation looks at: random crops of photos, at the student's size and at the teacher's."""
import io
import queue
import tarfile
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from captioning.training.student import normalised


def read_photos(folder, extra=None):
    """All photos of a folder as RGB pictures in memory, by file name; with those of a tar file behind them."""
    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    photos = {p.name: np.asarray(Image.open(p).convert("RGB")) for p in tqdm(paths, "photos")}
    small = []
    if extra:
        with tarfile.open(extra) as tar:
            for member in tqdm(tar, "extra"):
                if member.name.lower().endswith(".jpeg"):
                    small.append(np.asarray(Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")))
    return photos, small


def random_view(photo, size, rng):
    """One random-resized crop (area 0.3–1, aspect 3/4–4/3), mirrored and relit: at 224 px and at `size`, uint8."""
    picture = Image.fromarray(photo)
    area, ratio = rng.uniform(0.3, 1), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(1, np.sqrt(area * ratio)) * picture.width, min(1, np.sqrt(area / ratio)) * picture.height
    x, y = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    gain, bias, mirror = rng.uniform(0.7, 1.3), rng.uniform(-20, 20), rng.random() < 0.5
    table = np.clip(np.arange(256) * gain + bias, 0, 255).astype("uint8")
    views = []
    for side in (224, size):
        view = table[np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + w, y + h)))]
        views.append(view[:, ::-1] if mirror else view)
    return views


def mixed(large, small, rng, share):
    """Mixes a `share` of the batch with its neighbour, alike in both sizes (mixup as function matching uses it)."""
    keep = np.where(rng.random(len(large)) < share, rng.uniform(0.5, 1, len(large)), 1).astype("float32")
    keep = keep[:, None, None, None]
    return [x * keep + np.roll(x, 1, 0) * (1 - keep) for x in (large.astype("float32"), small.astype("float32"))]


class Batches:
    """Endless batches from worker threads: student pictures, and what the teacher says of the same crops.

    `next` raises what went wrong in a worker.
    """

    def __init__(self, photos, extra, teacher, size, batch, extra_share, mix, workers=1):
        self.photos, self.extra, self.teacher, self.size, self.batch = photos, extra, teacher, size, batch
        self.extra_share, self.mix = extra_share if extra else 0, mix
        self.queue: queue.Queue = queue.Queue(maxsize=4)
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        rng = np.random.default_rng()
        try:
            while True:
                self.queue.put(self._make(rng))
        except Exception as error:
            self.queue.put(error)

    def _make(self, rng):
        views = []
        for _ in range(self.batch):
            pool = self.extra if rng.random() < self.extra_share else self.photos
            views.append(random_view(pool[rng.integers(len(pool))], self.size, rng))
        large, small = mixed(*(np.stack(x) for x in zip(*views, strict=True)), rng, self.mix)
        return normalised(small), self.teacher.maps(large)

    def __next__(self):
        if isinstance(batch := self.queue.get(), Exception):
            raise batch
        return batch
