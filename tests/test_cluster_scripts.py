"""The scripts of examples/cluster as plain processes, with the variables that Slurm and Kubernetes set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
import yaml
from snippets import make_pictures

from cuecast.results.manifest import read_manifest

SCRIPTS = Path(__file__).parents[1] / "examples" / "cluster"
CUE = "photos/001.png=marks/001.png"
SHARDS = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, one of them broken, and the program `cuecast` of this source in bin/."""
    make_pictures(tmp_path)
    (tmp_path / "photos" / "005.png").write_text("broken")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "cuecast"
    packed = '#!/bin/sh\n[ "$1" = gather ] || set -- "$@" --pack colours\n'
    program.write_text(f'{packed}exec "{sys.executable}" -m cuecast "$@"\n')
    program.chmod(0o755)
    return tmp_path


def start(folder: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    """A process in the folder, with `cuecast` on its path."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stderr."""
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def check_same_as_undivided(folder: Path) -> None:
    assert finish(start(folder, "cuecast", "segment", "photos", "-o", "whole", "--cue", CUE, "-q"))[0] == 3

    def contents(out: Path) -> dict[str, bytes]:
        files = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        lines = [replace(e, seconds=None).line() for e in read_manifest(out / "manifest.jsonl")]
        return {**files, "manifest.jsonl": "\n".join(lines).encode()}

    assert contents(folder / "out") == contents(folder / "whole")


def test_a_job_array_of_slurm(folder: Path) -> None:
    """One task is killed as it begins, and is named; then both at once."""

    def task(number: int) -> subprocess.Popen[str]:
        variables = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1", "SHARDS": str(SHARDS)}
        script = str(SCRIPTS / "segment.sbatch")
        return start(folder, "bash", script, "photos", "-o", "out", "--cue", CUE, **variables)

    killed = task(1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert finish(task(2))[0] == 0
    code, err = finish(start(folder, "bash", str(SCRIPTS / "gather.sbatch"), "out"))
    assert (code, "by number: 1" in err) == (1, True)
    tasks = [task(1), task(2)]
    assert [finish(t) for t in tasks] == [(0, ANY), (0, ANY)]
    code, err = finish(start(folder, "bash", str(SCRIPTS / "gather.sbatch"), "out"))
    assert (code, "005.png" in err) == (3, True)
    check_same_as_undivided(folder)


def test_an_indexed_job_of_kubernetes(folder: Path) -> None:
    """The command of the pods as it stands in the file, all at once."""
    job, gathering = yaml.safe_load_all((SCRIPTS / "job.yaml").read_text(encoding="utf-8"))
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    container = spec["template"]["spec"]["containers"][0]
    assert [e["value"] for e in container["env"] if e["name"] == "SHARDS"] == [str(spec["completions"])]
    pods = [
        start(folder, *container["command"], JOB_COMPLETION_INDEX=str(index), SHARDS=str(SHARDS))
        for index in range(SHARDS)
    ]
    assert [finish(pod) for pod in pods] == [(0, ANY), (0, ANY)]
    command = gathering["spec"]["template"]["spec"]["containers"][0]["command"]
    assert finish(start(folder, *command))[0] == 3
    check_same_as_undivided(folder)
