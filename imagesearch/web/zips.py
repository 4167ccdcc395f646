"""The originals that a search found, as a ZIP."""
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Response, send_file

from captioning.images import EXTENSIONS
from imagesearch.bootstrap import Services
from imagesearch.db import Database
from imagesearch.errors import NotFound
from imagesearch.origins import of_images
from imagesearch.records import Record
from imagesearch.search import Hit
from imagesearch.web.lifecycle import services
from imagesearch.web.schemas import Origin, Results

IN_MEMORY = 32 * 2**20  # bytes; more goes to the disk
FORBIDDEN = '<>:"/\\|?*'  # in a filename, on one system or another


def response(hits: Sequence[Hit], results: Results) -> Response:
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    pack(file, services(), hits, results)
    size = file.tell()
    file.seek(0)
    answer = send_file(file, "application/zip", as_attachment=True, download_name="results.zip")
    answer.content_length = size
    return answer


def pack(target: Path | IO[bytes], services: Services, hits: Sequence[Hit], results: Results,
         progress: Callable[[int], object] = lambda _: None) -> int:
    """Stored, not deflated: photos do not get smaller. `results.json` names each result's file, null for a lost one.
    Returns how many files are in it."""
    listed = results.model_dump(mode="json")
    came_from = credits(services.database, [hit.image for hit in hits])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for rank, (hit, result) in enumerate(zip(hits, listed["results"], strict=True), 1):
            result["file"] = _put(archive, services, rank, hit.image)
            result["image"] |= came_from.get(hit.image.number, {})
            progress(1)
        archive.writestr("results.json", json.dumps(listed, indent=1, ensure_ascii=False))
    return sum(1 for result in listed["results"] if result["file"])


def credits(database: Database, images: Sequence[Record]) -> dict[int, dict[str, Any]]:
    """By number, `origins` as `GET /images/ID/origins` gives them, of those images that were collected from the web:
    who gives the files away has to name their authors."""
    with database.read() as session:
        found = of_images(session, [image.number for image in images])
    return {number: {"origins": [Origin.of(one).model_dump(mode="json") for one in those]}
            for number, those in found.items()}


def _put(archive: zipfile.ZipFile, services: Services, rank: int, image: Record) -> str | None:
    try:
        data = services.library.original(image)
    except NotFound:
        return None
    archive.writestr(name := safe_name(rank, image), data)
    return name


def safe_name(rank: int, image: Record) -> str:
    """`001-garden.jpg`: unique by its rank, and a plain name on every system."""
    stem = "".join("_" if c in FORBIDDEN else c for c in PurePath(image.filename).stem)[:80].strip(". ")
    return f"{rank:03}-{stem or 'image'}{EXTENSIONS[image.format]}"
