"""Who may ask for what."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from service_client import Service, ok, png, refused

from cuecast.service import keys
from cuecast.service.keys import format_key, hash_secret, key_of, new_secret
from cuecast.service.security import Buckets
from cuecast.service.settings import Limits, Settings
from cuecast.service.store import models


def make_key(service: Service, name: str = "me") -> str:
    secret = new_secret()
    with service.database.writing() as session:
        row = keys.add(session, name, hash_secret(secret))
    return format_key(row.id, secret)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def locked(start: Callable[..., Service]) -> Service:
    """A service that asks for keys."""
    return start(require_key=True)


# ---- keys


@pytest.mark.parametrize("path", ["/v1/info", "/v1/projects", "/v1/nothing", "/metrics", "/v1/", "/v1"])
def test_every_call_needs_a_key(locked: Service, path: str) -> None:
    response = locked.client.get(path)
    assert "cuecast keys create" in refused(response, 401, "unauthorised")
    assert response.headers["www-authenticate"] == "Bearer"
    allowed = locked.client.get(path, headers=bearer(make_key(locked)))
    assert allowed.status_code in ((200,) if path in ("/v1/info", "/v1/projects", "/metrics") else (404,))


@pytest.mark.parametrize("path", ["/healthz", "/", "/openapi.json"])
def test_what_needs_no_key(locked: Service, path: str) -> None:
    assert locked.client.get(path).status_code != 401


def test_a_key_is_a_whole_one(locked: Service) -> None:
    key = make_key(locked)
    prefix, name, secret = key.split("_", 2)
    other = make_key(locked).split("_", 2)[2]
    wrong = [
        "",
        "x",
        key[:-1],
        f"{key}x",
        f"{prefix}_{name}_",
        f"{prefix}_{name}_{other}",
        f"x_{name}_{secret}",
        name,
        "é",
    ]
    for token in wrong:
        assert key_of(token, locked.database) is None, token
    assert key_of(key, locked.database) == name
    refused(locked.client.get("/v1/info", headers={"Authorization": f"Basic {key}"}), 401, "unauthorised")
    ok(locked.client.get("/v1/info", headers={"Authorization": f"bearer {key}"}))


def test_a_secret_is_not_kept(locked: Service) -> None:
    key = make_key(locked)
    secret = key.split("_", 2)[2]
    assert len(secret) >= 43
    with locked.database.reading() as session:
        (row,) = keys.all_keys(session)
    kept = [str(getattr(row, column.name)) for column in models.Key.__table__.columns]
    assert not any(secret in value for value in kept)
    for path in locked.data.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_a_revoked_key_is_useless_at_once(locked: Service) -> None:
    key = make_key(locked)
    ok(locked.client.get("/v1/info", headers=bearer(key)))
    with locked.database.writing() as session:
        row = keys.revoke(session, key.split("_")[1])
        assert row.last_used is not None
    refused(locked.client.get("/v1/info", headers=bearer(key)), 401, "unauthorised")


def test_a_wrong_key_is_told_where_none_is_needed(service: Service) -> None:
    ok(service.client.get("/v1/info"))
    refused(service.client.get("/v1/info", headers=bearer("cue_x_y")), 401, "unauthorised")


def test_hashes_are_compared_in_constant_time(locked: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: str, b: str) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(keys.hmac, "compare_digest", compare)
    key = make_key(locked)
    assert key_of(key, locked.database)
    assert key_of("cue_nobody_x", locked.database) is None
    assert len(compared) == 2


def test_secrets_are_not_logged(locked: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = make_key(locked)
    locked.client.get("/v1/info", headers=bearer(key))
    locked.client.get("/v1/info", headers=bearer(key + "x"))
    locked.client.post("/v1/projects", headers=bearer(key), json={"name": 3, "password": "hidden"})
    secret = key.split("_", 2)[2]
    assert secret not in caplog.text
    assert "hidden" not in caplog.text


# ---- the rate


def test_buckets_by_hand() -> None:
    clock = [0.0]
    buckets = Buckets(rate=2, burst=3, most=2, clock=lambda: clock[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == 0.5  # empty: the next token is there in half a second
    assert buckets.take("b") == 0  # another name has its own
    clock[0] = 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5
    clock[0] = 100  # never more than the burst
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    buckets.take("c")  # 'b' was used longest ago, and is forgotten
    assert [buckets.take("b") for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_key_has_a_rate(start: Callable[..., Service]) -> None:
    service = start(require_key=True, limits=Limits(rate=0.001, burst=2))
    one, two = make_key(service), make_key(service)
    for _ in range(2):
        ok(service.client.get("/v1/info", headers=bearer(one)))
    response = service.client.get("/v1/info", headers=bearer(one))
    refused(response, 429, "rate_limited")
    assert 900 < int(response.headers["retry-after"]) <= 1001
    ok(service.client.get("/v1/info", headers=bearer(two)))
    # guessing has one, too
    for _ in range(2):
        refused(service.client.get("/v1/info"), 401, "unauthorised")
    refused(service.client.get("/v1/info", headers=bearer("cue_x_y")), 429, "rate_limited")


# ---- where a request comes from


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[", "10.0.0.1"]
)
def test_another_name_is_refused(service: Service, host: str) -> None:
    for path in ("/", "/v1/info", "/healthz"):
        refused(service.client.get(path, headers={"Host": host}), 400, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9", "[::1]:8000"])
def test_own_names(service: Service, host: str) -> None:
    ok(service.client.get("/healthz", headers={"Host": host}))


def test_names_may_be_given(start: Callable[..., Service]) -> None:
    service = start(require_key=True, hostnames=("Lab.example",))
    ok(service.client.get("/healthz", headers={"Host": "lab.example"}))
    refused(service.client.get("/healthz", headers={"Host": "evil.example"}), 400, "wrong_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_pages_of_others_change_nothing(service: Service, headers: dict[str, str]) -> None:
    response = service.client.post("/v1/projects", json={"name": "x"}, headers=headers)
    refused(response, 403, "foreign_origin")
    assert "access-control-allow-origin" not in response.headers
    assert ok(service.client.get("/v1/projects"))["total"] == 0


def test_forms_change_nothing(service: Service) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain; charset=utf-8"):
        response = service.client.post("/v1/projects", content='{"name":"x"}', headers={"Content-Type": kind})
        refused(response, 415, "form_refused")
    preflight = service.client.options("/v1/projects", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
    ],
)
def test_the_own_page_and_programs_do(service: Service, headers: dict[str, str]) -> None:
    ok(service.client.post("/v1/projects", json={"name": "x"}, headers=headers), 201)


# ---- replies


def test_every_reply_has_the_headers(service: Service) -> None:
    project = service.project()
    image = service.image(project)
    paths = ["/", "/healthz", "/v1/info", "/nothing", f"/v1/projects/{project}/images/{image}/view"]
    for path in paths:
        headers = service.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
    assert service.client.get("/v1/info").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/projects", 405),
        ("GET", "/docs", 404),
    ],
)
def test_every_error_has_one_shape(service: Service, method: str, path: str, status: int) -> None:
    response = service.client.request(method, path)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message", "details"}


def test_a_bug_tells_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a secret of the house")

    project = service.project()
    monkeypatch.setattr("cuecast.service.store.projects.get", fail)
    response = service.client.get(f"/v1/projects/{project}")
    message = refused(response, 500, "internal_error")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "default-src" in response.headers["content-security-policy"]
    reference = message.rpartition("reference ")[2].rstrip(")")
    assert reference in caplog.text
    assert "a secret of the house" in caplog.text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("192.168.1.5", False), ("lab.example", False)],
)  # fmt: skip
def test_what_is_this_machine(tmp_path: Any, host: str, loopback: bool) -> None:
    assert Settings(tmp_path, host=host).needs_key is not loopback


def test_numbers_for_prometheus(service: Service) -> None:
    project = service.project()
    service.image(project, png())
    service.client.get(f"/v1/projects/{project}")
    service.client.request("BREW", "/v1/projects")
    text = service.client.get("/metrics").text
    assert 'cuecast_requests_total{method="GET",route="/v1/projects/{p}",status="200"} 1.0' in text
    assert 'cuecast_requests_total{method="other",' in text
    assert project not in text
    assert 'cuecast_jobs{state="queued"} 0.0' in text
