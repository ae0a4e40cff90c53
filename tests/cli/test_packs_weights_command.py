"""`cuecast packs make --weights`: from a folder of weights to masks, by the same commands as any other pack."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commands import one_line
from foundation_models import needed, write_model
from PIL import Image

import cuecast
from cuecast.catalogue import foundation
from cuecast.cli import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tiny weights; packs, and what was said of licences, are in folders of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "packs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_model(tmp_path / "weights")


def write_pictures() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:30, 10:30] = 255
    for name in ("a", "b"):
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(f"{name}.png")
    Image.fromarray(mask).save("a_mask.png")


def test_a_pack_of_weights_is_made_and_segments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures()
    make = ["packs", "make", "mine", "--weights", str(folder), "--segmenter", "seggpt"]
    assert run(make) == 0
    assert run(["packs", "info", "mine"]) == 0
    told = capsys.readouterr().out
    assert "folder: " + str(folder) in told
    assert "licence: Apache-2.0" in told
    assert "Not calibrated" in told
    assert run(make) == 0  # the very same again is no error
    capsys.readouterr()
    segment = ["segment", "b.png", "--pack", "mine", "--cue", "a.png=a_mask.png", "-o", "out", "-q"]
    assert run(segment) == 0
    first = capsys.readouterr().err
    assert "pack mine: its weights are under the licence Apache-2.0; this is said once" in first
    with Image.open("out/masks/b.png") as mask:
        assert mask.size == (50, 40)
    assert run([*segment, "--overwrite"]) == 0
    assert "licence" not in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_ready_concept_and_numbers_of_the_card_come_with_it(tmp_path: Path) -> None:
    write_pictures()
    assert run(["cues", "new", "c.cues", "--class", "thing"]) == 0
    assert run(["cues", "add", "c.cues", "--cue", "a.png=a_mask.png"]) == 0
    (tmp_path / "card.json").write_text(
        json.dumps({"preprocessing": {"ensemble": "spatial"}, "sector": "industry"})
    )
    make = [
        "packs",
        "make",
        "mine",
        "--weights",
        "weights",
        "--concept",
        "thing=c.cues",
        "--card",
        "card.json",
    ]
    assert run(make) == 0
    with pytest.warns(cuecast.CuecastWarning, match="this is said once"):
        predictor = cuecast.load("mine", threads=1)
    assert predictor.segmenter.preprocessing["ensemble"] == "spatial"
    assert predictor.concept("thing").segment("b.png").mask.shape == (40, 50)
    assert run(["packs", "make", "above", "--base", "mine", "--concept", "thing=c.cues"]) == 0
    assert cuecast.load("above", threads=1).segmenter.network is predictor.segmenter.network


@pytest.mark.usefixtures("folder")
def test_a_pack_is_calibrated_on_pictures_of_its_maker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path / "features", "dinov3_vit")
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (tmp_path / "own" / part).mkdir(parents=True)
    for i in range(12):
        mask = np.zeros((48, 48), np.uint8)
        if i < 8:
            mask[8 : 8 + 2 * i + 16, 10:36] = 1
        pixels = rng.integers(0, 90, (48, 48, 3)).astype(np.uint8)
        pixels[mask == 1] = (230, 60, 40)
        Image.fromarray(pixels).save(tmp_path / "own" / "images" / f"{i:02}.png")
        Image.fromarray(mask).save(tmp_path / "own" / "masks" / f"{i:02}.png")
    make = ["packs", "make", "mine", "--weights", "features", "--encoder", "dinov3", "--calibrate", "own"]
    Path("card.json").write_text('{"limits": ["Of red things."], "area": {"spread": 1, "freedom": 1}}')
    assert run([*make, "--card", "card.json"]) == 1
    assert "area is stated, and --calibrate fits it" in one_line(capsys.readouterr().err)
    Path("card.json").write_text('{"limits": ["Of red things."]}')
    assert run([*make, "--card", "card.json"]) == 0
    card = json.loads(Path("packs/mine/card.json").read_text())
    assert card["limits"][0] == "Of red things."
    assert "fitted to 20 answers on 12 pictures of 12 groups" in card["limits"][1]
    assert 0.2 <= card["thresholds"]["score"] <= 0.6
    assert card["scores"]["mean"]["1"] > 0.6
    assert card["calibration"]["names"][0] == "expected"
    with pytest.warns(cuecast.CuecastWarning, match="this is said once"):
        predictor = cuecast.load("mine", threads=1)
    concept = predictor.learn([cuecast.Cue("own/images/00.png", mask="own/masks/00.png")])
    assert concept.segment("own/images/07.png").verdict == "found"
    assert run(make) == 1  # another fit would not be the very same: said before the work
    assert "--replace" in capsys.readouterr().err


def test_weights_that_are_gone_or_others_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures()
    assert run(["packs", "make", "mine", "--weights", "weights"]) == 0
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config + " ")
    capsys.readouterr()
    assert run(["packs", "info", "mine"]) == 1
    assert "config.json in" in (said := one_line(capsys.readouterr().err))
    assert "is not the one that it was made of" in said
    (folder / "model.safetensors").unlink()
    (folder / "config.json").write_text(config)
    assert run(["segment", "b.png", "--pack", "mine", "--cue", "a.png=a_mask.png", "-o", "out"]) == 1
    said = one_line(capsys.readouterr().err)
    assert "model.safetensors of its weights is not in" in said
    assert "make the pack anew: cuecast packs make NAME --weights FOLDER" in said


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--weights", "none"], 1, "none: there is no such folder; name the folder that holds config.json"),
        (["--weights", "BAAI/seggpt-vit-large"], 1, "add --download to fetch BAAI/seggpt-vit-large"),
        (
            ["--segmenter", "seggpt"],
            2,
            "--segmenter, --encoder, --download and --calibrate go with --weights",
        ),
        (["--download"], 2, "--segmenter, --encoder, --download and --calibrate go with --weights"),
        (["--encoder", "dinov3"], 2, "--segmenter, --encoder, --download and --calibrate go with --weights"),
        (
            ["--weights", "weights", "--encoder", "dinov3", "--segmenter", "seggpt"],
            2,
            "--encoder dinov3: it is of",
        ),
        (
            ["--weights", "weights", "--encoder", "dinov3"],
            1,
            "these are weights of 'seggpt', and dino needs dinov2",
        ),
        (["--weights", "weights", "--segmenter", "dino"], 1, "name other weights, or use them for seggpt"),
        (["--weights", "weights", "--base", "general"], 2, "--weights and --base"),
        (["--calibrate", "few"], 2, "--calibrate go with --weights"),
        (["--weights", "weights", "--group", "prefix"], 2, "--group goes with --calibrate"),
        (["--weights", "weights", "--calibrate", "none"], 1, "none: there is no such folder or cue set"),
    ],
)
def test_what_cannot_be_made_is_said(
    folder: Path, flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder.is_dir()
    assert run(["packs", "make", "mine", *flags]) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("packs/mine").exists()


def test_a_folder_that_states_no_licence_is_doubted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "README.md").unlink()
    assert run(["packs", "make", "mine", "--weights", "weights"]) == 0
    assert "states no licence of its weights" in (said := capsys.readouterr().err)
    assert "published under Apache-2.0" in said


class Hub:
    """Stands for huggingface_hub: one repository, whose snapshot is a folder."""

    def __init__(self, folder: Path, error: Exception | None = None) -> None:
        self.folder, self.error, self.asked = folder, error, []

    def HfApi(self) -> Hub:  # noqa: N802  as the library calls it
        return self

    def model_info(self, repository: str, files_metadata: bool) -> Any:
        assert files_metadata
        self.asked.append(repository)
        if self.error:
            raise self.error
        sizes = {"config.json": 1000, "model.safetensors": 2_000_000, "model.bin": 9_000_000, "code.py": 7}
        files = [SimpleNamespace(rfilename=n, size=s) for n, s in sizes.items()]
        card = SimpleNamespace(to_dict=lambda: {"license": "apache-2.0"})
        return SimpleNamespace(card_data=card, sha="0123456789abcdef", siblings=files)

    def snapshot_download(self, repository: str, revision: str, allow_patterns: list[str]) -> str:
        assert (revision, "*.bin" in allow_patterns) == ("0123456789abcdef", False)
        self.asked.append(f"all of {repository}")
        return str(self.folder)


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    standing, real = Hub(folder), foundation.library
    monkeypatch.setattr(
        foundation, "library", lambda name: standing if name == "huggingface_hub" else real(name)
    )
    return standing


def test_a_download_says_what_it_fetches_and_by_which_licence(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["packs", "make", "mine", "--weights", "BAAI/seggpt-vit-large", "--download"]) == 0
    said = capsys.readouterr().err
    assert (
        "fetching BAAI/seggpt-vit-large (2.0 MB, commit 0123456789ab) of huggingface.co is under the licence "
        "Apache-2.0" in " ".join(said.split())
    )
    assert hub.asked == ["BAAI/seggpt-vit-large", "all of BAAI/seggpt-vit-large"]
    card = json.loads(Path("packs/mine/card.json").read_text())
    assert card["weights"]["source"] == "https://huggingface.co/BAAI/seggpt-vit-large"


def test_without_the_flag_the_hub_is_never_asked(hub: Hub) -> None:
    assert run(["packs", "make", "mine", "--weights", "BAAI/seggpt-vit-large"]) == 1
    assert run(["packs", "make", "mine", "--weights", "weights"]) == 0
    assert hub.asked == []


def test_what_the_hub_refuses_is_said_with_a_remedy(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    needed()
    hub.error = OSError("no network")
    assert run(["packs", "make", "mine", "--weights", "BAAI/seggpt", "--download"]) == 1
    said = one_line(capsys.readouterr().err)
    assert "cannot be reached (no network); download it elsewhere, and name its folder" in said
