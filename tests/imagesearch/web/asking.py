"""How the tests speak to the service, and the one assertion that every refusal goes through."""
import io
import json
from collections.abc import Sequence
from typing import Any

from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart


def refused(response: TestResponse, status: int, field: str | None = None, *said: str) -> dict[str, Any]:
    """A problem of the documented shape, with that field at fault and those words somewhere in it."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"
    problem = response.get_json()
    assert list(problem) == ["type", "title", "status", "detail", "errors", "request_id"]
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert all(error["field"] and error["message"] for error in problem["errors"])
    assert field is None or field in [error["field"] for error in problem["errors"]], problem
    for words in said:
        assert words in json.dumps(problem, ensure_ascii=False), problem
    return problem


def part(data: bytes, name: str = "photo.jpg") -> FileStorage:
    return FileStorage(io.BytesIO(data), name)


def form(parts: dict[str, Any]) -> dict[str, Any]:
    """What makes a multipart request of a test client's; in memory, where the client would leave a file open."""
    boundary, body = encode_multipart(MultiDict(parts))
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def send(client: FlaskClient, data: bytes | Sequence[bytes], name: str = "photo.jpg", **fields: Any) -> TestResponse:
    """Uploads one picture or several, with `headers` and other parts."""
    headers = fields.pop("headers", {})
    files = [data] if isinstance(data, bytes) else data
    return client.post("/upload", **form({"image": [part(d, name) for d in files], **fields}), headers=headers)


def stored(client: FlaskClient, data: bytes, name: str = "photo.jpg", **fields: Any) -> dict[str, Any]:
    """Uploads one picture that is new and gives its resource."""
    response = send(client, data, name, **fields)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.get_json()


def fetched(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    """A file, read to its end and closed; `If_Match="x"` sends `If-Match: x`."""
    return client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()}, buffered=True)


def found(client: FlaskClient, path: str, **query: Any) -> list[str]:
    """The ids that a search finds."""
    response = client.get(path, query_string=query)
    assert response.status_code == 200, response.get_data(as_text=True)
    return [result["image"]["id"] for result in response.get_json()["results"]]
