"""Taking pictures in."""
from functools import partial

from flask import Response, request
from pydantic import TypeAdapter
from werkzeug.datastructures import FileStorage

from imagesearch.annotations import Annotation, display_name
from imagesearch.library import Added
from imagesearch.web import problems, schemas
from imagesearch.web.lifecycle import lifecycle, services
from imagesearch.web.multipart import Form, form
from imagesearch.web.openapi import UPLOADS, answers, blueprint, form_body, refusals, request_headers

api = blueprint("uploads", UPLOADS)
FILES, TEXTS = ("image", "image_file"), ("caption", "characteristics", "tags")
CHARACTERISTICS = TypeAdapter(list[schemas.GivenCharacteristic])


@api.post("/upload", openapi_extensions=form_body(schemas.UploadForm) | request_headers("Prefer"), responses={
    **answers(schemas.Image, {201: "Stored and described.", 200: "These bytes were here already.",
                              202: "Stored; it will be described (`Prefer: respond-async`)."}, {201: ["Location"]}),
    **answers(schemas.UploadResults, {207: "Several files, each with its own status."}),
    **refusals(400, 409, 413, 415, 422, 507)})
def upload() -> Response:
    """Store one picture or several

    Without a `caption` the models write one before the answer is sent; with the header `Prefer: respond-async` the
    answer comes at once, the image is `pending`, and the work survives a restart.

    The same bytes again give the record that exists, with the caption, tags or characteristics given now applied to
    it. What is given holds of every file of the request. Of several files each succeeds or fails on its own.
    """
    settings = services().settings
    with form(request, settings, settings.max_files, FILES, TEXTS) as parts:
        annotation = _annotation(parts)
        files = parts.files()
        wait = "respond-async" not in _preferences()
        if len(files) > 1:
            added = services().library.add_each(
                [(partial(parts.data, file), file.filename or "") for file in files], annotation, wait)
            results = [_result(file, one) for file, one in zip(files, added, strict=True)]
            return schemas.UploadResults(results=results).response(207)
        return _answer(_noted(services().library.add(parts.data(files[0]), files[0].filename or "", annotation, wait)))


def _answer(added: Added) -> Response:
    image, status = schemas.Image.of(added.image), _status(added)
    headers = {"Location": image.url} if added.created else {}
    if status == 202:
        headers["Preference-Applied"] = "respond-async"
    return image.response(status, **headers)


def _annotation(parts: Form) -> Annotation:
    tags, given = parts.text("tags"), parts.json("characteristics", CHARACTERISTICS)
    return Annotation(
        caption=parts.text("caption"),
        tags=None if tags is None else [tag for tag in tags.split(",") if tag.strip()],
        characteristics=None if given is None else [c.subject_of() for c in given])


def _noted(added: Added) -> Added:
    if added.image.status == "pending":
        lifecycle().wake()
    return added


def _result(file: FileStorage, added: Added | Exception) -> schemas.UploadResult:
    """One of several; an error is its own, not the request's."""
    name = display_name(file.filename or "")
    if isinstance(added, Exception):
        problem = problems.of(added)
        problems.record(added, problem)
        return schemas.UploadResult(filename=name, status=problem.status, problem=problem)
    return schemas.UploadResult(filename=name, status=_status(_noted(added)), image=schemas.Image.of(added.image))


def _status(added: Added) -> int:
    if not added.created:
        return 200
    return 202 if added.image.status == "pending" else 201


def _preferences() -> set[str]:
    """The names in `Prefer` (RFC 7240)."""
    given = ",".join(request.headers.getlist("Prefer")).lower()
    return {part.split(";")[0].split("=")[0].strip() for part in given.split(",")}
