from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from imagesearch.config import Settings
from imagesearch.errors import BadSetting


def test_nothing_set_gives_the_defaults():
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"PORT": "", "HOME": "/"}) == Settings()


def test_every_kind_of_setting_is_read():
    settings = Settings.from_environment({
        "DATA_DIR": "/data", "PORT": "9000", "API_KEYS": " one, two,", "REQUIRE_KEY_FOR_READS": "1",
        "MAX_UPLOAD_MB": "2", "JOINT": "none"})
    assert settings.data_dir == Path("/data")
    assert (settings.port, settings.api_keys, settings.require_key_for_reads) == (9000, ("one", "two"), True)
    assert (settings.max_upload_bytes, settings.joint) == (2_000_000, "none")
    assert settings.database == "sqlite:////data/imagesearch.db"


@pytest.mark.parametrize(("name", "value"), [
    ("PORT", "abc"), ("PORT", "0"), ("PORT", "-1"), ("PORT", "8000.5"), ("PORT", "١"),
    ("REQUIRE_KEY_FOR_READS", "maybe"), ("MAX_PIXELS", "50M"),
    ("STORAGE_URL", "s3://bucket/x"), ("STORAGE_URL", "file:///photos"), ("LOG_LEVEL", "LOUD"), ("LOG_LEVEL", "info")])
def test_a_setting_that_makes_no_sense_is_named_with_its_value(name, value):
    with pytest.raises(BadSetting, match=f"{name}='{value}'"):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(("name", "value", "accepted"), [
    ("STORAGE_URL", "s3://bucket/x", "must be the path of a folder"),
    ("LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR")])
def test_a_setting_with_few_values_names_them(name, value, accepted):
    with pytest.raises(BadSetting, match=accepted):
        Settings.from_environment({name: value})


def test_a_folder_may_be_named_like_an_address():
    assert Settings.from_environment({"STORAGE_URL": "s3:/photos"}).storage_url == "s3:/photos"


def test_settings_are_frozen_and_each_tells_what_it_is_for():
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1
    assert all(field.metadata["help"] for field in fields(Settings))
