"""Every setting of the service, read once from the environment."""
import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from imagesearch.errors import BadSetting

ROOT = Path(__file__).resolve().parent.parent


def setting(default: Any, help: str, form: str = ".*", must: str = "") -> Any:
    """`form`: what a text has to match; `must`: the same in words."""
    return field(default=default, metadata={"help": help, "form": form, "must": must})


@dataclass(frozen=True)
class Settings:
    """Frozen; a field's environment variable is its name in capitals."""

    data_dir: Path = setting(ROOT / "upload_folder", "folder of the originals, the thumbnails and the SQLite file")
    database_url: str = setting(
        "", "URL of the database, `postgresql://…` or `sqlite:///…`; empty: SQLite in `DATA_DIR`")
    storage_url: str = setting("", "where originals and thumbnails go: a folder; empty: `DATA_DIR`",
                               r"(?!\w[\w+.-]*://).*", "be the path of a folder; no other storage is supported")
    vectors: str = setting(
        "memory", "where vectors are compared: exactly in `memory`, or by PostgreSQL's `pgvector`",
        "memory|pgvector", "be memory or pgvector")
    models_dir: Path = setting(ROOT / "models", "folder of the weights and their cards")
    encoder: str = setting("vgg16", "name of the encoder, see `GET /models`")
    captioner: str = setting("vgg16-lstm", "name of the captioner")
    joint: str = setting("joint", "name of the joint text-image model; `none` switches visual text search off")
    tagger: str = setting("tags-mlp", "name of the trained tagger; `none` switches model tags off")
    learner: str = setting("tags-bayes", "name of the tagger that learns from feedback")
    host: str = setting("127.0.0.1", "address to listen on; anything but loopback needs a key")
    port: int = setting(8000, "port to listen on")
    threads: int = setting(8, "requests served at once")
    api_keys: tuple[str, ...] = setting((), "keys that may do everything, separated by commas")
    require_key_for_reads: bool = setting(False, "`1`: reading needs a key too")
    max_upload_mb: int = setting(25, "largest file accepted, in MB (10⁶ bytes)")
    max_files: int = setting(50, "most files in one upload")
    max_pixels: int = setting(50_000_000, "largest picture accepted, width × height")
    speech_voice: str = setting("en", "eSpeak NG's voice that speaks captions: `en`, `en-us`, `de`, `en+f3`, …")
    speech_speed: int = setting(165, "words per minute it speaks, 80 to 450")
    openverse_url: str = setting("https://api.openverse.org/v1/", "where `collect` looks for pictures")
    openverse_token: str = setting("", "an access token for it; without one it allows fewer requests")
    log_level: str = setting("INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
                             "DEBUG|INFO|WARNING|ERROR", "be DEBUG, INFO, WARNING or ERROR")

    @property
    def database(self) -> str:
        """The URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'imagesearch.db'}"

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 10**6

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises `BadSetting`, naming the variable and the value."""
        return cls(**{f.name: _parse(f, environ[f.name.upper()]) for f in fields(cls) if environ.get(f.name.upper())})


def _parse(field: Field[Any], text: str) -> Any:
    name = field.name.upper()
    if isinstance(field.default, bool):
        if text.lower() not in {"0", "1", "true", "false", "yes", "no"}:
            raise BadSetting(f"{name}={text!r}: must be 0 or 1")
        return text.lower() in {"1", "true", "yes"}
    if isinstance(field.default, int):
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise BadSetting(f"{name}={text!r}: must be a whole number of at least 1")
        return int(text)
    if isinstance(field.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if not re.fullmatch(field.metadata["form"], text, re.DOTALL):
        raise BadSetting(f"{name}={text!r}: must {field.metadata['must']}")
    return Path(text) if isinstance(field.default, Path) else text
