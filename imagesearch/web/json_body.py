"""Requests whose body is JSON."""
import json
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from imagesearch.web.slots import waiting_for_the_client

LARGEST = 2**20  # bytes


def body(*types: str) -> Any:
    """What the body says, if it is of one of these media types. Raises the HTTP errors 400, 413 and 415."""
    if request.mimetype not in types:
        sent = request.mimetype or "a body without Content-Type"
        raise UnsupportedMediaType(f"send {' or '.join(types)}, not {sent}")
    request.max_content_length = LARGEST
    with waiting_for_the_client():
        data = request.get_data()
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {str(error)[:200]}") from error
