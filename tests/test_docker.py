"""The Dockerfile agrees with the package, and docker/check.py reads it rightly. Building it is `docker/check.py`."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cuecast.cli.serve import create, serve
from cuecast.core.version import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def check() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docker" / "check.py")))


@pytest.fixture(scope="module")
def parsed(check: SimpleNamespace) -> tuple[dict[str, str], list[Any]]:
    result: tuple[dict[str, str], list[Any]] = check.parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    return result


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_the_base_image_has_a_python_that_the_package_takes(
    parsed: tuple[dict[str, str], list[Any]], project: dict[str, Any]
) -> None:
    first, stages = parsed
    assert {stage.base for stage in stages} == {"python:${PYTHON}-slim"}
    assert f"Programming Language :: Python :: {first['PYTHON']}" in project["classifiers"]


def test_the_extras_exist_and_bring_no_torch(
    check: SimpleNamespace, parsed: tuple[dict[str, str], list[Any]], project: dict[str, Any]
) -> None:
    arguments: dict[str, str] = {}
    for word, rest in parsed[1][0].steps:
        if word == "ARG":
            arguments.update(check.assignments(rest))
    extras = arguments["EXTRAS"].split(",")
    assert "service" in extras
    assert set(extras) <= set(project["optional-dependencies"])
    assert not any(
        re.match(r"torch|onnxruntime-gpu", r) for e in extras for r in project["optional-dependencies"][e]
    )


def test_the_wheel_that_is_installed_is_this_package(
    parsed: tuple[dict[str, str], list[Any]], project: dict[str, Any]
) -> None:
    assert project["version"] == __version__
    steps = " ".join(rest for _, rest in parsed[1][0].steps)
    assert f"/wheels/{project['name']}-*.whl" in steps


def test_copied_files_exist_and_are_not_ignored(parsed: tuple[dict[str, str], list[Any]]) -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    names = [n for word, rest in parsed[1][0].steps if word == "COPY" for n in rest.split()[:-1]]
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "src"} == set(names)
    for name in names:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore, name


def test_it_runs_as_nobody_in_particular_and_serves_with_flags_that_exist(
    check: SimpleNamespace, parsed: tuple[dict[str, str], list[Any]]
) -> None:
    final = parsed[1][-1]
    user, _, group = (final.last("USER") or "").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    words = check.json.loads(final.last("CMD") or "[]")
    assert check.json.loads(final.last("ENTRYPOINT") or "[]") == ["cuecast"]
    assert words[0] == serve.__name__
    flags = dict(zip(words[1::2], words[2::2], strict=True))
    known = {f"--{name.replace('_', '-')}" for name in serve.__annotations__}
    assert set(flags) <= known
    assert (flags["--host"], flags["--data"]) == ("0.0.0.0", final.last("VOLUME"))
    assert flags["--port"] == final.last("EXPOSE")
    assert f"http://127.0.0.1:{flags['--port']}/healthz" in check.health_command(final)[-1]
    assert "data" in create.__annotations__


def test_the_page_says_what_the_file_says(parsed: tuple[dict[str, str], list[Any]]) -> None:
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    head = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = re.findall(r"^#   (docker .*?)(?:    #.*)?$", head, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert f"    {command}" in page
    assert parsed[1][-1].last("USER") in page


def test_instructions_are_read_with_their_continuations(check: SimpleNamespace) -> None:
    first, stages = check.parse(
        "# a note\nARG A=1\n\nFROM x:${A} AS one\nRUN a \\\n && b\nFROM y\nENV P=2 \\\n    Q='3 4'\n"
        'HEALTHCHECK --timeout=1s \\\n  CMD ["p", "q"]\n'
    )
    assert first == {"A": "1"}
    assert [(s.base, s.name, s.steps[0]) for s in stages] == [
        ("x:${A}", "one", ("RUN", "a  && b")),
        ("y", "1", ("ENV", "P=2  Q='3 4'")),
    ]
    assert check.assignments(stages[1].last("ENV")) == {"P": "2", "Q": "3 4"}
    assert check.health_command(stages[1]) == ["p", "q"]
    with pytest.raises(ValueError, match="ADD is not known"):
        check.parse("FROM x\nADD a b\n")
