"""Headers that keep a browser from doing what an answer does not need."""
from flask import Flask, Response

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DATA = "default-src 'none'; frame-ancestors 'none'"
# Pages load from here alone; images also from a file just chosen (blob:) and from Swagger UI's styles (data:).
PAGE = ("default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")


def init_app(app: Flask) -> None:
    app.after_request(_harden)


def _harden(response: Response) -> Response:
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", PAGE if response.mimetype == "text/html" else DATA)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
