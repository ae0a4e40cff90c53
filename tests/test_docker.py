"""The Dockerfile agrees with the package and with docs/docker.md. Building it needs a Docker engine: not tested."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cuecast.cli.serve import create, serve
from cuecast.core.version import __version__

ROOT = Path(__file__).parents[1]


@dataclass
class Stage:
    """One FROM with the instructions that follow it, as (word, the rest of the line)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str | None:
        """The rest of the last instruction of that word."""
        return next((rest for w, rest in reversed(self.steps) if w == word), None)


WORDS = set("ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN USER VOLUME WORKDIR".split())  # noqa: SIM905


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """(the ARGs before the first FROM, the stages). Raises ValueError for an instruction that is not known here."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    first: dict[str, str] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word not in WORDS:
            raise ValueError(f"Dockerfile: {word} is not known to this test; teach it, or do without")
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


@pytest.fixture(scope="module")
def parsed() -> tuple[dict[str, str], list[Stage]]:
    return parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_the_base_image_has_a_python_that_the_package_takes(
    parsed: tuple[dict[str, str], list[Stage]], project: dict[str, Any]
) -> None:
    first, stages = parsed
    assert {stage.base for stage in stages} == {"python:${PYTHON}-slim"}
    assert f"Programming Language :: Python :: {first['PYTHON']}" in project["classifiers"]


def test_the_extras_exist_and_bring_no_torch(
    parsed: tuple[dict[str, str], list[Stage]], project: dict[str, Any]
) -> None:
    arguments: dict[str, str] = {}
    for word, rest in parsed[1][0].steps:
        if word == "ARG":
            arguments.update(assignments(rest))
    extras = arguments["EXTRAS"].split(",")
    assert "service" in extras
    assert set(extras) <= set(project["optional-dependencies"])
    assert not any(
        re.match(r"torch|onnxruntime-gpu", r) for e in extras for r in project["optional-dependencies"][e]
    )


def test_the_wheel_that_is_installed_is_this_package(
    parsed: tuple[dict[str, str], list[Stage]], project: dict[str, Any]
) -> None:
    assert project["version"] == __version__
    steps = " ".join(rest for _, rest in parsed[1][0].steps)
    assert f"/wheels/{project['name']}-*.whl" in steps


def test_copied_files_exist_and_are_not_ignored(parsed: tuple[dict[str, str], list[Stage]]) -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    names = [n for word, rest in parsed[1][0].steps if word == "COPY" for n in rest.split()[:-1]]
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "src"} == set(names)
    for name in names:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore, name


def test_it_runs_as_nobody_in_particular_and_serves_with_flags_that_exist(
    parsed: tuple[dict[str, str], list[Stage]],
) -> None:
    final = parsed[1][-1]
    user, _, group = (final.last("USER") or "").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    words = json.loads(final.last("CMD") or "[]")
    assert json.loads(final.last("ENTRYPOINT") or "[]") == ["cuecast"]
    assert words[0] == serve.__name__
    flags = dict(zip(words[1::2], words[2::2], strict=True))
    known = {f"--{name.replace('_', '-')}" for name in serve.__annotations__}
    assert set(flags) <= known
    assert (flags["--host"], flags["--data"]) == ("0.0.0.0", final.last("VOLUME"))
    assert flags["--port"] == final.last("EXPOSE")
    assert f"http://127.0.0.1:{flags['--port']}/healthz" in health_command(final)[-1]
    assert "data" in create.__annotations__


def test_the_page_says_what_the_file_says(parsed: tuple[dict[str, str], list[Stage]]) -> None:
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    head = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = re.findall(r"^#   (docker .*?)(?:    #.*)?$", head, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert f"    {command}" in page
    assert parsed[1][-1].last("USER") in page


def test_instructions_are_read_with_their_continuations() -> None:
    first, stages = parse(
        "# a note\nARG A=1\n\nFROM x:${A} AS one\nRUN a \\\n && b\nFROM y\nENV P=2 \\\n    Q='3 4'\n"
        'HEALTHCHECK --timeout=1s \\\n  CMD ["p", "q"]\n'
    )
    assert first == {"A": "1"}
    assert [(s.base, s.name, s.steps[0]) for s in stages] == [
        ("x:${A}", "one", ("RUN", "a  && b")),
        ("y", "1", ("ENV", "P=2  Q='3 4'")),
    ]
    assert assignments(stages[1].last("ENV")) == {"P": "2", "Q": "3 4"}
    assert health_command(stages[1]) == ["p", "q"]
    with pytest.raises(ValueError, match="ADD is not known"):
        parse("FROM x\nADD a b\n")


def test_the_health_check_fails_where_nothing_serves(parsed: tuple[dict[str, str], list[Stage]]) -> None:
    python, *rest = health_command(parsed[1][-1])
    assert python == "python"
    nowhere = [word.replace(":8000/", ":1/") for word in rest]
    done = subprocess.run([sys.executable, *nowhere], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "refused" in done.stderr
