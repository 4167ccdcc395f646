"""One function for each promise: what is measured, and how. Times are medians; ratios are of the same run."""

import random
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.alone import Alone
from benchmarks.baseline import WIDTH, Tutorial, nearest, ranked_by_bleu
from benchmarks.floor import Floor
from benchmarks.photos import Photos
from benchmarks.service import Service, run_import
from captioning import registry
from captioning.taggers import Teachable
from imagesearch.config import Settings

Figures = dict[str, Any]
BARE = 500  # photos that the bare models are timed with beside an import


def milliseconds(action: Callable[[Any], object], items: Iterable[Any]) -> list[float]:
    taken = []
    for item in items:
        started = time.perf_counter()
        action(item)
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def upload(photos: Photos, work: Path, rounds: int, each: int, plain_each: int) -> Figures:
    """Photos through POST /upload, against the tutorial, the bare models and the plainest service, turn by turn.

    Every round takes photos that the service does not know yet, one a request and as many more in a single request.
    The tutorial writes as many words as the service's captions have, and one more for the end of the sentence.
    """
    alone, tutorial = Alone(), Tutorial(_new(work / "tutorial"))
    taken: dict[str, list[list[float]]] = {
        name: [] for name in ("service", "several", "floor", "models_alone", "tutorial")}
    with Service(_new(work / "uploads")) as service, Floor(_new(work / "floor")) as floor:
        warm, *batches = (photos.files[i * each : (i + 1) * each] for i in range(2 * rounds + 1))
        answers = [service.upload(photo) for photo in warm]
        words = round(statistics.mean(len(answer["caption"].split()) for answer in answers)) + 1
        milliseconds(floor.upload, warm)
        alone.describe(warm[0])
        tutorial.add(warm[0], words)
        for batch, more in zip(tqdm(batches[:rounds], "upload"), batches[rounds:], strict=True):
            for name, server in (("service", service), ("floor", floor)):
                server.reconnect()
                taken[name].append(milliseconds(server.upload, batch))
            service.reconnect()
            taken["several"].append([milliseconds(lambda photos: service.upload(*photos), [more])[0] / len(more)])
            taken["models_alone"].append(milliseconds(alone.describe, batch))
            taken["tutorial"].append(milliseconds(lambda photo: tutorial.add(photo, words), batch[:plain_each]))
        memory = service.peak_memory()
    ms = {name: _median_of_medians(times) for name, times in taken.items()}
    over = {name: 100 * (ms[name] / ms["models_alone"] - 1) for name in ("service", "several", "floor")}
    return {
        **{f"{name}_ms": time for name, time in ms.items()},
        "tutorial_words": words,
        "service_images_per_s": 1000 / ms["service"],
        "tutorial_images_per_s": 1000 / ms["tutorial"],
        "times_the_tutorial": ms["tutorial"] / ms["service"],
        "over_models_alone_percent": over["service"],
        "several_over_models_alone_percent": over["several"],
        "floor_over_models_alone_percent": over["floor"],
        "peak_memory_mb": memory,
        "rounds": rounds,
        "photos_each_round": each,
    }


def importing(photos: Photos, work: Path, rounds: int, count: int, cores: int) -> Figures:
    """`import` of a folder without captions, against encoder and captioner on all cores, turn by turn.

    The import's time is that of its whole process, its start of one or two seconds included.
    """
    alone = Alone("THROUGHPUT")
    part = Photos(photos.source, photos.files[:count], photos.captions[:count])
    folder = part.staged(work / "to-import", captioned_every=0)
    imported, bare = [], []
    for turn in range(rounds):
        bare.append(max(alone.images_per_second(part.files[:BARE], threads) for threads in (cores, 2 * cores)))
        imported.append(count / run_import(folder, _new(work / f"imported-{turn}")))
    rate, best = statistics.median(imported), statistics.median(bare)
    return {
        "import_images_per_s": rate,
        "models_alone_images_per_s": best,
        "percent_of_models_alone": 100 * rate / best,
        "photos": count,
        "rounds": rounds,
    }


def searching(photos: Photos, library: Path, work: Path, requests: int) -> Figures:
    """Text search and similar images over the whole library, one client, warm; and the tutorial's loops over it."""
    with Service(library) as service:
        queries = photos.queries(requests)
        ids = _some_ids(service, requests)
        milliseconds(lambda q: service.get("/search", q=q), queries[:20])
        text = milliseconds(lambda q: service.get("/search", q=q), queries)
        similar = milliseconds(lambda id: service.get(f"/images/{id}/similar"), ids)
        memory = service.peak_memory()
    return {
        "text_ms": _spread(text),
        "similar_ms": _spread(similar),
        "tutorial_text_ms": statistics.median(milliseconds(lambda q: ranked_by_bleu(q, photos.captions), queries[:3])),
        "tutorial_similar_ms": statistics.median(_tutorial_similar(len(photos.files), _new(work / "vectors"))),
        "stored": len(photos.files),
        "requests": requests,
        "peak_memory_mb": memory,
    }


def teaching(library: Path, rounds: int) -> Figures:
    """One lesson through HTTP, the whole library judged anew before the answer: a new tag, then one that the model
    has given often and that changes many images, each taken back again; and what tagging adds to one upload."""
    new, known, touched = [], [], []
    with Service(library) as service:
        for turn, id in enumerate(_some_ids(service, rounds)):
            tags = [tag["name"] for tag in service.get(f"/images/{id}")["tags"] if tag["source"] == "model"]
            for times, said in ((new, {"add": [f"lesson{turn}"]}), (known, {"tag": tags[0], "correct": False})):
                started = time.perf_counter()
                answer = service.post(f"/images/{id}/feedback", said)
                times.append(1000 * (time.perf_counter() - started))
                touched.append(sum(change["gained"] + change["lost"] for change in answer["changes"]))
                service.delete(f"/lessons/{answer['lessons'][0]['id']}")
        stored = service.get("/images?limit=1")["total"]
    return {"new_tag_ms": _spread(new), "known_tag_ms": _spread(known), "most_images_changed": max(touched),
            "stored": stored, "tags_of_one_image_ms": _tags_of_one_image(), "rounds": rounds}


def _tags_of_one_image() -> float:
    """The trained tagger with fifty taught tags, on one pooled vector."""
    settings, random = Settings.from_environment(), np.random.default_rng(5)
    trained, learner = (registry.load(name, settings.models_dir) for name in (settings.tagger, settings.learner))
    taggers = Teachable(trained, learner.blank())
    vectors = random.random((50, registry.card(settings.encoder, settings.models_dir).dimension), np.float32)
    for i, vector in enumerate(vectors):
        taggers.learn(f"taught {i}", vector)
    return statistics.median(milliseconds(taggers.tags, list(vectors) * 4))


def starting(library: Path, rounds: int) -> Figures:
    """Seconds from the start of gunicorn's process until /readyz says yes."""
    taken = []
    for _ in tqdm(range(rounds), "start"):
        with Service(library) as service:
            taken.append(service.ready_after)
    return {"ready_after_s": statistics.median(taken), "slowest_s": max(taken), "rounds": rounds}


def _some_ids(service: Service, count: int) -> list[str]:
    """Ids from all over the library: a page's cursor leads to the next."""
    path = "/images?limit=100"
    ids: list[str] = []
    while path and len(ids) < 10 * count:
        page = service.get(path)
        ids += [image["id"] for image in page["images"]]
        path = page["next"]
    return random.Random(3).sample(ids, min(count, len(ids)))


def _tutorial_similar(count: int, folder: Path) -> list[float]:
    vectors = np.random.default_rng(4).random((count, WIDTH), np.float32)
    for i, vector in enumerate(vectors):
        np.save(folder / f"{i}.npy", vector)
    return milliseconds(lambda vector: nearest(vector, folder), vectors[:3])


def _spread(times: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, (50, 95))
    return {"p50": float(p50), "p95": float(p95), "max": max(times)}


def _median_of_medians(rounds: list[list[float]]) -> float:
    return statistics.median(statistics.median(times) for times in rounds)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
