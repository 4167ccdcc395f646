"""Where the service listens: beyond this machine only with a key."""
import ipaddress
from pathlib import Path

from imagesearch.config import Settings


def address(settings: Settings) -> str:
    """`HOST:PORT` for the server. Exits with the reason where others could reach a service without any key."""
    if not is_loopback(settings.host) and not settings.api_keys and not _keys_were_made(settings):
        raise SystemExit(
            f"HOST={settings.host} would let others in, and there is no key. Set API_KEYS to one of your own choice, "
            "or make one with `python -m imagesearch keys create NAME`; or leave HOST at 127.0.0.1.")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def is_loopback(host: str) -> bool:
    """`127.0.0.1`, `::1`, `localhost` and their like."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _keys_were_made(settings: Settings) -> bool:
    """Looked up without migrating or making a database: this runs before the fork."""
    from sqlalchemy import exc, inspect, text

    from imagesearch import engines

    url = engines.address(settings.database)
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).exists()):
        return False
    engine = engines.connect(settings.database)
    try:
        with engine.connect() as connection:
            return inspect(connection).has_table("keys") and bool(
                connection.execute(text("SELECT count(*) FROM keys")).scalar())
    except exc.DBAPIError as error:
        raise SystemExit(f"the database cannot be used: {error.orig}") from error
    finally:
        engine.dispose()
