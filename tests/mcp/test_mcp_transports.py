"""The whole job over each way to reach the server, as a process of its own, driven by the SDK's own client."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from agent import drive, whole_job
from mcp import StdioServerParameters

from cuecast.cli import run

COMMAND = [sys.executable, "-m", "cuecast", "mcp", "--pack", "colours"]


@pytest.fixture
def port(root: Path) -> Iterator[int]:
    """The port of a server over HTTP that is up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    words = [*COMMAND, "--root", str(root), "--http", "--port", str(number)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            _wait(number, process)
            yield number
        finally:
            process.terminate()
            process.communicate(timeout=300)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the server does not come up")


def test_stdio(root: Path) -> None:
    words = [*COMMAND[1:], "--root", str(root)]
    drive(StdioServerParameters(command=COMMAND[0], args=words), partial(whole_job, root=root))


def test_stdio_writes_nothing_but_the_protocol(root: Path) -> None:
    """Each line on standard output is a message, also where the tool fails and when the client hangs up."""
    ask = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
    ask["params"] = {  # type: ignore[assignment]
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call"}
    call["params"] = {"name": "preview", "arguments": {"cueset": "nowhere", "image": "photos/a.png"}}  # type: ignore[assignment]
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    words = [*COMMAND, "--root", str(root)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(json.dumps(m) + "\n" for m in (ask, ready, call)))
        process.stdin.flush()
        lines = [process.stdout.readline(), process.stdout.readline()]
        rest, _ = process.communicate(timeout=300)
    replies = {m["id"]: m["result"] for m in map(json.loads, lines)}
    assert replies[1]["serverInfo"]["name"] == "cuecast"
    assert replies[2]["isError"] is True
    assert rest == ""
    assert process.returncode == 0


def test_http_and_who_is_refused(root: Path, port: int) -> None:
    drive(f"http://127.0.0.1:{port}/mcp", partial(whole_job, root=root))
    assert _post(port, {}) != (421, "Invalid Host header")
    assert _post(port, {"Host": "evil.example"}) == (421, "Invalid Host header")
    assert _post(port, {"Host": f"evil.example:{port}"}) == (421, "Invalid Host header")
    assert _post(port, {"Origin": "http://evil.example"}) == (403, "Invalid Origin header")
    # another program's page on this machine is another site, too
    assert _post(port, {"Origin": "http://localhost:3000"}) == (403, "Invalid Origin header")


def _post(port: int, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        connection.request("POST", "/mcp", b"{}", {**accept, **headers})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])
def test_another_address_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--http", "--host", host]) == 2
    assert f"--host {host}: refused, this server asks for no key" in capsys.readouterr().err


def test_a_root_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--root", str(tmp_path / "none")]) == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_a_pack_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--root", str(tmp_path), "--pack", "shapes"]) == 1
    assert (
        "no pack 'shapes': known packs are colours, documents, education, general" in capsys.readouterr().err
    )


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "cuecast.mcp.server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    assert run(["mcp"]) == 1
    assert "run: pip install 'cuecast[mcp]'" in capsys.readouterr().err
