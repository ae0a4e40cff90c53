"""The OpenAPI document, and requests made up from it: whatever is sent, the answer is no error of the service."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.generation import GenerationMode
from service_client import ADDRESS, Service, ok

from cuecast.service import schemas
from cuecast.service.app import create_app
from cuecast.service.settings import Settings

GENERATOR = Path(__file__).parents[2] / "docs" / "generate_wire.py"
SENT = 6
"""Requests made up for each route, half of them wrong on purpose."""


def document() -> dict[str, Any]:
    return create_app(Settings(Path("data"), workers=0)).openapi()


def test_every_route_says_what_it_does() -> None:
    for path, methods in document()["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), (method, path)
            assert route["operationId"]


def test_every_model_has_an_example_that_is_one() -> None:
    models = [m for m in vars(schemas).values() if isinstance(m, type) and issubclass(m, schemas.BaseModel)]
    without = (schemas.ErrorBody, schemas.Page, schemas.Reply, schemas.Request)
    named = [m for m in models if m.__module__ == schemas.__name__ and m not in without]
    assert len(named) > 20
    for model in named:
        for value in model.model_json_schema()["examples"]:
            model.model_validate(value)


def test_no_request_is_answered_with_an_error_of_the_service(
    start: Callable[..., Service], tmp_path: Path
) -> None:
    service = start(workers=1, roots=(tmp_path,))
    schema = schemathesis.openapi.from_dict(service.app.openapi())
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 30
    # What deletes comes last, so that the others find a project with an image.
    for operation in sorted(operations, key=lambda o: o.method == "delete"):
        if operation.path.endswith("/events"):
            continue  # a stream that ends with its job
        ids = {"p": service.project(), "i": "", "j": "nosuchjob"}
        ids["i"] = service.image(ids["p"])
        ok(service.mark(ids["p"], ids["i"], points=[{"xy": [1, 1], "class": 1}, {"xy": [7, 1], "class": 0}]))
        for mode in GenerationMode:
            try_route(service, operation.as_strategy(generation_mode=mode), ids)


def try_route(service: Service, cases: st.SearchStrategy[Case], ids: dict[str, str]) -> None:
    """Send requests of one route; most go to things that exist."""

    @settings(
        max_examples=SENT // 2,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.integers(0, 3))
    def send(case: Case, real: int) -> None:
        case.path_parameters = {
            k: ids[k] if real and k in ids else v for k, v in case.path_parameters.items()
        }
        wanted = case.as_transport_kwargs(base_url=ADDRESS)
        request = requests.Request(**wanted).prepare()
        headers = {k: v for k, v in request.headers.items() if k.lower() in ("accept", "content-type")}
        response = service.client.request(
            str(request.method), request.path_url, content=request.body, headers=headers
        )
        said = f"{request.method} {request.path_url} {request.body!r}: {response.status_code} {response.text[:500]}"
        assert response.status_code < 500, said
        if response.status_code >= 400:
            assert set(response.json()) == {"error"}, said

    with suppress(Unsatisfiable):  # a route without anything to send cannot be asked wrongly
        send()


def test_the_types_of_the_page_are_those_of_the_service() -> None:
    written = runpy.run_path(str(GENERATOR))
    assert written["PAGE"].read_text(encoding="utf-8") == written["page"](), (
        "run python docs/generate_wire.py"
    )
