"""The document says what the service does, and the service does what the document says."""
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks, positive_data_acceptance

from imagesearch.config import Settings
from tests.captioning.pictures import quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import stored

load_all_checks()
NOT_THE_API = {"docs", "gallery", "static"}
EXAMPLES = 20  # of each operation


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serving(Settings(data_dir=tmp_path_factory.mktemp("data"), log_level="CRITICAL", max_upload_mb=1)) as app:
        stored(app.test_client(), saved(quarters(), "PNG"), caption="four squares", tags="red")
        yield app


@pytest.fixture(scope="module")
def document(app):
    return app.test_client().get("/openapi.json").json


def test_every_route_and_its_limits_are_in_the_document(app, document):
    assert document["openapi"].startswith("3.1")
    routes = {(re.sub(r"<(\w+)>", r"{\1}", rule.rule), method) for rule in app.url_map.iter_rules()
              for method in rule.methods - {"HEAD", "OPTIONS"} if rule.endpoint.split(".")[0] not in NOT_THE_API}
    assert routes == {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    operations = {o["operationId"]: o for item in document["paths"].values() for o in item.values()}
    assert len(operations) == len(routes)
    parameters = {p["name"]: p["schema"] for p in operations["search"]["parameters"]}
    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == (1, 100)
    assert (parameters["min_score"]["minimum"], parameters["min_score"]["maximum"]) == (0, 1)
    assert parameters["q"]["maxLength"] == 1000
    assert {"Accept", "strictness", "mode", "subject", "colour", "action", "tag", "cursor"} <= parameters.keys()


def test_every_operation_has_its_manual_and_its_refusals(document):
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            assert path == "/healthz" or "503" in operation["responses"]
            for status, answer in operation["responses"].items():
                assert answer["description"]
                assert status < "400" or list(answer["content"]) == ["application/problem+json"]


def test_the_page_that_a_browser_gets_of_the_models_is_in_the_document(app, document):
    kinds = document["paths"]["/models"]["get"]["responses"]["200"]["content"].keys()
    answers = [app.test_client().get("/models", headers={"Accept": kind}) for kind in kinds]
    assert [answer.mimetype for answer in answers] == list(kinds) == ["application/json", "text/html"]


def test_what_answers_by_a_version_says_so(document):
    for path in ("", "/file", "/thumbnail", "/audio"):
        operation = document["paths"]["/images/{id}" + path]["get"]
        assert {"If-Match", "If-None-Match"} <= {parameter["name"] for parameter in operation["parameters"]}
        assert {"200", "304", "412"} <= operation["responses"].keys()


def test_whatever_is_generated_is_answered_as_documented(app, subtests):
    for result in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate(headers={"Accept-Encoding": "identity"},
                                   excluded_checks=[positive_data_acceptance])  # chance bytes are no picture

        with subtests.test(operation.label):
            ask()
