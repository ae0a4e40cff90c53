"""Runs the steps of the Dockerfile without a Docker engine, and then what it builds. Linux, as root, Python alone.

    python docker/check.py

Each stage is a folder that a process is locked into (chroot), in a mount namespace of its own: the system and Python
of this machine stand in for the base image, everything else is made by the Dockerfile's own instructions. What is
built then runs in a network namespace of its own, as the user that the Dockerfile names: without a key it must refuse
to serve; with one its own HEALTHCHECK must pass, the pack must load, torch must not be there, and SIGTERM must end it.

PIP_* variables of the environment are handed on; --bind shows the build a folder of this machine (of wheels, say).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
WORDS = frozenset(
    {
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "RUN",
        "USER",
        "VOLUME",
        "WORKDIR",
    }
)
INSIDE = """\
import importlib.util, os, cuecast
assert os.getuid() == 10001, os.getuid()
assert not os.access(os.path.dirname(cuecast.__file__), os.W_OK), "the program may change itself"
assert importlib.util.find_spec("torch") is None, "torch is installed"
predictor = cuecast.load("general")
print(cuecast.__version__, predictor.pack.name, predictor.pack.digest[:12], "as user", os.getuid())
"""
ASK = """\
import json, os, urllib.request
key = {"Authorization": "Bearer " + os.environ["KEY"]}
asked = urllib.request.Request("http://127.0.0.1:8000/v1/info", headers=key)
print(json.load(urllib.request.urlopen(asked, timeout=30))["pack"])
"""


@dataclass
class Stage:
    """One FROM with the instructions that follow it, as (word, the rest of the line)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str | None:
        """The rest of the last instruction of that word."""
        return next((rest for w, rest in reversed(self.steps) if w == word), None)


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """(the ARGs before the first FROM, the stages). Raises ValueError for an instruction that is not known here."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    first: dict[str, str] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word not in WORDS:
            raise ValueError(f"Dockerfile: {word} is not known to docker/check.py; teach it, or do without")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name or str(len(stages))))
        elif stages:
            stages[-1].steps.append((word, rest.strip()))
        else:
            first.update(assignments(rest))
    return first, stages


def assignments(rest: str) -> dict[str, str]:
    """NAME=VALUE pairs of an ARG or ENV."""
    return dict(pair.split("=", 1) for pair in shlex.split(rest))


def health_command(stage: Stage) -> list[str]:
    """The command of the HEALTHCHECK."""
    words: list[str] = json.loads((stage.last("HEALTHCHECK") or "").partition(" CMD ")[2])
    return words


@dataclass
class Box:
    """A stage being built: its folder, and what ENV, USER and WORKDIR have set so far."""

    folder: Path
    environment: dict[str, str]
    user: str = "0:0"
    at: str = "/"

    def command(self, words: Sequence[str]) -> list[str]:
        """The words, to be run inside the box."""
        inner = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.at, *words]
        return [CHROOT, f"--userspec={self.user}", str(self.folder), *inner]

    def run(self, words: Sequence[str], **more: str) -> None:
        """Run a command inside; its failure ends the check."""
        print(f"  + {shlex.join(words)}", flush=True)
        subprocess.run(self.command(words), env={**self.environment, **more}, check=True)

    def path(self, inside: str) -> Path:
        """Where a path of the box lies outside of it."""
        return self.folder / os.path.normpath(os.path.join(self.at, inside)).lstrip("/")


def new_box(folder: Path, binds: Sequence[Path]) -> Box:
    """A folder with the system and the Python of this machine, and nothing of their own in it."""
    python = Path(sys.base_prefix)
    for name in ("tmp", "proc", "dev", "root", "home", "opt", "usr"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    for name in SYSTEM:
        if Path("/", name).is_symlink():
            (folder / name).symlink_to(os.readlink(f"/{name}"))
        elif Path("/", name).is_dir():
            _bind(Path("/", name), folder / name)
    shutil.copytree("/etc", folder / "etc", symlinks=True, ignore_dangling_symlinks=True)
    for place in (Path("/proc"), Path("/dev")):
        _bind(place, folder / place.name, "bind")
    for place in (python, *binds):
        _bind(place, folder / str(place).lstrip("/"))
    _bind(python, folder / "usr/local")  # where the base image has it
    handed = {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
    return Box(folder, {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **handed})


def _bind(place: Path, target: Path, options: str = "bind,ro") -> None:
    """Show a folder of this machine in the box. Only to be read, unless told otherwise."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--rbind", str(place), str(target)], check=True)
    if "ro" in options:
        subprocess.run(["mount", "-o", f"remount,{options}", str(target)], check=True)


def build(stages: Sequence[Stage], first: Mapping[str, str], work: Path, binds: Sequence[Path]) -> Box:
    """Run every stage; the box of the last one."""
    boxes: dict[str, Box] = {}
    for stage in stages:
        base = _filled(stage.base, first)
        print(f"FROM {base}", flush=True)
        have = f"{sys.version_info.major}.{sys.version_info.minor}"
        if base != f"python:{have}-slim":
            sys.exit(f"check: the base image is {base}; run this with that Python, it is {have}")
        box = boxes[stage.name] = new_box(work / stage.name, binds)
        arguments = dict(first)
        for word, rest in stage.steps:
            _step(word, rest, box, boxes, arguments)
    return box


def _step(word: str, rest: str, box: Box, boxes: Mapping[str, Box], arguments: dict[str, str]) -> None:
    if word not in ("CMD", "ENTRYPOINT", "HEALTHCHECK", "EXPOSE"):
        print(f" {word} {rest}", flush=True)
    if word == "ARG":
        arguments.update(assignments(rest))
    elif word == "ENV":
        box.environment.update(assignments(_filled(rest, {**arguments, **box.environment})))
    elif word == "USER":
        box.user = rest
    elif word == "WORKDIR":
        box.at = rest
        box.path(".").mkdir(parents=True, exist_ok=True)
    elif word == "VOLUME":
        box.path(rest).mkdir(exist_ok=True)
    elif word == "COPY":
        _copy(shlex.split(rest), box, boxes)
    elif word == "RUN":
        box.run(["/bin/sh", "-c", rest], **arguments)


def _copy(words: list[str], box: Box, boxes: Mapping[str, Box]) -> None:
    source = ROOT
    if words[0].startswith("--from="):
        source = boxes[words.pop(0).removeprefix("--from=")].folder
    *names, target = words
    for name in names:
        place, where = source / name.lstrip("/"), box.path(target)
        if place.is_dir():  # as COPY does: what is in the folder, not the folder itself
            shutil.copytree(
                place, where, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            where.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, where)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)


def try_out(stage: Stage, box: Box) -> None:
    """Run what was built as `docker run` would, and ask it. In a network namespace without any network but lo."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    entry: list[str] = json.loads(stage.last("ENTRYPOINT") or "[]")
    serve = [*entry, *json.loads(stage.last("CMD") or "[]")]
    box.run(["python", "-c", INSIDE])

    refused = subprocess.run(
        box.command(serve), env=box.environment, capture_output=True, text=True, timeout=300, check=False
    )
    print(f"  without a key: {refused.returncode}, {refused.stderr.strip()}", flush=True)
    assert refused.returncode == 1, refused
    assert "cuecast keys create" in refused.stderr, refused
    create = box.command([*entry, "keys", "create", "check", "--data", "/data"])
    key = subprocess.run(
        create, env=box.environment, capture_output=True, text=True, check=True
    ).stdout.strip()

    with subprocess.Popen(box.command(serve), env=box.environment) as service:
        try:
            _wait_healthy(box, health_command(stage), service)
            box.run(["python", "-c", ASK], KEY=key)
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=300) == 0, service.returncode
    unhealthy = subprocess.run(
        box.command(health_command(stage)), env=box.environment, capture_output=True, check=False
    )
    assert unhealthy.returncode != 0, "the health check passes where nothing serves"


def _wait_healthy(box: Box, health: Sequence[str], service: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while service.poll() is None and time.monotonic() - began < 300:
        if (
            subprocess.run(
                box.command(health), env=box.environment, capture_output=True, check=False
            ).returncode
            == 0
        ):
            print(f"  healthy after {time.monotonic() - began:.1f} s", flush=True)
            return
        time.sleep(1)
    sys.exit("check: the service does not become healthy")


def main() -> None:
    """Without --in this starts itself again inside new namespaces, and clears up when that has ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bind", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--in", dest="inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--box", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    first, stages = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    if given.box:
        try_out(stages[-1], Box(Path(given.box["folder"]), *list(given.box.values())[1:]))
    elif given.inside:
        box = build(stages, first, given.inside, given.bind)
        again = json.dumps({**vars(box), "folder": str(box.folder)})
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, "--box", again])
    else:
        if os.geteuid() != 0 or not shutil.which("unshare"):
            sys.exit("check: this needs Linux and root (for chroot and namespaces); or run: docker build .")
        # The mounts are seen in the new namespace alone, so that clearing up here cannot reach through them.
        with tempfile.TemporaryDirectory(prefix="cuecast-docker-") as work:
            Path(work).chmod(0o755)
            words = [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                sys.executable,
                __file__,
                *sys.argv[1:],
            ]
            done = subprocess.run([*words, "--in", work], check=False).returncode
        print("check: all well" if done == 0 else f"check: failed ({done})")
        sys.exit(done)


if __name__ == "__main__":
    main()
