"""What is stored: listed, read, changed, deleted; its file and its thumbnail."""
import base64
import binascii
from typing import Literal
from urllib.parse import quote

from flask import Response, request

from captioning.images import MEDIA_TYPES
from imagesearch import origins
from imagesearch.errors import Changed, Invalid, NotFound
from imagesearch.records import Shown
from imagesearch.web import conditions, schemas
from imagesearch.web.json_body import body
from imagesearch.web.lifecycle import services
from imagesearch.web.openapi import IMAGES, answers, blueprint, contents, patch_body, refusals, request_headers
from imagesearch.web.paging import cursor_below, next_page

api = blueprint("images", IMAGES)
FOR_EVER = "private, max-age=31536000, immutable"  # a file's bytes never change under its address
NEVER_RUN = "default-src 'none'; sandbox"  # an original is a stranger's file
ETAG = {200: ["ETag"]}


@api.get("/images", responses={**answers(schemas.Listing, {200: "A page of images."}), **refusals(422)})
def list_images(query: schemas.PageQuery) -> Response:
    """All images, the newest first

    `next` leads to the older ones; what is uploaded meanwhile does not shift the pages.
    """
    library = services().library
    listing = library.page(query.limit, _below(query.cursor))
    cursor = None if listing.next is None else cursor_below(listing.next)
    return schemas.Listing(images=[schemas.Image.of(i) for i in listing.images], total=library.count(),
                           next=next_page(cursor)).response()


@api.get("/images/<id>", openapi_extensions=request_headers("If-Match", "If-None-Match"), responses={
    **answers(schemas.Image, {200: "The image."}, ETAG), 304: {"description": "Still that version."},
    **refusals(404, 412)})
def get_image(path: schemas.ImagePath) -> Response:
    """One image"""
    return conditions.checked(_answer(services().library.get(path.id)))


@api.patch("/images/<id>", openapi_extensions=patch_body(schemas.ImagePatch) | request_headers("If-Match"), responses={
    **answers(schemas.Image, {200: "The image as it is now."}, ETAG), **refusals(404, 412, 413, 415, 422)})
def update_image(path: schemas.ImagePath) -> Response:
    """Change what is said of an image

    A JSON merge patch (RFC 7396) of `caption`, `tags` and `characteristics`: what is left out stays, a list replaces
    the list. What is written becomes the user's, and no model overwrites it. `caption: null` asks for a new generated
    one. Tags are names, or objects as the service gives them; a tag or characteristic of a model that is given back
    unchanged stays the model's; tags added and removed are lessons to the taggers. With `If-Match` the change is made
    only to the version it names.
    """
    patch = schemas.ImagePatch.model_validate(body("application/merge-patch+json", "application/json"))
    image = services().teaching.update(path.id, patch.annotation(), _expected(path.id), patch.recaption)
    return _answer(image)


@api.delete("/images/<id>", openapi_extensions=request_headers("If-Match"), responses={
    204: {"description": "Gone: file, row and vectors."}, **refusals(404, 412, 422)})
def delete_image(path: schemas.ImagePath, query: schemas.DeleteQuery) -> Response:
    """Delete an image

    What it taught the taggers stays, unless `lessons=forget` takes it along: then all other images are tagged again
    as if those lessons had not been given. That cannot be undone.
    """
    delete = services().teaching.forget if query.lessons == "forget" else services().library.delete
    delete(path.id, _expected(path.id))
    return Response(status=204)


@api.get("/images/<id>/file", openapi_extensions=request_headers("Range", "If-Match", "If-None-Match"), responses={
    200: contents("The original.", *MEDIA_TYPES.values()), 206: contents("A part of it.", *MEDIA_TYPES.values()),
    304: {"description": "Still those bytes."}, **refusals(404, 412, 416)})
def get_file(path: schemas.ImagePath) -> Response:
    """The original bytes, unchanged"""
    image = services().library.get(path.id)
    try:
        answer = conditions.file(services().storage.path(image.sha256), MEDIA_TYPES[image.format], image.sha256)
    except FileNotFoundError:
        raise NotFound(f"the file of image {image.id} is gone") from None
    answer.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(image.filename, safe='')}"
    answer.headers["Content-Security-Policy"] = NEVER_RUN
    answer.headers["Cache-Control"] = FOR_EVER
    return answer


@api.get("/images/<id>/origins", responses={
    **answers(schemas.Origins, {200: "The first first; none for an image that was uploaded."}), **refusals(404)})
def get_origins(path: schemas.ImagePath) -> Response:
    """Where an image came from

    URL, title, author and licence of an image that was collected from the web, as they were given there: what it takes
    to credit its author.
    """
    number = services().library.get(path.id).number
    with services().database.read() as session:
        kept = origins.of_images(session, [number]).get(number, [])
    return schemas.Origins(origins=[schemas.Origin.of(origin) for origin in kept]).response()


@api.get("/images/<id>/thumbnail", openapi_extensions=request_headers("Range", "If-Match", "If-None-Match"), responses={
    200: contents("A smaller picture.", "image/webp", "image/jpeg"),
    206: contents("A part of it.", "image/webp", "image/jpeg"), 304: {"description": "Still those bytes."},
    **refusals(404, 412, 416, 422)})
def get_thumbnail(path: schemas.ImagePath, query: schemas.ThumbnailQuery) -> Response:
    """A smaller picture, upright

    WebP, or JPEG where `Accept` prefers it.
    """
    image = services().library.get(path.id)
    format: Literal["WEBP", "JPEG"] = "WEBP" if _wants_webp() else "JPEG"
    file = services().library.thumbnail(image, query.size, format)
    try:
        answer = conditions.file(file, MEDIA_TYPES[format], f"{image.sha256}-{query.size}-{format}")
    except FileNotFoundError:
        raise NotFound(f"image {image.id} has just been deleted") from None
    answer.headers["Cache-Control"] = FOR_EVER
    answer.vary.add("Accept")
    return answer


def _answer(image: Shown) -> Response:
    answer = schemas.Image.of(image).response()
    answer.set_etag(_etag(image))
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _etag(image: Shown) -> str:
    return f"{image.id}.{image.version}"


def _expected(id: str) -> int | None:
    """The version that `If-Match` demands (RFC 9110, 13.1.1), None for any. Raises NotFound, Changed."""
    if "If-Match" not in request.headers:
        return None
    image = services().library.get(id)
    if request.if_match.star_tag:
        return None
    if not request.if_match.contains(_etag(image)):
        raise Changed(f'image {id} is at "{_etag(image)}", not at {request.headers["If-Match"][:100]}: read it again, '
                      "then repeat the change", "If-Match")
    return image.version


def _below(cursor: str | None) -> int | None:
    """Raises Invalid."""
    if cursor is None:
        return None
    try:
        number = int(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error):
        number = -1
    if not 0 <= number < 2**63:
        raise Invalid("is not one that this service gave out; start without a cursor", "cursor")
    return number


def _wants_webp() -> bool:
    return request.accept_mimetypes.best_match(["image/webp", "image/jpeg"], "image/jpeg") == "image/webp"
