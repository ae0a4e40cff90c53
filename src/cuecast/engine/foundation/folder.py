"""A folder of weights as transformers publishes them: config.json and .safetensors. Read without torch.

Nothing is loaded here. What is wrong with a folder is found and said before seconds and gigabytes are spent on it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cuecast.core.errors import PackError, cause
from cuecast.engine.card import NOT_STATED, licence_problem
from cuecast.engine.packs import weights_digest
from cuecast.io.files import read_json

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
LFS = b"version https://git-lfs"
"""What a file begins with that is only the pointer of Git LFS to one."""
MOST_HEADER = 100_000_000
"""Bytes of the head of a .safetensors, at most, as the format has it."""


@dataclass(frozen=True)
class Architecture:
    """A kind of model: the class of transformers that it is, the segmenter of ours that uses it, and where its makers
    publish weights, by which licence.

    parts  what the names of the weights begin with that are used.
    """

    loader: str
    segmenter: str
    source: str
    licence: str
    parts: tuple[str, ...] = ("",)


ARCHITECTURES = {
    "seggpt": Architecture("SegGptForImageSegmentation", "seggpt", "BAAI/seggpt-vit-large", "Apache-2.0"),
    "dinov2": Architecture("Dinov2Model", "dino", "facebook/dinov2-base", "Apache-2.0"),
    "dinov2_with_registers": Architecture(
        "Dinov2WithRegistersModel", "dino", "facebook/dinov2-with-registers-base", "Apache-2.0"
    ),
    "dinov3_vit": Architecture(
        "DINOv3ViTModel", "dino", "facebook/dinov3-vits16-pretrain-lvd1689m", "LicenseRef-dinov3-license"
    ),
    "dinov3_convnext": Architecture(
        "DINOv3ConvNextModel",
        "dino",
        "facebook/dinov3-convnext-tiny-pretrain-lvd1689m",
        "LicenseRef-dinov3-license",
    ),
    "sam2_video": Architecture("Sam2VideoModel", "sam2", "facebook/sam2.1-hiera-tiny", "Apache-2.0"),
    "sam3_video": Architecture(
        "Sam3TrackerVideoModel",
        "sam3",
        "facebook/sam3",
        "LicenseRef-SAM-License",
        ("detector_model.vision_encoder.backbone.", "tracker_"),
    ),
}
"""`model_type` of a config.json -> what it is."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A folder of weights that has been looked at. See `look_at`.

    files  names of those that are read, config.json first; config: what that says.
    """

    folder: Path
    config: Mapping[str, Any]
    files: tuple[str, ...]

    @property
    def model_type(self) -> str:
        """The kind of model, a key of `ARCHITECTURES`."""
        return str(self.config["model_type"])

    @property
    def architecture(self) -> Architecture:
        """What there is to know of that kind."""
        return ARCHITECTURES[self.model_type]

    @cached_property
    def numbers(self) -> int:
        """How many numbers the weights hold that are used."""
        heads = [_head(self.folder / n) for n in self.files if n.endswith(".safetensors")]
        used = [{n: t for n, t in h.items() if n.startswith(self.architecture.parts)} for h in heads]
        return sum(math.prod(t["shape"]) for head in used for t in _tensors(head))

    @property
    def bytes(self) -> int:
        """Of the files."""
        return sum((self.folder / name).stat().st_size for name in self.files)

    @cached_property
    def licence(self) -> str:
        """The SPDX expression of what the README.md of the folder states, as on Hugging Face; else 'NOASSERTION'."""
        return licence_of(self.folder)

    def entry(self) -> dict[str, Any]:
        """The field `weights` of a pack's card. Raises PackError where a file cannot be read."""
        try:
            digests = {name: weights_digest(self.folder / name) for name in self.files}
        except OSError as error:
            raise PackError(f"it cannot be read ({cause(error)})", self.folder) from error
        return {
            "folder": str(self.folder.resolve()),
            "model": self.model_type,
            "licence": self.licence,
            "files": digests,
        }


def look_at(folder: str | Path, wanted: str | None = None) -> Weights:
    """The weights in a folder, for the segmenter `wanted` where one is named.

    Raises PackError where it is no such folder, a file is missing or not whole, or it is of another kind.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        what = "it is a file" if place.exists() else "there is no such folder"
        raise PackError(what, place, f"name the folder that holds {CONFIG} and {WEIGHTS}")
    if not (place / CONFIG).is_file():
        raise PackError(f"{CONFIG} is missing in it", place, _where_instead(place))
    config = read_json(place / CONFIG, PackError)
    _check_kind(config, place, wanted)
    files = (CONFIG, *_weight_files(place))
    for name in files:
        if name.endswith(".safetensors"):
            check_whole(place / name)
    return Weights(place, config, files)


def _check_kind(config: Mapping[str, Any], place: Path, wanted: str | None) -> None:
    """Raise PackError where these are no weights that can be used, or none for that segmenter."""
    kind = config.get("model_type")
    known = ", ".join(sorted(n for n, a in ARCHITECTURES.items() if wanted in (None, a.segmenter)))
    if kind not in ARCHITECTURES:
        raise PackError(f"{CONFIG}: model_type {kind!r} is not known here", place, f"known are {known}")
    fits = ARCHITECTURES[str(kind)].segmenter
    if wanted is not None and fits != wanted:
        what = f"these are weights of {kind!r}, and {wanted} needs {known}"
        raise PackError(what, place, f"name other weights, or use them for {fits}")


def _where_instead(place: Path) -> str:
    """Where the weights may lie, for one who has named a folder above or beside them."""
    below = sorted(p.parent for pattern in ("*", "snapshots/*") for p in place.glob(f"{pattern}/{CONFIG}"))
    if below:
        return f"name the folder {below[0]}"
    return f"name the folder that holds {CONFIG} and {WEIGHTS}, as they are published for transformers"


def _weight_files(place: Path) -> list[str]:
    """The names of the .safetensors in a folder, and of their index where there are several. Raises PackError."""
    if (place / WEIGHTS).is_file():
        return [WEIGHTS]
    if (place / INDEX).is_file():
        parts = read_json(place / INDEX, PackError).get("weight_map")
        names = sorted({str(n) for n in parts.values()}) if isinstance(parts, dict) else []
        if not names or any(Path(n).name != n or not n.endswith(".safetensors") for n in names):
            raise PackError("it names no weights in its folder", place / INDEX, "get an intact copy")
        for name in names:
            if not (place / name).is_file():
                raise PackError(f"{name} is missing in it, which {INDEX} names", place, "download the rest")
        return [INDEX, *names]
    pickled = sorted(p.name for pattern in ("*.bin", "*.pth", "*.pt", "*.ckpt") for p in place.glob(pattern))
    if pickled:
        what = f"{WEIGHTS} is missing in it, and {pickled[0]} is not read: such files can run code"
        raise PackError(what, place, "get the weights as .safetensors")
    raise PackError(f"{WEIGHTS} is missing in it", place, "download it beside config.json")


def check_whole(path: Path) -> None:
    """Raise PackError where a .safetensors is damaged, or only a part of one: by its head, which states its length."""
    end = max((t["data_offsets"][1] for t in _tensors(_head(path))), default=0)
    with open(path, "rb") as stream:
        expected = 8 + int.from_bytes(stream.read(8), "little") + end
    size = path.stat().st_size
    if size < expected:
        raise PackError(
            f"{size:,} of its {expected:,} bytes are there: the download broke off",
            path,
            "download it again",
        )
    if size > expected:
        raise PackError(
            f"it has {size:,} bytes and states {expected:,}: it is damaged", path, "download it again"
        )


def _head(path: Path) -> dict[str, Any]:
    """What a .safetensors says of its tensors. Raises PackError."""
    try:
        with open(path, "rb") as stream:
            start = stream.read(len(LFS))
            if start == LFS:
                what = "it is the pointer of Git LFS, and not the weights"
                raise PackError(what, path, "run: git lfs pull")
            stream.seek(0)
            count = int.from_bytes(stream.read(8), "little")
            text = stream.read(count) if count <= MOST_HEADER else b""
    except OSError as error:
        raise PackError(f"it cannot be read ({cause(error)})", path) from error
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("no object")
        list(_tensors(found))
    except (ValueError, RecursionError, KeyError, TypeError, IndexError) as error:
        what = "its head is no list of tensors: it is no .safetensors, or a part of one"
        raise PackError(what, path, "download it again") from error
    return found


def _tensors(head: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is said of each tensor: dtype, shape, data_offsets."""
    for name, told in head.items():
        if name != "__metadata__":
            _ = told["dtype"], int(told["data_offsets"][1]), math.prod(told["shape"])
            yield told


def licence_of(folder: Path) -> str:
    """The licence that the head of README.md in a folder states, as an SPDX expression; 'NOASSERTION' where none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return NOT_STATED
    head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    stated = (
        dict(re.findall(r"^(license|license_name): *['\"]?([^'\"\n#]+)", head[1], re.MULTILINE))
        if head
        else {}
    )
    return spdx_of(stated.get("license"), stated.get("license_name"))


def spdx_of(licence: str | None, name: str | None = None) -> str:
    """A licence as Hugging Face writes it ('apache-2.0', 'other' with a name) as an SPDX expression."""
    from license_expression import ExpressionError, get_spdx_licensing

    said = (licence or "").strip()
    if said.lower() in ("", "unknown"):
        return NOT_STATED
    try:
        found = str(get_spdx_licensing().parse(said))
    except (ExpressionError, AttributeError):  # as `licence_problem`
        found = said
    if licence_problem(found) is None:
        return found
    own = re.sub(r"[^A-Za-z0-9.-]+", "-", (name or said).strip())
    return f"LicenseRef-{own}"
