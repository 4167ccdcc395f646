"""Free photos that come with scikit-image, so that tests need no data set."""
from PIL import Image
from skimage import data


def free_photos() -> list[Image.Image]:
    """Public-domain and CC0 photos: an astronaut, a cat, a coffee cup, a rocket."""
    return [Image.fromarray(photo()) for photo in (data.astronaut, data.chelsea, data.coffee, data.rocket)]
