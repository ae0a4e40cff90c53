"""`cuecast serve` and `cuecast keys` as processes: start, refusal, a kill in the middle, and a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx2
import pytest
from service_client import png

from cuecast.cli import run


@contextmanager
def serving(
    data: Path, *flags: str, stderr: IO[str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service in a process of its own, the first of a group: (process, address)."""
    line = [
        sys.executable,
        "-m",
        "cuecast",
        "serve",
        "--data",
        str(data),
        "--port",
        "0",
        "-p",
        "colours",
        *flags,
    ]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+?(?=/ )", first)
        assert found, first
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as (process, address):
        with httpx2.Client(base_url=address) as client:
            project = client.post("/v1/projects", json={"name": "x"}).json()["id"]
            images = f"/v1/projects/{project}/images"
            image = client.post(images, params={"name": "a.png"}, content=png()).json()["id"]
            saved = client.put(f"{images}/{image}/marks", json={"absent": True})
            assert saved.status_code == 200
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            head = (
                f"POST {images}?name=b.png HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9000000\r\n\r\n"
            )
            half.sendall(head.encode() + bytes(3_000_000))
            end = time.monotonic() + 60
            while not any(p.stat().st_size for p in (data / "uploads").iterdir()):
                assert time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert len(list((data / "uploads").iterdir())) == 1
    with serving(data, "--quiet") as (process, address):
        with httpx2.Client(base_url=address) as client:
            listed = client.get(f"/v1/projects/{project}/images").json()
            assert [(i["id"], i["marks"]) for i in listed["items"]] == [(image, "absent")]
        assert list((data / "uploads").iterdir()) == []
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    with serving(data) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_ctrl_c_ends_it_quietly_whatever_is_going_on(tmp_path: Path) -> None:
    """The terminal tells all processes, here while the workers are starting and an upload stands still."""
    errors = tmp_path / "errors"
    with open(errors, "w") as stderr, serving(tmp_path / "data", stderr=stderr) as (process, address):
        with httpx2.Client(base_url=address) as client:
            project = client.post("/v1/projects", json={"name": "x"}).json()["id"]
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(
                f"POST /v1/projects/{project}/images?name=b.png&key=SECRET HTTP/1.1\r\nHost: {host}:{port}\r\n"
                "Content-Length: 900\r\n\r\nx".encode()
            )
            end = time.monotonic() + 60
            while not list((tmp_path / "data" / "uploads").iterdir()):
                assert time.monotonic() < end
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            head, _, body = b"".join(iter(lambda: half.recv(65536), b"")).partition(b"\r\n\r\n")
        assert process.wait(60) == 0
    assert head.startswith(b"HTTP/1.1 503")
    assert json.loads(body)["error"]["code"] == "stopping"
    said = errors.read_text()
    assert "Traceback" not in said
    assert "SECRET" not in said
    assert "POST /v1/projects" in said
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_another_address_needs_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(tmp_path / "data")
    assert run(["serve", "--host", "0.0.0.0", "--port", "0", "--data", data, "-p", "colours"]) == 1
    assert "cuecast keys create" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--root", "/no/such/folder"], 2, "no such folder"),
        (["--pack", "none"], 1, "none"),
        (["--host", "no.such.host.invalid", "--require-key"], 1, "API key"),
        (["--database", "nonsense"], 1, "not the URL of a database"),
        (["--database", "mysql+nonsense://x/y"], 1, "driver"),
    ],
)
def test_a_service_that_cannot_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int, said: str
) -> None:
    assert run(["serve", "--port", "0", "--data", str(tmp_path / "data"), "-p", "colours", *flags]) == code
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", "--port", port, "--data", str(tmp_path / "data"), "-p", "colours"]) == 1
    assert "another program listens there" in capsys.readouterr().err


def test_a_data_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("a file")
    assert run(["serve", "--port", "0", "--data", str(tmp_path / "data"), "-p", "colours"]) == 1
    assert "--data" in capsys.readouterr().err


def test_keys_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert run(["keys", "create", "the lab", *data]) == 0
    key = capsys.readouterr().out.strip()
    assert re.fullmatch(r"cue_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", key)
    name = key.split("_")[1]
    assert run(["keys", "list", *data]) == 0
    listed = capsys.readouterr().out
    assert name in listed
    assert "the lab" in listed
    assert "used never" in listed
    assert key.split("_", 2)[2] not in listed
    assert run(["keys", "revoke", name, *data]) == 0
    capsys.readouterr()
    assert run(["keys", "list", "--json", *data]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["id"] == name
    assert row["revoked"].endswith("Z")
    assert row["admin"] is False
    assert run(["keys", "create", "the boss", "--admin", *data]) == 0
    capsys.readouterr()
    assert run(["keys", "list", *data]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("the boss  (admin)")
    assert run(["keys", "revoke", "nobody", *data]) == 1
    assert "is not there" in capsys.readouterr().err
