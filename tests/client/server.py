"""A real service on a free port of this machine, with the pack `colours`, and one that says what a test has it say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextmanager
def service(data: Path, *flags: str) -> Iterator[str]:
    """The address of `cuecast serve`, as a process of its own, once it answers."""
    words = [sys.executable, "-m", "cuecast", "serve", "--port", "0", "--pack", "colours", "--quiet"]
    log = data.with_suffix(".log")
    with (
        open(log, "wb") as stderr,
        subprocess.Popen(
            [*words, "--data", str(data), *flags], stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert " at http://" in said, log.read_text(encoding="utf-8")
            yield said.split(" at ")[1].split()[0]
        finally:
            process.terminate()
            process.wait(timeout=300)


Reply = tuple[int, dict[str, str], Any]
"""Status, headers and body (JSON, or text as it is)."""


@contextmanager
def saying(*replies: Reply) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(address, what was asked) of a service that gives these replies, the last one again and again."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = replies[min(len(asked), len(replies) - 1)]
            asked.append((f"{self.command} {self.path}", self.headers.get("Authorization", "")))
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  the names are http.server's

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
