"""A handful of free photos from the scikit-image and scikit-learn wheels, so that a newcomer sees results at once."""
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from imagesearch.annotations import Annotation, Subject

# Their licences: skimage/data/README.txt and sklearn/datasets/images/README.txt (public domain, CC0 and CC BY).


@dataclass(frozen=True)
class Photo:
    """A file of an installed package; without an annotation the model describes it."""

    package: str
    file: str
    annotation: Annotation = Annotation()

    @property
    def path(self) -> Path | None:
        """None where the package, or the file in it, is not installed."""
        spec = find_spec(self.package)  # the package itself is not imported
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(spec.submodule_search_locations[0], self.file)
        return path if path.exists() else None


PHOTOS = (
    Photo("skimage", "data/astronaut.png", Annotation(
        "an astronaut in an orange space suit smiles in front of a flag", ["space", "portrait"],
        [Subject("astronaut", ["orange"], ["smile"])])),
    Photo("skimage", "data/rocket.jpg", Annotation("a white rocket lifts off into the grey sky", ["space"])),
    Photo("skimage", "data/coffee.png", Annotation(
        "a cup of coffee with a spoon on a wooden table", ["drink"], [Subject("cup", ["white"])])),
    Photo("skimage", "data/chelsea.png", Annotation(tags=["cat"])),
    Photo("skimage", "data/motorcycle_left.png"),
    Photo("sklearn", "datasets/images/china.jpg", Annotation("a red and golden temple in China under a blue sky")),
    Photo("sklearn", "datasets/images/flower.jpg"),
)


def photos() -> Iterator[tuple[Path, Annotation]]:
    """Those that are installed."""
    for photo in PHOTOS:
        if photo.path:
            yield photo.path, photo.annotation
