import pytest

from tests.imagesearch.sites import serving


@pytest.fixture
def site(photo):
    """A real server on this machine with three photos."""
    with serving() as site:
        for name in ("chelsea.png", "rocket.jpg", "coffee.png"):
            site[f"/{name}"] = photo(name)
        yield site
