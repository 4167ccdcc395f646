"""The least that an upload costs with these models over HTTP, in this framework, as durably.

A service with nothing in it but what cannot be left out: Flask reads the form, the picture is decoded and described
while its file is written and flushed, and one row is committed to SQLite before the answer. No keys, limits,
duplicates, vectors, tags, colours, search terms, logs or figures. What the real service takes over this is its own;
what this takes over the models alone, no service of this make can save.
"""

import hashlib
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flask import Flask, Response, jsonify, request

from benchmarks.alone import Alone
from benchmarks.service import Service
from captioning import images

# gunicorn's settings, as the real service has them in a file
worker_class, threads, loglevel, control_socket_disable = "gthread", 8, "warning", True

TABLE = "CREATE TABLE images (id INTEGER PRIMARY KEY, sha256 TEXT UNIQUE, filename TEXT, caption TEXT)"
ROW = "INSERT INTO images (sha256, filename, caption) VALUES (?, ?, ?)"


class Floor(Service):
    """That service in a process of its own."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.arguments = ("--config", "python:benchmarks.floor", "--bind", f"127.0.0.1:{self.port}",
                          "benchmarks.floor:create_app()")  # fmt: skip


def create_app() -> Flask:
    """`app.extensions["database"]` is the caller's to close."""
    app, alone, folder = Flask(__name__), Alone(), Path(os.environ["DATA_DIR"])
    disk, turn = ThreadPoolExecutor(threads), threading.Lock()
    database = app.extensions["database"] = sqlite3.connect(folder / "floor.db", check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", TABLE):
        database.execute(statement)

    @app.get("/readyz")
    def ready() -> Response:
        return jsonify("ready")

    @app.post("/upload")
    def upload() -> tuple[Response, int]:
        file = request.files["image"]
        data = file.read()
        sha256 = hashlib.sha256(data).hexdigest()
        written = disk.submit(_write, folder / sha256, data)
        caption = alone.caption(images.decode(data).image)
        written.result()
        with turn, database:
            id = database.execute(ROW, (sha256, file.filename, caption)).lastrowid
        return jsonify(id=id, caption=caption), 201

    return app


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
