"""What comes in pages."""
import base64
from urllib.parse import urlencode

from flask import request


def next_page(cursor: str | None) -> str | None:
    """The same request from `cursor` on."""
    if cursor is None:
        return None
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{request.script_root}{request.path}?{urlencode([*asked, ('cursor', cursor)])}"


def cursor_below(number: int) -> str:
    """Where a listing goes on: with the image of the next smaller number."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")
