"""Whether the service stays quick while many follow a job, on loopback.

    python benchmarks/event_streams.py [--streams 300] [--requests 30]

Starts the service on a data folder of its own, without workers, so that a job waits for ever; asks for /v1/projects so
many times, first alone, then while so many streams of that job's events are open. Takes some seconds.

Prints JSON. Exit code 1 says that the slowest request took longer than 0.3 s beside the streams.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from PIL import Image

LIMIT = 0.3
"""Seconds that a request may take beside the streams."""


def start(data: Path) -> str:
    """Serve in a process of its own that ends with this one; its address."""
    said = "from pathlib import Path; from cuecast.service.serving import run; "
    said += "from cuecast.service.settings import Settings; run(Settings(Path({!r}), port=0, pack='colours', workers=0)"
    code = said.format(str(data)) + ", lambda line: print(line, flush=True), quiet=True)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    assert process.stdout is not None
    return process.stdout.readline().split("/ ")[0].split(" at ")[1]


def waiting_job(client: httpx2.Client) -> str:
    """A job that nobody does."""
    project = client.post("/v1/projects", json={"name": "x"}).json()["id"]
    picture = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 30, 30)).save(picture, "PNG")
    images = f"/v1/projects/{project}/images"
    image = client.post(images, params={"name": "a.png"}, content=picture.getvalue()).json()["id"]
    client.put(f"{images}/{image}/marks", json={"points": [{"xy": [1, 1]}]})
    return str(client.post(f"/v1/projects/{project}/runs", json={}).json()["id"])


async def ask(address: str, requests: int) -> list[float]:
    """Seconds of each request, one after the other."""
    taken = []
    async with httpx2.AsyncClient(base_url=address, timeout=60) as client:
        for _ in range(requests):
            began = time.perf_counter()
            (await client.get("/v1/projects")).raise_for_status()
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)
    return taken


async def measure(address: str, job: str, streams: int, requests: int) -> dict[str, Any]:
    alone = await ask(address, requests)
    host, port = address.removeprefix("http://").split(":")
    opened = []
    for _ in range(streams):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        opened.append((reader, writer))
    for reader, _ in opened:
        await reader.readuntil(b"event: progress")
    beside = await ask(address, requests)
    for _, writer in opened:
        writer.close()
    return {
        "streams": streams,
        "alone": {"median": round(median(alone), 4), "slowest": round(max(alone), 4)},
        "beside": {"median": round(median(beside), 4), "slowest": round(max(beside), 4)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--requests", type=int, default=30)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cuecast-streams-") as folder:
        address = start(Path(folder) / "data")
        with httpx2.Client(base_url=address) as client:
            job = waiting_job(client)
        found = asyncio.run(measure(address, job, wanted.streams, wanted.requests))
    print(json.dumps(found, indent=2))
    return int(found["beside"]["slowest"] > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
