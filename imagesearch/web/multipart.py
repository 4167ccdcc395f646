"""A `multipart/form-data` body, read within its limits and never as a whole into memory."""
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Request
from pydantic import TypeAdapter, ValidationError
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from imagesearch.annotations import LONGEST_VALUE, display_name
from imagesearch.config import Settings
from imagesearch.errors import Invalid, TooLarge
from imagesearch.web.slots import waiting_for_the_client

IN_MEMORY = 2**20  # bytes of a file; more goes to the disk
LONGEST_TEXT = 256 * 2**10  # bytes of a text part: a hundred characteristics at their limits
MOST_TEXTS = 20  # parts beside the files
LARGEST_BODY = 512 * 2**20  # bytes; several clients at once must not fill the disk


def largest_body(settings: Settings, files: int) -> int:
    """All files at their limit, within reason, and one at the least; a MiB for the texts and the boundaries."""
    return max(min(files * settings.max_upload_bytes, LARGEST_BODY), settings.max_upload_bytes) + 2**20


class CappedFile(SpooledTemporaryFile[bytes]):
    """Keeps what is within the limit and only counts what is over it, so that one file of many may be too large."""

    def __init__(self, limit: int):
        super().__init__(max_size=IN_MEMORY)
        self.limit, self.length = limit, 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        room = max(0, self.limit - self.length)
        self.length += len(data)
        super().write(data[:room])
        return len(data)


@contextmanager
def form(request: Request, settings: Settings, most: int, files: Sequence[str],
         texts: Sequence[str] = ()) -> Iterator["Form"]:
    """The body's parts, while their files are open; only those names are taken, and at most so many files.

    Raises BadRequest, UnsupportedMediaType, TooLarge, Invalid.
    """
    opened: list[CappedFile] = []
    try:
        yield Form(settings, *_parsed(request, settings, most, opened), most, files, texts)
    finally:
        for file in opened:
            file.close()


class Form:
    """The parts of a body."""

    def __init__(self, settings: Settings, given_texts: MultiDict[str, str], given_files: MultiDict[str, FileStorage],
                 most: int, files: Sequence[str], texts: Sequence[str]):
        self._settings, self._most, self._names = settings, most, files
        self._texts, self._files = given_texts, given_files
        for name in self._files:
            if name not in files:
                _refuse(name, [*files, *texts], "must be a text, not a file: send it without a filename")
        for name in self._texts:
            if name not in texts:
                _refuse(name, [*files, *texts], "must be a file: send it with a filename")

    def files(self) -> list[FileStorage]:
        """In the order of the parts. Raises Invalid where there is none."""
        found = [f for name in self._names for f in self._files.getlist(name) if f.filename or _length(f)]
        if not found:
            raise Invalid("is required: a part with a picture and its filename", self._names[0])
        if len(found) > self._most:
            raise TooLarge(f"there are {len(found)} files; at most {self._most} are taken at once", self._names[0])
        return found

    def text(self, name: str) -> str | None:
        """None where it was not given or left blank, as a page's form does. Raises Invalid for more than one."""
        given = [text for text in self._texts.getlist(name) if text.strip()]
        if len(given) > 1:
            raise Invalid(f"is given {len(given)} times; give it once", name)
        return given[0] if given else None

    def json(self, name: str, kind: TypeAdapter[Any]) -> Any:
        """Raises Invalid, naming the place."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"is not JSON: {str(error)[:200]}", name) from error
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            raise Invalid(first["msg"], ".".join(map(str, (name, *first["loc"])))) from error

    def data(self, file: FileStorage) -> bytes:
        """Raises TooLarge with the measured size."""
        length, limit = _length(file), self._settings.max_upload_bytes
        if length > limit:
            raise TooLarge(f"the file has {length:,} bytes; at most {limit:,} are taken "
                           f"(MAX_UPLOAD_MB={self._settings.max_upload_mb})", self._names[0])
        return file.read()


def _parsed(request: Request, settings: Settings, most: int,
            opened: list[CappedFile]) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(f"send multipart/form-data, not {request.mimetype or 'a body without Content-Type'}")
    def open_file(*_: Any, **__: Any) -> IO[bytes]:
        opened.append(CappedFile(settings.max_upload_bytes))
        return opened[-1]

    # one more than are taken, so that a file over its limit is told that limit
    limit = request.max_content_length = largest_body(settings, min(most + 1, settings.max_files))
    parser = FormDataParser(open_file, LONGEST_TEXT, silent=False, max_form_parts=most + MOST_TEXTS)
    try:
        with waiting_for_the_client():
            _, texts, files = parser.parse(
                request.stream, request.mimetype, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge:
        if request.content_length is not None and request.content_length > limit:
            raise
        raise TooLarge(f"the body has more than {limit:,} bytes, more than {most + MOST_TEXTS} parts or a text part of "
                       f"more than {LONGEST_TEXT:,} bytes", "body") from None
    return texts, files


def _length(file: FileStorage) -> int:
    return file.stream.length  # type: ignore[attr-defined]


def _refuse(name: str | None, known: Sequence[str], hint: str) -> None:
    """Raises Invalid for a part that is of the wrong kind or not known at all; one without a name is `None`."""
    message = hint if name in known else f"is not a part of this request; there are {', '.join(known)}"
    raise Invalid(message, display_name(name)[:LONGEST_VALUE] if name else "(a part without a name)")
