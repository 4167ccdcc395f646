"""The README tells the truth about what can be set."""
from dataclasses import fields
from pathlib import Path

import pytest

from imagesearch.config import Settings

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_its_row_in_the_table(field):
    row = next((line for line in README.splitlines() if line.startswith(f"| `{field.name.upper()}` ")), "")
    assert field.metadata["help"] in row


def test_it_opens_with_the_two_commands():
    assert README.splitlines()[2:5] == [
        "```sh",
        "make run     # sets itself up, then serves http://127.0.0.1:8000",
        "make test    # sets itself up, then runs all the tests",
    ]
