"""Pictures under open licences, found by Openverse, WordPress' search engine for them (https://api.openverse.org)."""
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from imagesearch.errors import Invalid
from imagesearch.fetching import Fetcher
from imagesearch.hosts import Unfetched
from imagesearch.origins import Source

LICENCES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd", "sampling+", "nc-sampling+")
FREE = ("cc0", "pdm", "by", "by-sa")  # those that allow changes and commerce
MOST = 240  # results of one search that Openverse shows; it asks not to be copied as a whole
PAGE = 20  # results a page, the most without a token
LONGEST_QUERY = 200  # characters; Openverse cuts off the rest


def search(fetcher: Fetcher, api: str, query: str, limit: int, licences: Sequence[str] = FREE, token: str = "",
           titles: bool = False) -> Iterator[Source]:
    """The first `limit` of what it finds, a request for every twenty.

    :param api: address of its version 1
    :param token: an access token, for more requests an hour
    :param titles: titles are taken for captions
    Raises Invalid for a query that it would not take, and what the fetcher raises.
    """
    if not 0 < len(query.strip()) <= LONGEST_QUERY:
        raise Invalid(f"the query has {len(query.strip()):,} characters; Openverse takes 1 to {LONGEST_QUERY}")
    if not (token.isascii() and token.isprintable()):
        raise Invalid("OPENVERSE_TOKEN holds a sign that no token has")
    page, size = 1, min(PAGE, limit)
    while limit > 0:
        answer = _page(fetcher, api, token, {
            "q": query.strip(), "license": ",".join(licences), "page": page, "page_size": size})
        found = [source for result in answer["results"] if (source := _source(result, titles))]
        yield from found[:limit]
        limit, page = limit - len(found), page + 1
        if not answer["results"] or page > answer["page_count"]:
            return


def _page(fetcher: Fetcher, api: str, token: str, asked: dict[str, Any]) -> dict[str, Any]:
    url = f"{api.rstrip('/')}/images/?{urlencode(asked)}"
    try:
        data = fetcher.get(url, "application/json", {"Authorization": f"Bearer {token}"} if token else None)
    except Unfetched as error:
        hint = ": OPENVERSE_TOKEN is not valid any more, they last some hours" if "answered 401" in str(error) else ""
        raise Unfetched(f"{url}: {error}{hint}") from error
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not (isinstance(answer, dict) and isinstance(answer.get("results"), list)
            and isinstance(answer.get("page_count"), int)):
        raise Unfetched(f"{url}: answered with something else than Openverse's JSON: {data[:100]!r}")
    return answer


def _source(result: Any, titles: bool) -> Source | None:
    """None of what is no picture of ours: without an address, or drawn in vectors."""
    if not isinstance(result, dict) or result.get("filetype") == "svg":
        return None
    said = {name: value for name, value in result.items() if isinstance(value, str)}
    url = said.get("url", "")
    if not url.startswith(("http://", "https://")) or not url.isprintable():
        return None
    return Source.of(
        url, said.get("title") if titles else None, title=said.get("title"), author=said.get("creator"),
        licence=_named(said.get("license", ""), said.get("license_version", "")),
        licence_url=said.get("license_url"), page=said.get("foreign_landing_url"))


def _named(code: str, version: str) -> str:
    """`CC BY-SA 4.0` of `by-sa` and `4.0`, as Creative Commons writes it."""
    names = {"cc0": "CC0", "pdm": "Public Domain Mark"}
    return f"{names.get(code, f'CC {code.upper()}' if code else '')} {version}".strip()
