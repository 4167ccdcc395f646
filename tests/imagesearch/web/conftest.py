from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from imagesearch.config import Settings
from tests.conftest import serving


@pytest.fixture
def small_client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A service with limits that a test can pass: 1 MB a file, three files."""
    with serving(Settings(data_dir=tmp_path / "small", max_upload_mb=1, max_files=3, log_level="WARNING")) as app:
        yield app.test_client()
