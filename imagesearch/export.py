"""What is stored, for other programs, in the API's own shape: JSON lines, or a ZIP of originals."""
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter

from flask import Flask

from imagesearch.bootstrap import Services
from imagesearch.records import Record
from imagesearch.search import Cut, Filters, Hit, Results
from imagesearch.web import schemas
from imagesearch.web.zips import credits, pack

CHUNK = 100  # a page of the API has no more


def every(services: Services) -> Iterator[Record]:
    """All images, newest first."""
    below: int | None = None
    while True:
        page = services.library.page(CHUNK, below)
        yield from page.images
        if (below := page.next) is None:
            return


def found(services: Services, query: str | None, filters: Filters, cut: Cut, most: int | None = None) -> Results:
    """All pages of a search in one; without words, of a search by features."""
    hits: list[Hit] = []
    while True:
        cut = replace(cut, limit=min(CHUNK, CHUNK if most is None else most - len(hits)))
        page = (services.search.by_features(filters, cut) if query is None else
                services.search.by_text(query, filters=filters, cut=cut))
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
    return pack(target, services, results.hits, schemas.Results.of(results, None, perf_counter() - started), progress)
