"""SIGKILL to a real server and all its processes in the middle of a run: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
from films import film, save_film
from inline_service import RAW, columns, png
from waiting import wait_for

from cuecast.results.manifest import read_manifest

IMAGES = 200
PATIENCE = 240.0
wait = partial(wait_for, patience=PATIENCE)


class Server:
    """`cuecast serve` in a process of its own."""

    def __init__(self, data: Path) -> None:
        line = ["serve", "--data", str(data), "--port", "0", "--pack", "colours", "--workers", "1"]
        program = "from cuecast.cli import main; main()"
        self.log = data.parent / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, *line], stdout=log, stderr=subprocess.STDOUT
            )
        self.client = httpx2.Client(base_url=wait(self._address), timeout=60)

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"http://127\.0\.0\.1:\d+", self.log.read_text())
        return found[0] if found and _answers(found[0]) else None

    def family(self) -> list[int]:
        """The server's process and those it has started."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        started = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
        return [self.process.pid, *started]

    def kill(self) -> None:
        """SIGKILL to all at once, as a power cut would."""
        family = self.family()
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.client.close()


def written(results: Path, names: list[str]) -> dict[str, tuple[int, bytes]]:
    """Name -> (time of writing, bytes) of these masks."""
    paths = {name: results / "masks" / f"{name}.png" for name in names}
    return {name: (path.stat().st_mtime_ns, path.read_bytes()) for name, path in paths.items()}


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def served(data: Path) -> Iterator[Server]:
    server = Server(data)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            server.process.wait(PATIENCE)
        server.client.close()


def test_a_run_of_200_images_survives(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data) as server:
        client = server.client
        project = client.post("/v1/projects", json={"name": "crash"}).json()["id"]
        p = f"/v1/projects/{project}"
        ids = []
        for number in range(IMAGES):
            name = {"name": f"{number:03}.png"}
            reply = client.post(f"{p}/images", params=name, content=png(3, number, (4, 8)), headers=RAW)
            ids.append(reply.raise_for_status().json()["id"])
        for image in ids[:2]:
            client.put(f"{p}/images/{image}/marks", json=columns(3)).raise_for_status()
        job = client.post(f"{p}/runs", json={}).json()["id"]
        wait(lambda: client.get(f"/v1/jobs/{job}").json()["done"] >= IMAGES // 3)
        # An accepted mark is one whose reply has come. It says what was said before: no answer may change by it.
        last = client.put(f"{p}/images/{ids[1]}/marks", json=columns(3, version=1)).raise_for_status().json()
        before = client.get(f"/v1/jobs/{job}").json()
        server.kill()
    results = data / "projects" / project / "results"
    finished = written(results, [e.name for e in read_manifest(results / "manifest.jsonl")])
    assert before["state"] == "running"
    assert IMAGES // 3 <= len(finished) < IMAGES

    with served(data) as server:
        client = server.client
        # It goes on by itself.
        ended = wait(
            lambda: (j := client.get(f"/v1/jobs/{job}").json())["state"] not in ("queued", "running") and j
        )
        assert (ended["state"], ended["done"], ended["total"]) == ("done", IMAGES, IMAGES), ended
        assert sum(ended["result"]["counts"].values()) == IMAGES
        assert client.get(f"{p}/images/{ids[1]}/marks").json() == last
        images = client.get(f"{p}/images", params={"limit": 500}).json()["items"]
        assert [i["id"] for i in images] == ids
        assert all(i["prediction"]["areas"] == {"1": 12} and not i["prediction"]["stale"] for i in images)
        assert [(i["marks"], i["marks_version"]) for i in images[:3]] == [("mask", 1), ("mask", 2), (None, 0)]
        assert len(list(results.glob("masks/*"))) == IMAGES
        assert written(results, list(finished)) == finished
    assert server.process.returncode in (0, -signal.SIGTERM), server.log.read_text()


def test_a_run_of_a_video_survives(tmp_path: Path) -> None:
    frames = 90
    clip = save_film(tmp_path / "clip.mp4", film(frames, lambda i: (10, 4 + i // 3)))
    data = tmp_path / "data"
    with served(data) as server:
        client = server.client
        project = client.post("/v1/projects", json={"name": "crash", "kind": "video"}).json()["id"]
        p = f"/v1/projects/{project}"
        sent = client.post(f"{p}/source", params={"name": "clip.mp4"}, content=clip.read_bytes(), headers=RAW)
        assert sent.status_code == 201, sent.text
        first = client.get(f"{p}/images", params={"limit": 1}).json()["items"][0]["id"]
        marks = {"version": 0, "boxes": [{"xyxy": [4, 10, 16, 22], "class": 1}]}
        client.put(f"{p}/images/{first}/marks", json=marks).raise_for_status()
        job = client.post(f"{p}/runs", json={}).json()["id"]
        wait(lambda: client.get(f"/v1/jobs/{job}").json()["done"] >= 40)
        server.kill()
    results = data / "projects" / project / "results"
    finished = {name: mask for name, (_, mask) in written(results, names_of(results)).items()}
    assert 40 <= len(finished) < frames

    with served(data) as server:
        client = server.client
        ended = wait(
            lambda: (j := client.get(f"/v1/jobs/{job}").json())["state"] not in ("queued", "running") and j
        )
        assert (ended["state"], ended["done"]) == ("done", frames), ended
        # It went on from the state that is kept every 25 frames.
        assert ended["result"]["kept"] >= 25
        images = client.get(f"{p}/images", params={"limit": 500}).json()["items"]
        assert all(i["prediction"]["areas"] == {"1": 144} and not i["prediction"]["stale"] for i in images)
        masks = {name: mask for name, (_, mask) in written(results, names_of(results)).items()}
        assert len(masks) == frames
        assert {name: masks[name] for name in finished} == finished


def names_of(results: Path) -> list[str]:
    return [e.name for e in read_manifest(results / "manifest.jsonl")]
