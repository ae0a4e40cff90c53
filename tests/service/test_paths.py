"""Paths, names and ids as requests bring them: done or refused in the one shape, never an error of the service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from service_client import Service, png, refused

LONG = "a" * 300
FUZZ = settings(
    max_examples=40, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
parts = st.one_of(
    st.text(max_size=12),
    st.text("ab.%\\*?~ \n\t\0é\U0001f600", max_size=300),
    st.binary(max_size=8).map(lambda b: b.decode("utf-8", "surrogateescape")),
    st.sampled_from([LONG, "é" * 128, "\ud800", "\0", "..", "a/" * 3000]),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.png").write_bytes(png())
    return folder


@pytest.fixture
def projects(start: Callable[..., Service], root: Path) -> tuple[Service, dict[str, str]]:
    service = start(roots=(root,))
    return service, {kind: service.project(kind=kind) for kind in ("images", "video", "volume")}


def answered(reply: Any) -> None:
    assert reply.status_code < 500, reply.text
    if reply.status_code >= 400:
        assert set(reply.json()["error"]) == {"code", "message", "details"}


def test_no_path_is_an_error_of_the_service(projects: tuple[Service, dict[str, str]], root: Path) -> None:
    service, ids = projects

    @FUZZ
    @given(parts)
    @example(LONG)
    @example("\0")
    @example("\ud800")
    def send(part: str) -> None:
        for path in (part, f"{root}/{part}", f"{root}/a.png/{part}"):
            # As JSON escapes: what a client can write, whatever its own library would refuse.
            body = '{"path": "' + "".join(f"\\u{ord(c):04x}" for c in path if ord(c) < 0x10000) + '"}'
            for project in ids.values():
                headers = {"Content-Type": "application/json"}
                answered(service.client.post(f"/v1/projects/{project}/folder", content=body, headers=headers))
            answered(service.client.get(f"/v1/folders?path={quote(path.encode('utf-8', 'surrogatepass'))}"))

    send()


def test_no_name_of_an_upload_is_an_error_of_the_service(projects: tuple[Service, dict[str, str]]) -> None:
    service, ids = projects

    @FUZZ
    @given(parts)
    @example(LONG)
    @example("\0")
    def send(name: str) -> None:
        asked = f"name={quote(name.encode('utf-8', 'surrogatepass'), safe='')}"
        answered(
            service.client.post(
                f"/v1/projects/{ids['images']}/images?{asked}", content=png(shade=len(name) % 50)
            )
        )
        answered(
            service.client.post(
                f"/v1/projects/{ids['video']}/source?{asked}", content=b"\x1a\x45\xdf\xa3" * 9
            )
        )
        answered(
            service.client.post(f"/v1/projects/{ids['volume']}/source?{asked}", content=b"NRRD0004\n" * 9)
        )

    send()


def test_no_id_is_an_error_of_the_service(projects: tuple[Service, dict[str, str]]) -> None:
    service, ids = projects

    @FUZZ
    @given(parts)
    @example(LONG)
    def send(part: str) -> None:
        encoded = quote(part.encode("utf-8", "surrogatepass"), safe="")
        for address in (
            "projects/{}",
            "projects/{}/images",
            "jobs/{}",
            "jobs/{}/events",
            f"projects/{ids['images']}/images/{{}}/view",
        ):
            answered(service.client.get(f"/v1/{address.format(encoded)}"))
        answered(service.client.get(f"/studio/{encoded}"))

    send()


@pytest.mark.parametrize("kind", ["images", "video", "volume"])
@pytest.mark.parametrize("part", [LONG, "\0", "é" * 128, "a/" * 3000])
def test_what_is_no_path_is_refused_with_its_reason(
    projects: tuple[Service, dict[str, str]], root: Path, kind: str, part: str
) -> None:
    service, ids = projects
    path = f"/v1/projects/{ids[kind]}/folder"
    answer = service.client.post(path, json={"path": f"{root}/{part}"})
    if len(part) > 4096:
        refused(answer, 422, "invalid_request")
    else:
        assert "this is no path" in refused(answer, 422, "input_invalid")
