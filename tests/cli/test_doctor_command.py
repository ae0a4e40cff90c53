"""`cuecast doctor`: device, threads, packs and extras, each with its reason."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from foundation_models import needed

from cuecast.cli import doctor, run


@pytest.fixture
def general(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound pack called general, so that the verdict does not hang on what is built in."""
    folder = tmp_path / "packs" / "general"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"version": 1, "name": "general", "segmenter": "colour", "files": {}}')
    monkeypatch.setenv("CUECAST_PACKS", str(folder.parent))
    return folder


def test_says_what_is_used_and_why(general: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["device"]["used"] == "CPU"
    assert "CPUExecutionProvider" in report["device"]["offered"]
    assert 1 <= report["threads"]["used"] <= report["threads"]["logical"]
    assert report["threads"]["why"]
    assert {"name": "general", "folder": str(general), "state": "sound"} in report["packs"]
    assert report["libraries"]["numpy"] == version("numpy")
    assert report["settings"]["CUECAST_PACKS"] == str(general.parent)
    assert report["problems"] == []


@pytest.mark.usefixtures("general")
def test_says_what_large_models_are_computed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed()
    monkeypatch.setenv("CUECAST_DEVICE", "cpu")
    assert run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["foundation"]
    assert (found["used"], found["why"]) == ("cpu", "$CUECAST_DEVICE says so")
    assert found["precision"] == "float32"
    assert found["transformers"] == version("transformers")
    monkeypatch.setenv("CUECAST_PRECISION", "double")
    assert run(["doctor"]) == 1
    assert "problem    $CUECAST_PRECISION: 'double' is no precision" in capsys.readouterr().out
    monkeypatch.delenv("CUECAST_PRECISION")
    monkeypatch.setenv("CUECAST_DEVICE", "cuda:99")
    assert run(["doctor"]) == 1
    assert "problem    $CUECAST_DEVICE: 'cuda:99' is not there" in capsys.readouterr().out


def test_the_libraries_are_those_that_the_package_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = [
        "numpy>=1.26",
        "scikit-image >=0.24 ; python_version >= '3.11'",
        "av>=15.0; extra == 'video'",
        "cuecast[volumes]; extra == 'dicom-seg'",
        "highdicom>=0.25; extra == 'dicom-seg'",
        "mkdocstrings[python]>=0.29; extra == 'docs'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: stated)
    assert doctor.requirements() == (
        ["numpy", "scikit-image"],
        {"video": ["av"], "dicom-seg": ["highdicom"]},
    )


def test_the_package_states_its_extras() -> None:
    """The file is in a checkout alone, which is where the tests are."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    core, extras = doctor.requirements()
    assert {"numpy", "onnxruntime"} <= set(core)
    assert {"service", "volumes", "maps"} <= set(extras)
    assert set(extras) <= set(project["optional-dependencies"]) - {*doctor.FOR_BUILDERS}


def test_reads_as_text(general: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all well"
    assert {line.split()[0] for line in lines} >= {"cuecast", "python", "device", "threads", "pack", "extra"}
    assert any(line.startswith(f"setting    CUECAST_PACKS={general.parent} (") for line in lines)


def test_a_damaged_pack_is_a_problem(general: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (general / "card.json").write_text("{")
    assert run(["doctor"]) == 1
    problem = capsys.readouterr().out.splitlines()[-1]
    assert problem.startswith("problem ")
    assert "card.json cannot be read" in problem
    assert "install the pack again" in problem


@pytest.mark.usefixtures("general")
def test_a_missing_extra_is_no_problem_but_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr("importlib.metadata.version", none)
    assert run(["doctor"]) == 0
    assert "extra      train: not usable, torch missing; pip install 'cuecast[train]'" in (
        said := capsys.readouterr().out
    )
    assert "foundation not installed: packs of large pretrained weights need pip install" in said


def test_a_process_bound_to_fewer_cores_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_physical_cores", lambda: 8)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 4)
    assert doctor._threads()["used"] == 4
    assert "may use 4 of 16" in doctor._threads()["why"]
    monkeypatch.setattr(doctor, "usable_cores", lambda: 16)
    assert doctor._threads()["used"] == 8
    assert "one a physical core" in doctor._threads()["why"]
