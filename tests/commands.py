"""Running `cuecast` as a person does: in a process of its own, with its streams and exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def cuecast(*args: object, cwd: Path | None = None, stdin: str = "") -> Done:
    """Run `python -m cuecast ARGS` in the folder `cwd`."""
    done = subprocess.run(
        [sys.executable, "-m", "cuecast", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        input=stdin,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def one_line(err: str) -> str:
    """The error line of a command's stderr, which must be all that is there."""
    assert err.startswith("cuecast: error: "), err
    assert err.endswith("\n"), err
    assert err.count("\n") == 1, err
    return err.removeprefix("cuecast: error: ").strip()
