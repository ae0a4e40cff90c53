"""The service under load, on loopback: many clients that upload, run and read at once.

    python benchmarks/service_load.py [--clients 50] [--seconds 60] [--pack colours] [--workers 1]

Starts `cuecast serve` on a data folder of its own. First one client reads alone, for the idle figures. Then each
client has a project of its own with one marked image and, until the time is over, does at random one of: upload an
image, start a run, read (lists, one image, a mask, a thumbnail, a job), save marks, ask for a preview. Replies are
counted by status; 429 and 503 are waited for as their Retry-After says, up to a second.

Prints JSON, and writes it to benchmarks/results/service_load.json unless --output names another file. Exit code 1 says
that a limit was not kept: no other 5xx, p95 of reads below 10 times the idle p95, memory flat after the first half.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx2
import numpy as np
from PIL import Image

RESULTS = Path(__file__).parent / "results" / "service_load.json"
RAW = {"Content-Type": "application/octet-stream"}
IDLE_READS = 200
SIZE = (96, 128)
"""Height and width of the pictures."""
WEIGHTS = {"read": 14, "upload": 3, "mark": 1, "preview": 1, "run": 1}
GROWTH = 1.15
"""Memory at the end may be at most so many times that after the first half."""
SLOWER = 10
"""p95 of reads may be at most so many times the idle p95."""


def picture(number: int) -> bytes:
    """A PNG with a red block on noise; another content for each number."""
    pixels = np.random.default_rng(number).integers(0, 90, (*SIZE, 3), np.uint8)
    pixels[20:70, 10 : 30 + number % 60] = (200, 30, 30)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def block(number: int) -> dict[str, Any]:
    """Marks: the mask of the red block of `picture`."""
    mask = np.zeros(SIZE, bool)
    mask[20:70, 10 : 30 + number % 60] = True
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    at = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], at, [mask.size]])).tolist()
    return {"mask": {"size": list(SIZE), "counts": {"1": counts}}}


@dataclass
class Tally:
    """What came back: counts by what was asked and status, and the seconds of reads."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: list[float] = field(default_factory=list)
    without_retry: int = 0

    def note(self, what: str, reply: httpx2.Response, seconds: float) -> None:
        self.statuses[what, str(reply.status_code)] += 1
        if reply.status_code in (429, 503) and "Retry-After" not in reply.headers:
            self.without_retry += 1
        if what == "read" and reply.status_code == 200:
            self.reads.append(seconds)


class Visitor:
    """One client with a project of its own."""

    def __init__(self, client: httpx2.AsyncClient, number: int, tally: Tally) -> None:
        self.client, self.number, self.tally = client, number, tally
        self.random = random.Random(number)
        self.images: list[str] = []
        self.job = ""
        self.version = 0

    async def ask(self, what: str, method: str, path: str, **named: Any) -> httpx2.Response | None:
        """Send a request and count its reply; None where the connection broke, which is counted, too."""
        began = time.perf_counter()
        try:
            reply = await self.client.request(method, path, **named)
        except httpx2.TransportError as error:
            self.tally.statuses[what, type(error).__name__] += 1
            return None
        self.tally.note(what, reply, time.perf_counter() - began)
        if reply.status_code in (429, 503):
            await asyncio.sleep(min(1.0, float(reply.headers.get("Retry-After", 1))))
        return reply

    async def arrive(self) -> None:
        """Make the project, with one marked image."""
        reply = await self.client.post("/v1/projects", json={"name": f"load {self.number}"})
        self.p = f"/v1/projects/{reply.raise_for_status().json()['id']}"
        while not self.images:
            await self.upload()
        await self.mark()

    async def stay(self, until: float) -> None:
        """Do one thing after the other."""
        verbs = [self.read, self.upload, self.mark, self.preview, self.run]
        while time.monotonic() < until:
            (verb,) = self.random.choices(verbs, [WEIGHTS[v.__name__] for v in verbs])
            await verb()
            await asyncio.sleep(self.random.uniform(0.05, 0.5))  # people look at what they see

    async def read(self) -> None:
        i = self.random.choice(self.images)
        paths = [
            self.p,
            f"{self.p}/images?order=doubtful",
            f"{self.p}/images/{i}",
            f"{self.p}/images/{i}/marks",
            f"{self.p}/images/{i}/thumbnail",
            f"{self.p}/jobs",
            f"{self.p}/objects",
        ]
        await self.ask("read", "GET", self.random.choice(paths))

    async def upload(self) -> None:
        number = self.number * 10_000 + len(self.images)
        reply = await self.ask(
            "upload", "POST", f"{self.p}/images?name={number}.png", content=picture(number), headers=RAW
        )
        if reply is not None and reply.status_code == 201:
            self.images.append(reply.json()["id"])

    async def mark(self) -> None:
        marks = {"version": self.version, **block(self.number * 10_000)}
        reply = await self.ask("mark", "PUT", f"{self.p}/images/{self.images[0]}/marks", json=marks)
        if reply is not None and reply.status_code == 200:
            self.version = reply.json()["version"]

    async def preview(self) -> None:
        marks = {"points": [{"xy": [15, 30], "class": 1}]}
        path = f"{self.p}/images/{self.random.choice(self.images)}/preview"
        await self.ask("preview", "POST", path, json={"marks": marks})

    async def run(self) -> None:
        await self.ask("run", "POST", f"{self.p}/runs", json={})


def memory(pid: int) -> dict[str, int]:
    """Resident bytes of a process and of each of its children, by role."""
    found = {"server": _resident(pid)}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found[f"process {child}"] = _resident(int(child))
    return found


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


async def watch(pid: int, began: float, until: float, samples: list[dict[str, Any]]) -> None:
    """Sample memory each second."""
    while time.monotonic() < until:
        samples.append({"second": round(time.monotonic() - began, 1), "bytes": memory(pid)})
        await asyncio.sleep(1)


def p95(seconds: list[float]) -> float | None:
    """The 95th percentile."""
    return round(quantiles(seconds, n=20)[-1], 4) if len(seconds) > 20 else None


async def measure(address: str, pid: int, clients: int, seconds: float) -> dict[str, Any]:
    """The figures of one run."""
    limits = httpx2.Limits(max_connections=clients + 1, max_keepalive_connections=clients + 1)
    async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        idle, tally = Tally(), Tally()
        first = Visitor(client, 0, idle)
        await first.arrive()
        for _ in range(IDLE_READS):
            await first.read()
        visitors = [Visitor(client, n, tally) for n in range(1, clients + 1)]
        for visitor in visitors:
            await visitor.arrive()
        tally.statuses.clear()
        began = time.monotonic()
        samples: list[dict[str, Any]] = []
        watching = asyncio.create_task(watch(pid, began, began + seconds, samples))
        await asyncio.gather(*(v.stay(began + seconds) for v in visitors))
        await watching
    return judged(idle, tally, samples, clients, seconds)


def judged(
    idle: Tally, tally: Tally, samples: list[dict[str, Any]], clients: int, seconds: float
) -> dict[str, Any]:
    """The figures, and whether the limits are kept."""
    by_status: dict[str, dict[str, int]] = {}
    for (what, status), count in sorted(tally.statuses.items()):
        by_status.setdefault(what, {})[status] = count
    bad = sum(n for (_, s), n in tally.statuses.items() if not s.isdigit() or (s[0] == "5" and s != "503"))
    totals = [sum(s["bytes"].values()) for s in samples]
    half = max(totals[: len(totals) // 2 + 1], default=0)
    before, under = p95(idle.reads), p95(tally.reads)
    return {
        "clients": clients,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "requests": sum(tally.statuses.values()),
        "statuses": by_status,
        "failures": bad,
        "429_or_503_without_retry_after": tally.without_retry,
        "reads_p95_idle_seconds": before,
        "reads_p95_seconds": under,
        "reads_slower": round(under / before, 2) if under and before else None,
        "memory_first_half_bytes": half,
        "memory_end_bytes": totals[-1] if totals else 0,
        "memory": samples,
        "kept": {
            "no_failures": bad == 0 and tally.without_retry == 0,
            "reads": bool(under and before and under < SLOWER * before),
            "memory": bool(totals) and totals[-1] <= GROWTH * half,
        },
    }


def start(data: Path, pack: str, workers: int) -> tuple[subprocess.Popen[bytes], str, Path]:
    """The server, its address, and its log."""
    log = data.parent / "server.log"
    line = [
        "-m",
        "cuecast",
        "serve",
        "--data",
        str(data),
        "--port",
        "0",
        "--pack",
        pack,
        "-j",
        str(workers),
        "-q",
    ]
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, *line], stdout=out, stderr=subprocess.STDOUT)
    for _ in range(1200):
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return process, found[0], log
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the service did not start: {log.read_text()}")


def main() -> int:
    """Measure, print, keep; the exit code says whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pack", default="colours")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cuecast-load-") as folder:
        process, address, log = start(Path(folder) / "data", options.pack, options.workers)
        try:
            result = asyncio.run(measure(address, process.pid, options.clients, options.seconds))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        result["log"] = [line for line in log.read_text().splitlines() if "ERROR" in line][:20]
    result |= {"pack": options.pack, "workers": options.workers}
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in result.items() if k != "memory"}, indent=1))
    return int(not all(result["kept"].values()))


if __name__ == "__main__":
    sys.exit(main())
