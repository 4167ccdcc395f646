"""`python -m benchmarks.gallery`: the gallery's speed in a real browser, on the service as its users have it."""

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import machine
from benchmarks.photos import find
from benchmarks.service import Service, run_import

HERE = Path(__file__).resolve().parent
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
QUERIES = ("black dog", "snow", "girl in pink", "man climbing", "water", "two children")
BLOCKED = 50  # ms of the main thread that a person notices

# From a letter's event to the frame that shows its results; the headline is written anew with every answer.
KEYSTROKES = """() => {
  window.took = [];
  let at = 0;
  document.querySelector("#q").addEventListener("input", (event) => { at = event.timeStamp; }, true);
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => {
    if (at) took.push(performance.now() - at);
    at = 0;
  }))).observe(document.querySelector("h1"), {childList: true});
}"""
# Playwright's own waiting is stopped by the page's policy.
UNTIL = """(before) => new Promise((done) => {
  const timer = setInterval(() => { if (took.length > before) { clearInterval(timer); done(); } }, 2);
})"""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as work, _browser() as browser:
        library = options.library or _filled(Path(work), options.photos)
        found: dict[str, Any] = {"machine": machine.describe(), "note": options.note}
        with Service(library) as service:
            address = f"http://127.0.0.1:{service.port}/"
            found["stored"] = service.get("/images", limit="1")["total"]
            found["first_page"] = first_page(browser, address, options.rounds)
            keystrokes(browser, address)  # makes the thumbnails, as the first look at a library does
            found["keystroke"] = keystrokes(browser, address)
            found["scroll"] = scrolling(browser, address, options.turns)
        found["machine"]["load_at_end"] = os.getloadavg()
    (options.out / "gallery.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "GALLERY.md").write_text(page(found), encoding="utf-8")
    print(page(found))


def first_page(browser: Browser, address: str, rounds: int) -> dict[str, float]:
    """With nothing cached: until everything can be used, and what came over the wire that is no picture."""
    usable, received = [], []
    for _ in range(rounds):
        with _page(browser) as opened:
            sizes = _sizes(opened)
            _open(opened, address)
            usable.append(opened.evaluate("performance.getEntriesByName('usable')[0].startTime"))
            opened.wait_for_load_state("networkidle")
            received.append(sum(size for kind, size in sizes if not kind.startswith("image/")))
    return {"usable_ms": statistics.median(usable), "slowest_ms": max(usable), "received_kb": max(received) / 1000}


def keystrokes(browser: Browser, address: str) -> dict[str, float]:
    with _page(browser) as opened:
        _open(opened, address)
        opened.evaluate(KEYSTROKES)
        opened.locator("#q").focus()
        for query in QUERIES:
            for letter in query:
                before = opened.evaluate("took.length")
                opened.keyboard.press(letter)
                opened.evaluate(UNTIL, before)
            opened.locator("#q").fill("")
            opened.wait_for_timeout(500)
        return _summary(opened.evaluate("took"))


def scrolling(browser: Browser, address: str, turns: int) -> dict[str, float]:
    """Turns of the wheel, 300 pixels each, thirty a second; the tasks of the main thread meanwhile.

    A task's `clock` is what it took; its `cpu` leaves out the time for which other programs had the core.
    """
    with _page(browser) as opened:
        _open(opened, address)
        opened.mouse.move(600, 500)
        browser.start_tracing(page=opened, categories=["toplevel"])
        for _ in range(turns):
            opened.mouse.wheel(0, 300)
            opened.wait_for_timeout(33)
        tasks = _tasks(json.loads(browser.stop_tracing())["traceEvents"])
        return {"turns": turns, "tasks": len(tasks), "longest_clock_ms": max(clock for clock, _ in tasks),
                "longest_cpu_ms": max(cpu for _, cpu in tasks),
                "over_clock": sum(clock > BLOCKED for clock, _ in tasks), "tiles": opened.locator(".tile").count(),
                "reached": opened.locator(".tile").last.evaluate("n => Number(n.ariaPosInSet)")}  # fmt: skip


def _tasks(events: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """Each task of the page's main thread: ms by the clock, and of the processor."""
    main = {(e["pid"], e["tid"]) for e in events
            if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"}  # fmt: skip
    return [(e["dur"] / 1000, e.get("tdur", 0) / 1000) for e in events
            if e.get("ph") == "X" and (e["pid"], e["tid"]) in main and e["name"].endswith("RunTask")]  # fmt: skip


def page(found: dict[str, Any]) -> str:
    first, key, scroll = found["first_page"], found["keystroke"], found["scroll"]
    rows = [
        ("first page usable after navigation, median", "≤ 1 s", f"{first['usable_ms']:.0f} ms (slowest "
         f"{first['slowest_ms']:.0f} ms)", first["usable_ms"] <= 1000),
        ("transferred for it, pictures left out", "< 150 kB", f"{first['received_kb']:.0f} kB",
         first["received_kb"] < 150),
        ("a letter typed to its results on the screen, median", "< 100 ms", f"{key['p50']:.0f} ms (p95 "
         f"{key['p95']:.0f} ms, {key['count']} letters)", key["p50"] < 100),
        (f"longest task of the main thread while scrolling past {scroll['reached']:,} pictures", f"≤ {BLOCKED} ms",
         f"{scroll['longest_cpu_ms']:.0f} ms of the processor, {scroll['longest_clock_ms']:.0f} ms by the clock "
         f"({scroll['over_clock']} of {scroll['tasks']:,} tasks over {BLOCKED} ms); {scroll['tiles']} pictures in the "
         "page", scroll["longest_cpu_ms"] <= BLOCKED),
    ]  # fmt: skip
    table = [f"| {what} | {target} | {value} | {'yes' if met else '**no**'} |" for what, target, value, met in rows]
    about = found["machine"]
    return "\n".join([
        "# The gallery in a real browser", "", "| promise | target | measured | met |", "| --- | --- | --- | --- |",
        *table, "", f"{found['stored']:,} photos stored; nothing cached in the browser, the service "
        "warm and its thumbnails made.",
        f"{about['processor']}, {about['cores']} cores, {about['system']}, {about['date']}, commit {about['commit']}; "
        f"load average {about['load_at_start'][0]:.1f} at the start, {about['load_at_end'][0]:.1f} at the end.",
        *([found["note"]] if found["note"] else []), "",
    ])  # fmt: skip


@contextmanager
def _browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("no browser found: neither chromium nor google-chrome is on the PATH")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, service_workers="block")
    yield context.new_page()
    context.close()


def _open(opened: Page, address: str) -> None:
    opened.goto(address)
    opened.wait_for_selector("html[data-ready]")


def _sizes(opened: Page) -> list[tuple[str, int]]:
    """Filled as answers come in: their media types and their bytes on the wire, headers included."""
    kinds: dict[str, str] = {}
    sizes: list[tuple[str, int]] = []
    session = opened.context.new_cdp_session(opened)
    session.send("Network.enable")
    session.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["response"]["mimeType"]}))
    session.on("Network.loadingFinished",
               lambda e: sizes.append((kinds.get(e["requestId"], ""), e["encodedDataLength"])))  # fmt: skip
    return sizes


def _filled(work: Path, count: int) -> Path:
    photos = find(count, work / "photos")
    library = work / "library"
    library.mkdir()
    run_import(photos.staged(work / "all-photos"), library)
    return library


def _summary(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p95": ordered[int(0.95 * len(ordered))], "count": len(ordered)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__)
    parser.add_argument("--photos", type=int, default=7091, help="photos in the library")
    parser.add_argument("--library", type=Path, help="a data folder that is filled already, instead")
    parser.add_argument("--rounds", type=int, default=5, help="times the first page is opened; the median counts")
    parser.add_argument("--turns", type=int, default=300, help="turns of the wheel")
    parser.add_argument("--note", default="", help="what else a reader should know of this run")
    parser.add_argument("--out", type=Path, default=HERE, help="where the results go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
