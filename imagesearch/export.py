"""What is stored, for other programs, in the API's own shape: JSON lines, or a ZIP of originals."""
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from time import perf_counter
from typing import Any

from flask import Flask

from imagesearch.bootstrap import Services
from imagesearch.errors import NotFound
from imagesearch.records import Record
from imagesearch.search import Cut, Filters, Hit, Results
from imagesearch.web import schemas
from imagesearch.web.zips import credits, safe_name

CHUNK = 100  # a page of the API has no more


def every(services: Services) -> Iterator[Record]:
    """All images, newest first."""
    below: int | None = None
    while True:
        page = services.library.page(CHUNK, below)
        yield from page.images
        if (below := page.next) is None:
            return


def found(services: Services, query: str, filters: Filters, cut: Cut, most: int | None = None) -> Results:
    """All pages of a search in one; without words, of a search by features."""
    hits: list[Hit] = []
    while True:
        cut = replace(cut, limit=min(CHUNK, CHUNK if most is None else most - len(hits)))
        page = services.search.by_text(query, filters=filters, cut=cut) if query else services.search.by_features(
            filters, cut)
        hits += page.hits
        if page.next is None or (most is not None and len(hits) >= most):
            return replace(page, hits=hits, next=None)
        cut = replace(cut, cursor=page.next)


@contextmanager
def shapes() -> Iterator[None]:
    """The API's shapes hold addresses, so they want a request; outside of one they begin at `/`."""
    with Flask(__name__).test_request_context():
        yield


def lines(services: Services, images: Iterable[Record]) -> Iterator[str]:
    """A line of JSON each; with `origins`, as `GET /images/ID/origins` gives them, where it was collected."""
    images = iter(images)
    while chunk := list(islice(images, CHUNK)):
        came_from = credits(services.database, chunk)
        for image in chunk:
            yield json.dumps(schemas.Image.of(image).model_dump(mode="json") | came_from.get(image.number, {}),
                             ensure_ascii=False, separators=(",", ":"))


def write_zip(services: Services, target: Path, search: Callable[[], Results],
              progress: Callable[[int], object] = lambda _: None) -> int:
    """The originals that `search` finds, and `results.json` as `GET /search` answers, each result with its `file`
    in the ZIP, null for one that is lost. Returns how many files are in it."""
    started = perf_counter()
    results = search()
    answer = schemas.Results(
        results=[schemas.Result.of(hit) for hit in results.hits], total=results.total, cutoff=results.cutoff,
        next=None, took_ms=round((perf_counter() - started) * 1000, 2)).model_dump(mode="json")
    came_from = credits(services.database, [hit.image for hit in results.hits])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for rank, hit, result in zip(count(1), results.hits, answer["results"], strict=False):
            result["image"] |= came_from.get(hit.image.number, {})
            _put(archive, services, rank, hit.image, result)
            progress(1)
        archive.writestr("results.json", json.dumps(answer, indent=1, ensure_ascii=False))
    return sum(1 for result in answer["results"] if result["file"])


def _put(archive: zipfile.ZipFile, services: Services, rank: int, image: Record, result: dict[str, Any]) -> None:
    result["file"] = None
    try:
        data = services.library.original(image)
    except NotFound:
        return
    result["file"] = safe_name(rank, image)
    archive.writestr(result["file"], data)
