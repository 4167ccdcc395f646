"""API keys: who may read, write or administer."""
import hashlib
import hmac
import secrets
from collections.abc import Collection

from sqlalchemy import bindparam, select

from imagesearch.commits import Stamp
from imagesearch.config import Settings
from imagesearch.db import Database, Key
from imagesearch.errors import Invalid, NotFound

ONE_KEY = select(Key.id).limit(1)
SCOPE_OF = select(Key.scopes).where(Key.hash == bindparam("hash"))
LONGEST_NAME = 200  # characters
SCOPES = ("read", "write", "admin")  # each includes those before it


class Keys:
    """Those of the setting `API_KEYS`, which may do everything, and those made on the command line."""

    def __init__(self, settings: Settings, database: Database):
        self.database = database
        self._fixed = [_hash(key) for key in settings.api_keys]
        self._found: tuple[Stamp | None, bool] = None, True  # as of which commit, and whether a key was made

    def required(self) -> bool:
        """Whether there is any key; without one everything is allowed, on loopback only."""
        if self._fixed:
            return True
        latest, (stamp, found) = self.database.commits.latest(), self._found
        if latest is None or latest != stamp:  # each request asks this
            with self.database.engine.connect() as connection:
                found = connection.execute(ONE_KEY).first() is not None
            self._found = latest, found
        return found

    def scope(self, token: str) -> str | None:
        """The widest scope of a key, None for one that is not known."""
        digest = _hash(token)
        if any(hmac.compare_digest(digest, fixed) for fixed in self._fixed):
            return "admin"
        with self.database.engine.connect() as connection:
            return connection.execute(SCOPE_OF, {"hash": digest}).scalar()

    def create(self, name: str, scope: str) -> str:
        """A new key, shown only now. Raises Invalid for a name in use or an unknown scope."""
        if scope not in SCOPES:
            raise Invalid(f"{scope!r} is none of {', '.join(SCOPES)}", "scope")
        if not name.strip():
            raise Invalid("is empty", "name")
        if len(name) > LONGEST_NAME:
            raise Invalid(f"has {len(name):,} characters; at most {LONGEST_NAME} are taken", "name")
        token = "is_" + secrets.token_urlsafe(32)
        with self.database.write() as session:
            if session.scalar(select(Key.id).where(Key.name == name)):
                raise Invalid(f"there is a key {name!r} already; revoke it first", "name")
            session.add(Key(name=name, hash=_hash(token), scopes=scope))
        return token

    def revoke(self, name: str) -> None:
        """Raises NotFound."""
        with self.database.write() as session:
            key = session.scalar(select(Key).where(Key.name == name))
            if key is None:
                raise NotFound(f"there is no key {name!r}", "name")
            session.delete(key)

    def all(self) -> Collection[Key]:
        with self.database.read() as session:
            return session.scalars(select(Key).order_by(Key.id)).all()


def allows(scope: str | None, needed: str) -> bool:
    return scope is not None and SCOPES.index(scope) >= SCOPES.index(needed)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
