"""The one place that names concrete classes: settings in, a working service out."""
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import text

from captioning import registry
from imagesearch import engines
from imagesearch.config import Settings
from imagesearch.db import Database, open_database
from imagesearch.describer import Describer
from imagesearch.errors import BadSetting
from imagesearch.index import TextIndex, VectorIndex, pgvector
from imagesearch.index.exact import ExactIndex
from imagesearch.index.fts5 import FTS5Index
from imagesearch.index.pgvector import PgvectorIndex
from imagesearch.index.tsvector import TsvectorIndex
from imagesearch.keys import Keys
from imagesearch.library import Library
from imagesearch.search import Search
from imagesearch.storage import FolderStorage
from imagesearch.tagging import Tagging
from imagesearch.teaching import Teaching
from imagesearch.worker import Worker

if TYPE_CHECKING:
    from captioning.joint import Joint
    from captioning.runtime import Hint
    from captioning.taggers import Teachable

log = logging.getLogger(__name__)

WORDS: dict[str, Callable[[], TextIndex]] = {"sqlite": FTS5Index, "postgresql": TsvectorIndex}  # by engine
VECTORS: dict[str, Callable[[str], VectorIndex]] = {"memory": ExactIndex, "pgvector": PgvectorIndex}
_loading = threading.RLock()


if TYPE_CHECKING:
    once = cached_property
else:
    class once(cached_property):  # noqa: N801 - a decorator
        """A cached property that is made once, however many threads ask for it at first."""

        def __get__(self, instance, owner=None):
            with _loading:  # only until it is made: then the instance's own attribute answers
                return super().__get__(instance, owner)


@dataclass(frozen=True)
class Services:
    """What the web and the command line work with. The models are loaded when first asked for, once.

    `hint`: whether one picture is to be done soonest, or many.
    """

    settings: Settings
    database: Database
    storage: FolderStorage
    keys: Keys
    hint: "Hint" = "LATENCY"

    @once
    def describer(self) -> Describer:
        settings = self.settings
        with ThreadPoolExecutor() as pool:  # 0.35 s on two cores and not 0.6: most of it is arithmetic without the GIL
            encoder = pool.submit(registry.load, settings.encoder, settings.models_dir, hint=self.hint)
            captioner, joint = pool.submit(self._fitting, settings.captioner), pool.submit(self._joint)
            return Describer(encoder.result(), captioner.result(), joint.result(), self._taggers())

    @once
    def library(self) -> Library:
        describer = self.describer
        tagging = None
        if describer.taggers and describer.pooled_space:
            tagging = Tagging(describer.taggers, ExactIndex(describer.pooled_space), describer.lesson_space)
        words = WORDS[self.database.engine.dialect.name]()
        return Library(self.settings, self.database, self.storage, words, describer, tagging)

    @once
    def search(self) -> Search:
        vectors = VECTORS[self.settings.vectors]
        joint = vectors(self.describer.joint_space) if self.describer.joint_space else None
        return Search(self.database, self.library, self.library.text, vectors(self.describer.similar_space),
                      joint, self.describer)

    @once
    def teaching(self) -> Teaching:
        return Teaching(self.library)

    @once
    def worker(self) -> Worker:
        return Worker(self.library)

    def _fitting(self, name: str) -> Any:
        """A model over the encoder's maps. Raises ModelMissing, and OtherEncoder for one made for another."""
        folder = self.settings.models_dir
        registry.check_encoder(registry.card(name, folder), registry.card(self.settings.encoder, folder))
        return registry.load(name, folder)

    def _joint(self) -> "Joint | None":
        """Only `mode=visual` needs it, so the service runs without it."""
        if self.settings.joint == "none":
            return None
        try:
            return cast("Joint", self._fitting(self.settings.joint))
        except (registry.ModelMissing, registry.OtherEncoder) as error:
            log.warning("text search compares words alone: %s", error)
            return None

    def _taggers(self) -> "Teachable | None":
        """The trained tagger and, to learn with, the statistics' space without its tags."""
        from captioning.taggers import Teachable

        if self.settings.tagger == "none":
            return None
        try:
            return Teachable(self._fitting(self.settings.tagger), self._fitting(self.settings.learner).blank())
        except (registry.ModelMissing, registry.OtherEncoder) as error:
            log.warning("images get no tags of their own: %s", error)
            return None

    def warm(self) -> None:
        """Loads the models, runs each once and fills the indexes, so that no request pays for it."""
        from PIL import Image

        described = self.describer.describe(Image.new("RGB", (224, 224)))
        if self.settings.vectors == "pgvector":
            for index in filter(None, (self.search.similar, self.search.joint)):
                pgvector.create(self.database, index.space, len(described.vectors[index.space]))
        with self.database.read() as session:
            self.search.text.count(session)
            self.search.similar.count(session)
            if self.search.joint:
                self.search.joint.count(session)
            if self.library.tagging:
                self.library.tagging.pictures.count(session)

    def troubles(self) -> dict[str, str]:
        """What does not work just now, by part; empty when all is well."""
        found = {}
        try:
            with self.database.read() as session:
                session.execute(text("SELECT count(*) FROM keys"))
        except Exception as error:
            found["database"] = str(error)
        try:
            (self.storage.root / ".writable").write_bytes(b"")
        except OSError as error:
            found["storage"] = str(error)
        return found


def build(settings: Settings, hint: "Hint" = "LATENCY") -> Services:
    """Opens the database and the storage; loads no model. Raises BadSetting."""
    if settings.vectors == "pgvector" and engines.address(settings.database).get_backend_name() != "postgresql":
        raise BadSetting("VECTORS=pgvector needs PostgreSQL: set DATABASE_URL, or leave VECTORS at memory")
    database = open_database(settings.database)
    storage = FolderStorage(Path(settings.storage_url) if settings.storage_url else settings.data_dir)
    return Services(settings, database, storage, Keys(settings, database), hint)
