"""What a change of an encoder's graph costs and brings: its maps, what is made of them, its speed, before and after.

The measure is the mean-centred cosine with the float network in fp32: plain cosine is 0.9965 between two unrelated
photos, so a graph that is plainly wrong would pass by it.
"""
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from captioning import encoders, registry, runtime
from captioning.encoders import Encoder
from captioning.similarity import pooled
from captioning.training import retrieval, scores, similarity
from captioning.training.datasets import Photo

if TYPE_CHECKING:
    import openvino

TIMED = 60  # passes of each network, by turns

SERVED = ("before", "after")
Maps = dict[str, np.ndarray]  # the photos' by the network in "fp32", as it was served "before", as it is "after"


def maps_of(networks: dict[str, runtime.Session], photos: Sequence[Photo], side: int) -> Maps:
    """(N, h, w, C) of each network; 500 of VGG16's take 50 MB."""
    def each(_: int, picture: Any) -> np.ndarray:
        pixels = encoders.resized(picture, side)[None]
        return np.stack([session(pixels)[0][0] for session in networks.values()])

    found = similarity.over(list(photos), each, "compare")
    return {name: found[:, place] for place, name in enumerate(networks)}


def agreement(maps: Maps) -> dict[str, dict[str, float]]:
    """Mean-centred cosines with the network in fp32: of the whole map and of the pooled vector, means over photos."""
    found = {}
    for what, view in (("map", lambda x: x), ("pooled", pooled)):
        views = {name: view(x) for name, x in maps.items()}
        before, after = (centred_cosines(views[name], views["fp32"]) for name in SERVED)
        found[what] = {"before": _rounded(before.mean(), 5), "after": _rounded(after.mean(), 5),
                       "after, worst photo": _rounded(after.min(), 5)}
    return found


def centred_cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(N,) cosines of (N, …) pairs after the mean over N of the second is taken off both; 0 where all is zeros."""
    mean = theirs.mean(0).ravel()
    return np.array([_cosine(a.ravel() - mean, b.ravel() - mean) if ours.any() else 0.0
                     for a, b in zip(ours, theirs, strict=True)])


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


def meaning(card: registry.Card, maps: Maps, photos: Sequence[Photo], models: Path) -> dict[str, Any]:
    """Before and after: the ten nearest neighbours kept of fp32's; and what the heads make of it that are there."""
    encoder = Encoder.from_card(card, models)
    vectors = {name: encoder.vector(x) for name, x in maps.items()}
    count = min(10, len(photos) - 1)
    kept = {name: _rounded(similarity.neighbours_kept(vectors[name], vectors["fp32"], count)) for name in SERVED}
    found: dict[str, Any] = {f"{count} nearest neighbours kept of fp32's": kept}
    if all(photo.captions for photo in photos):
        found |= _captions(card, maps, photos, models) | _text_to_image(card, maps, photos, models)
    return found


def _captions(card: registry.Card, maps: Maps, photos: Sequence[Photo], models: Path) -> dict[str, Any]:
    captioner = _head(f"{card.name}-lstm", card, models)
    if captioner is None:
        return {}
    texts = {name: [caption.text for caption in captioner.captions(maps[name])] for name in SERVED}
    cider = scores.CiderD([photo.captions for photo in photos])
    same = float(np.mean([a == b for a, b in zip(texts["before"], texts["after"], strict=True)]))
    return {"CIDEr-D of its captions": {name: _rounded(cider(texts[name]), 3) for name in texts},
            "captions word for word the same": _rounded(same, 3)}


def _text_to_image(card: registry.Card, maps: Maps, photos: Sequence[Photo], models: Path) -> dict[str, Any]:
    joint = _head("joint", card, models)
    if joint is None or any(len(photo.captions) < 2 for photo in photos):
        return {}
    return {"text to image R@10 among them": {
        name: _recall(joint, joint.embed_image(maps[name]), photos) for name in SERVED}}


def _recall(joint: Any, images: np.ndarray, photos: Sequence[Photo]) -> float:
    bench = retrieval.one_human(joint, images, [photo.captions for photo in photos])
    return bench.recalls(bench.cosines)["R@10"]


def _head(name: str, encoder: registry.Card, models: Path) -> Any:
    """A model fitted to the encoder; None where there is none."""
    try:
        registry.check_encoder(registry.card(name, models), encoder)
        return registry.load(name, models)
    except (registry.ModelMissing, registry.OtherEncoder):
        return None


# ---- speed -----------------------------------------------------------------------------------------------

def speed(graphs: Sequence[Callable[[], "openvino.Model"]], precision: runtime.Precision | None,
          picture: np.ndarray) -> dict[str, Any]:
    """Milliseconds an image of the network alone, medians, before and after, with one thread and with all."""
    found: dict[str, Any] = {}
    for threads in sorted({1, cores()}):
        before, after = (runtime.Session(graph(), precision, threads) for graph in graphs)
        ms = milliseconds([partial(network, picture) for network in (before, after)])
        found["one thread" if threads == 1 else f"{threads} threads"] = {
            "before": round(ms[0], 3), "after": round(ms[1], 3), "times as fast": round(ms[0] / ms[1], 2)}
    return {"milliseconds an image": found, "measured on": f"{processor()}, before: {before.precision}"}


def milliseconds(runs: Sequence[Callable[[], object]], times: int = TIMED) -> list[float]:
    """Medians; they take turns, so that other work on the machine is in the way of all of them alike."""
    for run in runs:
        run()
    found: list[list[float]] = [[] for _ in runs]
    for _ in range(times):
        for run, ms in zip(runs, found, strict=True):
            began = time.perf_counter()
            run()
            ms.append(1000 * (time.perf_counter() - began))
    return [float(np.median(ms)) for ms in found]


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    import openvino

    return f"{str(openvino.Core().get_property('CPU', 'FULL_DEVICE_NAME')).strip()}, {cores()} cores"


def _rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits)
