"""The interface's description and a page to browse it, from local files alone."""
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, render_template, send_from_directory

from imagesearch.web.openapi import document

pages = Blueprint("docs", __name__)


@pages.get("/openapi.json")
def openapi() -> Response:
    return jsonify(document(current_app))  # type: ignore[arg-type]


@pages.get("/docs")
def docs() -> str:
    return render_template("docs.html")


@pages.get("/docs/swagger/<path:name>")
def swagger(name: str) -> Response:
    """Swagger UI's own files, out of the wheel that carries them."""
    return send_from_directory(_assets(), name, max_age=86400)


def _assets() -> Path:
    found = find_spec("flask_openapi3_swagger")
    if found is None or found.origin is None:
        raise FileNotFoundError("the wheel flask-openapi3-swagger is not installed")
    return Path(found.origin).parent / "templates" / "swagger"
