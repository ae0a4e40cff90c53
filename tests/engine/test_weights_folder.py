"""Folders of weights: what is wrong with one is said before anything is loaded, and what loads but does not fit."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from foundation_models import needed, write_model

from cuecast.core.errors import MissingExtraError, PackError
from cuecast.engine.foundation import runtime
from cuecast.engine.foundation.folder import licence_of, look_at, spdx_of


def safetensors(shape: list[int], data: int) -> bytes:
    """A .safetensors that states one tensor of float32, and has `data` bytes of it."""
    count = 4
    for n in shape:
        count *= n
    head = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, count]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Weights that look sound."""
    place = tmp_path / "weights"
    place.mkdir()
    (place / "config.json").write_text('{"model_type": "seggpt"}')
    (place / "model.safetensors").write_bytes(safetensors([2, 3], 24))
    return place


def test_what_is_sound_is_taken_as_it_is(folder: Path) -> None:
    found = look_at(folder, "seggpt")
    assert found.files == ("config.json", "model.safetensors")
    assert found.numbers == 6
    assert found.model_type == "seggpt"
    assert found.licence == "NOASSERTION"
    (folder / "README.md").write_text("---\nlicense: apache-2.0 # as stated\n---\n")
    assert look_at(folder).entry()["licence"] == "Apache-2.0"


def test_several_parts_are_one_model(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model-2.safetensors").write_bytes(safetensors([5], 20))
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = look_at(folder)
    assert found.files == (
        "config.json",
        "model.safetensors.index.json",
        "model-1.safetensors",
        "model-2.safetensors",
    )
    assert found.numbers == 11
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(PackError, match=r"model-2\.safetensors is missing in it.*download the rest"):
        look_at(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../x.safetensors"}}')
    with pytest.raises(PackError, match="names no weights in its folder"):
        look_at(folder)


def cut(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-5])


def cut_head(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:20])


def cut_all(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def longer(folder: Path) -> None:
    with open(folder / "model.safetensors", "ab") as stream:
        stream.write(b"more")


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def page(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<!doctype html>" * 9)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def other_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')


def no_kind(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, r"bytes are there: the download broke off; download it again"),
        (cut_head, r"its head is no list of tensors"),
        (cut_all, r"its head is no list of tensors"),
        (longer, r"it is damaged; download it again"),
        (pointer, r"pointer of Git LFS, and not the weights; run: git lfs pull"),
        (page, r"its head is no list of tensors"),
        (
            pickled,
            r"pytorch_model\.bin is not read: such files can run code; get the weights as \.safetensors",
        ),
        (no_weights, r"model\.safetensors is missing in it; download it"),
        (no_config, r"config\.json is missing in it; name the folder that holds"),
        (other_kind, r"model_type 'bert' is not known here; known are .*seggpt"),
        (no_kind, r"model_type None is not known here"),
        (broken_config, r"config\.json: is not valid JSON"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(folder: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(folder)
    with pytest.raises(PackError, match=said):
        look_at(folder, "seggpt")


def test_another_folder_is_pointed_at(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="there is no such folder; name the folder that holds"):
        look_at(tmp_path / "nowhere")
    with pytest.raises(PackError, match="it is a file; name the folder"):
        look_at(folder / "config.json")
    with pytest.raises(PackError, match=r"name the folder .*weights"):
        look_at(tmp_path)
    snapshot = tmp_path / "hub" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    with pytest.raises(PackError, match=r"name the folder .*snapshots/abc"):
        look_at(tmp_path / "hub")


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path: Path) -> None:
    place = write_model(tmp_path / "tiny")
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 6}))
    with pytest.raises(PackError, match=r"weights that seggpt needs are not in it, such as model\.encoder"):
        runtime.load(look_at(place), "cpu")
    (place / "config.json").write_text(json.dumps(config | {"hidden_size": 48}))
    with pytest.raises(PackError, match=r"cannot load it .*get an intact copy"):
        runtime.load(look_at(place), "cpu")
    (place / "config.json").write_text(json.dumps(config | {"hidden_size": "wide"}))
    with pytest.raises(PackError, match=r"cannot load it .*get an intact copy"):
        runtime.load(look_at(place), "cpu")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needed()

    def none(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(runtime.importlib, "import_module", none)
    with pytest.raises(
        MissingExtraError, match=r"torch cannot be loaded .*pip install 'cuecast\[foundation\]'"
    ):
        runtime.device()


def test_licences_are_read_as_the_hub_writes_them(tmp_path: Path) -> None:
    assert licence_of(tmp_path) == "NOASSERTION"
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: dinov3-license\n---\nText")
    assert licence_of(tmp_path) == "LicenseRef-dinov3-license"
    (tmp_path / "README.md").write_text("license: mit")
    assert licence_of(tmp_path) == "NOASSERTION"
    assert spdx_of("cc-by-nc-4.0") == "CC-BY-NC-4.0"
    assert spdx_of("unknown") == spdx_of(None) == "NOASSERTION"
    assert spdx_of("other", "Ours & theirs") == "LicenseRef-Ours-theirs"
