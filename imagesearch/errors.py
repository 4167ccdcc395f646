"""What a caller can do wrong. No HTTP here: `imagesearch.web.problems` gives each its status."""
import errno
import sqlite3


def is_full_disk(error: BaseException) -> bool:
    """Nobody's wrong, and a passing one."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def is_unavailable(error: BaseException) -> bool:
    """The database does not answer, or takes nothing just now: a standby after a failover is read-only."""
    from sqlalchemy import exc  # 14 MB that gunicorn's master, which reads the settings, has no use for

    if isinstance(error, exc.OperationalError | exc.TimeoutError):
        return True
    return isinstance(error, exc.InternalError) and getattr(error.orig, "sqlstate", "") == "25006"


def is_damaged_database(error: BaseException) -> bool:
    """SQLite's own word for it, plain or wrapped by SQLAlchemy: a page that is none, or a file that is no database."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}  # above them: where it was met


class ServiceError(Exception):
    """Base of all; the message tells the caller what to do, `field` the part of the request at fault."""

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.message, self.field = message, field


class BadSetting(ServiceError):
    """An environment variable does not make sense."""


class NotFound(ServiceError):
    """No image of that id."""


class Invalid(ServiceError):
    """A field's value is not acceptable."""


class UnsupportedImage(ServiceError):
    """The bytes are not a picture of an accepted format."""


class DamagedImage(ServiceError):
    """The bytes begin like a picture but cannot be read, or cost too much to read."""


class TooLarge(ServiceError):
    """A file, a picture or a field is over its limit."""


class Changed(ServiceError):
    """The image is not the version the caller named in `If-Match`."""


class ModelMissing(ServiceError):
    """The request needs a model that is not installed."""
