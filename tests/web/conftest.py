"""A real browser on the real service. Without a browser these tests are skipped, and say so."""
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Page, sync_playwright
from werkzeug.serving import make_server

from imagesearch.annotations import Annotation, Subject
from imagesearch.bootstrap import Services, build
from imagesearch.config import Settings
from tests.conftest import serving

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SHOWN = {  # free photos of the scikit-image wheel, and what they are given to say
    "coffee.png": Annotation("a white cup of coffee on a wooden table", ["drink"]),
    "chelsea.png": Annotation("a brown cat looks at the camera", ["cat"], [Subject("cat", ["brown"], ["look"])]),
    "astronaut.png": Annotation("a woman in an orange space suit smiles", ["person"]),
    "rocket.jpg": Annotation("a white rocket stands on its launch pad", None,
                             [Subject("rocket", ["white"], ["stand"])]),
    "horse.png": Annotation("the black shape of a horse", None, [Subject("horse", ["black"], [])]),
}


def launched(chromium: BrowserType, **options: Any) -> Browser:
    own = chromium.executable_path  # where `playwright install chromium` puts one
    program = next(filter(None, map(shutil.which, (*BROWSERS, own))), None)
    if program is None:
        pytest.skip(f"no browser found: none of {', '.join(BROWSERS)} is on the PATH, and Playwright has none "
                    "of its own; `make test-web` installs one")
    return chromium.launch(executable_path=program, args=FLAGS, **options)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        yield browser
        browser.close()


@pytest.fixture
def page_with_bars(browser: Browser) -> Iterator[Page]:
    """An empty page with the scroll bars that a mouse needs; Playwright hides them."""
    with launched(browser.browser_type, ignore_default_args=["--hide-scrollbars"]) as own:
        yield own.new_page(viewport={"width": 1280, "height": 800}, service_workers="block")


@contextmanager
def served(settings: Settings) -> Iterator[tuple[Services, str]]:
    """The services and the address of an application on a port of its own, by HTTP."""
    with serving(settings) as app:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield app.extensions["imagesearch"].services, f"http://127.0.0.1:{server.port}/"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", log_level="ERROR")


@pytest.fixture(scope="session")
def stock(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with five photos, the horse the newest; each test works on a copy."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("stock"))
    services = build(settings)
    for name, annotation in SHOWN.items():
        services.library.add((photos / name).read_bytes(), name, annotation)
    services.database.engine.dispose()
    return settings.data_dir


@pytest.fixture
def stocked(settings: Settings, stock: Path) -> Iterator[tuple[Services, str]]:
    """A service with five photos and its address."""
    shutil.copytree(stock, settings.data_dir)
    with served(settings) as found:
        yield found


@pytest.fixture
def locked(settings: Settings) -> Iterator[tuple[Services, str]]:
    """An empty service that wants a key for everything."""
    with served(replace(settings, api_keys=("sesame",), require_key_for_reads=True)) as found:
        yield found


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens an address in a context of its own. At the end: no script failed and the policy stopped nothing."""
    contexts, faults = [], []

    def opened(address: str, **options: object) -> Page:
        options = {"viewport": {"width": 1280, "height": 800}, "service_workers": "block"} | options
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(stocked: tuple[Services, str], open_page: Open) -> Page:
    """The gallery with five photos, ready."""
    return ready(open_page(stocked[1]))


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready]")
    return page


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/web/" in r.nodeid]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests of the gallery were skipped: {skipped[0].longrepr[2]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser drops connections as it pleases; Werkzeug's server then leaves the file to the garbage collector."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
