"""`python -m docs.screenshots`: the README's pictures of the gallery, taken in a real browser from free photos.

The photos come out of the scikit-image and scikit-learn wheels (public domain, CC0 and CC BY); most of them are far
from what the captioner was trained on, so they are captioned by hand here.
"""
import io
import shutil
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.service import Service
from imagesearch.annotations import Annotation, Subject
from imagesearch.bootstrap import build
from imagesearch.config import Settings

HERE = Path(__file__).resolve().parent
QUALITY = 72
PHOTOS = {  # the last is shown first
    "skimage/data/brick.png": ("a wall of rough bricks", "pattern", None),
    "skimage/data/coins.png": ("old coins in rows on a dark table", "museum", None),
    "skimage/data/moon.png": ("a crater on the grey surface of the moon", "space", None),
    "skimage/data/page.png": ("a printed page of a textbook", "paper", None),
    "skimage/data/horse.png": ("the black shape of a standing horse", "drawing", ("horse", "black", "stand")),
    "skimage/data/clock_motion.png": ("a round clock blurred by motion", "time", ("clock", "white", "")),
    "skimage/data/grass.png": ("dry grass seen from above", "pattern", None),
    "skimage/data/retina.jpg": ("the red retina of an eye", "medicine", ("retina", "red", "")),
    "skimage/data/color.png": ("a wheel of all colours", "pattern", None),
    "skimage/data/hubble_deep_field.jpg": ("thousands of galaxies in the deep dark sky", "space", None),
    "skimage/data/rocket.jpg": ("a white rocket stands on its launch pad under a grey sky", "space",
                                ("rocket", "white", "stand")),
    "skimage/data/coffee.png": ("a white cup of coffee with a spoon on a wooden table", "drink",
                                ("cup", "white", "")),
    "skimage/data/motorcycle_left.png": ("a red motorcycle stands in a garage", "vehicle",
                                         ("motorcycle", "red", "stand")),
    "sklearn/datasets/images/flower.jpg": ("an orange dahlia in full bloom", "garden", ("dahlia", "orange", "")),
    "skimage/data/chelsea.png": ("a brown cat with green eyes looks aside", "cat", ("cat", "brown", "look")),
    "sklearn/datasets/images/china.jpg": ("a red temple with a golden roof under a blue sky", "travel",
                                          ("temple", "red", "")),
    "skimage/data/astronaut.png": ("an astronaut in an orange suit smiles in front of a flag", "space",
                                   ("astronaut", "orange", "smile")),
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        fill(Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with Service(Path(folder)) as service:
            take(browser, f"http://127.0.0.1:{service.port}/")
        browser.close()


def fill(folder: Path) -> None:
    services = build(replace(Settings.from_environment(), data_dir=folder))
    for name, (caption, tag, trait) in PHOTOS.items():
        package, _, path = name.partition("/")
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        file = Path(spec.submodule_search_locations[0]) / path
        subjects = [Subject(trait[0], [trait[1]], [trait[2]] if trait[2] else [])] if trait else None
        services.library.add(file.read_bytes(), file.name, Annotation(caption, [tag], subjects))
    services.database.engine.dispose()


def take(browser: Browser, address: str) -> None:
    wide = _page(browser, address, width=1280, height=800)
    _save(wide, "gallery")
    wide.locator("#q").fill("red")
    wide.wait_for_selector(".score")
    wide.locator("#q").blur()
    wide.wait_for_load_state("networkidle")
    _save(wide, "gallery-search")
    dark = _page(browser, address, width=1280, height=800, scheme="dark")
    dark.locator(".tile", has_text="astronaut").locator(".open").click()
    dark.wait_for_selector(".frame img[src*='1024']")
    dark.wait_for_timeout(1000)  # the tags that are suggested come last
    dark.evaluate("document.activeElement.blur()")
    _save(dark, "gallery-viewer")
    _save(_page(browser, address, width=390, height=800, scheme="dark"), "gallery-phone")


def _page(browser: Browser, address: str, width: int, height: int, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_load_state("networkidle")
    return page


def _save(page: Page, name: str) -> None:
    path = HERE / f"{name}.webp"
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=QUALITY, method=6)
    print(f"{path.relative_to(HERE.parent)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
