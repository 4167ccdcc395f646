"""The OpenAPI 3.1 document, generated from the routes, their docstrings and the schemas."""
from collections.abc import Iterable, Mapping
from typing import Any

from flask_openapi3 import APIBlueprint, Info, OpenAPI, Tag
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from imagesearch.config import Settings
from imagesearch.web import schemas

UPLOADS = Tag(name="Upload", description="Taking pictures in.")
IMAGES = Tag(name="Images", description="What is stored: read, changed, deleted.")
SEARCH = Tag(name="Search", description="Finding pictures by words, by what they show, by another picture.")
TEACHING = Tag(name="Teaching", description="Saying which tags are right; the library follows.")
SERVICE = Tag(name="Service", description="The service itself.")

# A key is asked for only where one has been set, so each operation may also be called without.
KEY: list[dict[str, list[str]]] = [{}, {"key": []}]
ANY_TIME = (400, 401, 403, 421, 500, 503)  # whatever the request

REASONS = {
    400: "The request is malformed.",
    401: "A key is needed: `Authorization: Bearer KEY`.",
    403: "The key may not do this, or the request came from another site's page.",
    404: "There is no such thing.",
    409: "The same picture was being deleted at this moment; send it again.",
    412: "The image is not at the version that `If-Match` names, or has changed after `If-Unmodified-Since`.",
    413: "A file, a picture or the body is over its limit; the problem says which and its value.",
    415: "The body, or the file, is of a kind that is not taken.",
    416: "The range is not in the file.",
    421: "Without a key the service answers only to the names of this machine.",
    422: "A field's value is not acceptable, or the picture is damaged; `errors` names the fields.",
    500: "A fault of the service.",
    503: "The models, the database or the storage do not answer just now.",
    507: "The disk of the service is full.",
}
HEADERS = {
    "Accept": "`application/zip`: the originals of this page in a ZIP with a `results.json`.",
    "If-Match": "Do it only if the image is still at this version (its `ETag`), or `*`.",
    "If-None-Match": "`304` if the content is still this version.",
    "Range": "`bytes=FIRST-LAST`: a part of the file.",
    "Prefer": "`respond-async`: answer at once, describe later.",
    "Location": "Address of the new image.",
    "ETag": "The version; give it back in `If-Match` or `If-None-Match`.",
}


def blueprint(name: str, tag: Tag, security: list[dict[str, list[str]]] = KEY) -> APIBlueprint:
    """Routes under one heading; an operation's id is the name of its function."""
    return APIBlueprint(name, f"imagesearch.web.{name}", abp_tags=[tag], abp_security=security,
                        operation_id_callback=lambda name, path, method: name)


def answers(model: type[schemas.Answer], reasons: Mapping[int, str],
            headers: Mapping[int, Iterable[str]] | None = None) -> dict[int | str, Any]:
    """Responses with this JSON."""
    return {status: {
        "description": reason,
        "content": {"application/json": {"schema": _reference(model)}},
        "headers": {name: {"description": HEADERS[name], "schema": {"type": "string"}}
                    for name in (headers or {}).get(status, ())}} for status, reason in reasons.items()}


def contents(description: str, *types: str) -> dict[str, Any]:
    """A response with bytes of these media types."""
    return {"description": description, "content": {t: {"schema": {}} for t in types}}


def refusals(*statuses: int) -> dict[int | str, Any]:
    """The problems a route may answer with, beside those that any may."""
    return {status: {"description": REASONS[status],
                     "content": {"application/problem+json": {"schema": _reference(schemas.Problem)}}}
            for status in sorted({*statuses, *ANY_TIME})}


def form_body(model: type[BaseModel]) -> dict[str, Any]:
    """The request is a multipart form."""
    return _body(model, "multipart/form-data")


def patch_body(model: type[BaseModel]) -> dict[str, Any]:
    """The request is a JSON merge patch; plain JSON is taken for one."""
    return _body(model, "application/merge-patch+json", "application/json")


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The request is JSON."""
    return _body(model, "application/json")


def request_headers(*names: str) -> dict[str, Any]:
    """Headers that a route reads."""
    return {"x-headers": [{"name": name, "in": "header", "description": HEADERS[name], "schema": {"type": "string"}}
                          for name in names]}


def create(settings: Settings) -> OpenAPI:
    """An application whose routes describe themselves."""
    return OpenAPI(
        "imagesearch.web", info=Info(title="Image search", version="1", description=_about(settings)),
        security_schemes={"key": {"type": "http", "scheme": "bearer",
                                  "description": "One of `API_KEYS`, or one made on the command line by `keys`."}},
        validation_error_model=schemas.Problem, doc_ui=False)


def document(app: OpenAPI) -> dict[str, Any]:
    """The whole document, made at the first call."""
    if "openapi" not in app.extensions:
        spec = app.api_doc
        spec["components"]["schemas"] = _components()
        for operation in (o for path in spec["paths"].values() for o in path.values()):
            _tidy(operation)
        app.extensions["openapi"] = spec
    return app.extensions["openapi"]


def _about(settings: Settings) -> str:
    return f"""Store photos, have them described, find them again.

Errors are RFC 9457 problems. A file may have {settings.max_upload_mb} MB, a picture {settings.max_pixels:,} pixels,
an upload {settings.max_files} files. Every answer carries an `X-Request-ID`, the client's own where it sent one.
Where a key has been set, changes need `Authorization: Bearer KEY`{
    ", and so do reads" if settings.require_key_for_reads else ""}."""


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _body(model: type[BaseModel], *types: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {t: {"schema": _reference(model)} for t in types}}}


def _components() -> dict[str, Any]:
    """Pydantic's own schemas: flask-openapi3's copies of them lose keywords."""
    out = [(model, "serialization") for model in schemas.Answer.__subclasses__()]
    taken = [(model, "validation")
             for model in (schemas.UploadForm, schemas.QueryForm, schemas.ImagePatch, schemas.Feedback)]
    _, found = models_json_schema([*out, *taken], ref_template="#/components/schemas/{model}")  # type: ignore[list-item]
    return found["$defs"]


def _tidy(operation: dict[str, Any]) -> None:
    """Undoes what flask-openapi3 adds: HTML in descriptions, a 422 that no route answers with."""
    operation["description"] = operation.get("description", "").replace("<br/>", "\n").strip()
    operation["parameters"] = operation.get("parameters", []) + operation.pop("x-headers", [])
    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
        del operation["responses"]["422"]
