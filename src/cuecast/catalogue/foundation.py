"""A pack of large pretrained weights that lie elsewhere: its card names their folder, their checksums and licence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.catalogue.listing import size
from cuecast.catalogue.make import check_new, make_pack
from cuecast.core.errors import PackError
from cuecast.core.notes import give_note
from cuecast.engine.card import NOT_STATED
from cuecast.engine.foundation.folder import Weights, look_at, spdx_of
from cuecast.engine.foundation.runtime import first_line, library
from cuecast.engine.packs import Pack
from cuecast.engine.segmenter import segmenter_class
from cuecast.predictor import Predictor

UNCALIBRATED = (
    "Not calibrated: threshold and verdicts are the usual ones, read from the scores alone, and were not fitted to "
    "answers of this model."
)
"""What a card says of limits where nothing was fitted."""
WANTED = ("config.json", "*.safetensors", "*.safetensors.index.json", "README.md", "LICENSE*")
"""What is fetched of a repository of weights: no code, and no file that could run some."""


@dataclass(frozen=True)
class Offer:
    """A repository of weights on huggingface.co: what would be fetched, and by which licence it may be used."""

    repository: str
    commit: str
    bytes: int
    licence: str

    def __str__(self) -> str:
        terms = "states no licence" if self.licence == NOT_STATED else f"is under the licence {self.licence}"
        return f"{self.repository} ({size(self.bytes)}, commit {self.commit[:12]}) of huggingface.co {terms}"


def make_weights_pack(
    name: str,
    root: Path,
    weights: Weights,
    *,
    source: str | None = None,
    fields: Mapping[str, Any] | None = None,
    concepts: Mapping[str, Path] | None = None,
    calibrate: Callable[[Predictor], Mapping[str, Any]] | None = None,
    replace: bool = False,
) -> Pack:
    """Write the pack `name` into the folder `root`, of weights that have been looked at. They stay where they are.

    source     where they come from; None: it is not known.
    calibrate  given the pack, uncalibrated, the fields of its card that say what its answers are worth; those of
               `fields` stand before them, but for limits, which are joined. None: its card says that it is not.
    others     as of `make_pack`.

    The model is loaded once, so that a pack that is made can be used. Raises PackError, MissingExtraError, CueSetError,
    OutputError, and what `calibrate` raises.
    """
    kind = weights.architecture
    entry = weights.entry() | ({"source": source} if source else {})
    if entry["licence"] == NOT_STATED:
        give_note(
            f"{weights.folder} states no licence of its weights (in README.md); those of {kind.source} are published "
            f"under {kind.licence}: see whether yours are"
        )
    given = {
        "summary": f"{weights.model_type} of {weights.numbers / 1e6:,.0f} M pretrained parameters.",
        "licence": entry["licence"],
        "limits": [UNCALIBRATED],
        **(fields or {}),
        "weights": entry,
    }
    if calibrate is not None:
        check_new(
            name, root, None, fields=given, concepts=concepts or (), segmenter=kind.segmenter, replace=replace
        )
    # Loaded once, so that a pack that is made can be used.
    bare = Pack(root / name, given)
    segmenter = segmenter_class(kind.segmenter).from_pack(bare.files, given)
    if calibrate is not None:
        fitted = calibrate(Predictor(segmenter, bare))
        limits = [*(fields or {}).get("limits", ()), *fitted.get("limits", ())]
        given = {**fitted, **given, "limits": limits}
    return make_pack(
        name, root, None, fields=given, concepts=concepts, segmenter=kind.segmenter, replace=replace
    )


def find_weights(given: str, segmenter: str | None, kind: str = "") -> Weights:
    """The weights in a folder, for a segmenter where one is named, and of a model whose type begins with `kind`.

    Raises PackError; where it has the form of a repository's name, it says how to fetch that.
    """
    if (
        not Path(given).expanduser().exists()
        and given.count("/") == 1
        and not given.startswith((".", "/", "~"))
    ):
        remedy = f"name the folder of the weights, or add --download to fetch {given} from huggingface.co"
        raise PackError("there is no such folder", given, remedy)
    weights = look_at(given, segmenter)
    if not weights.model_type.startswith(kind):
        what = f"these are weights of {weights.model_type!r}, and {kind} is asked for"
        raise PackError(what, weights.folder, "name other weights, or the encoder that these are of")
    return weights


def offer(repository: str) -> Offer:
    """What a repository of huggingface.co holds and states; nothing of it is fetched but that. Raises PackError."""
    hub = library("huggingface_hub")
    with _asking(repository):
        told = hub.HfApi().model_info(repository, files_metadata=True)
    card = dict(told.card_data.to_dict()) if told.card_data else {}
    count = sum(f.size or 0 for f in told.siblings if any(Path(f.rfilename).match(w) for w in WANTED))
    return Offer(repository, str(told.sha), count, spdx_of(card.get("license"), card.get("license_name")))


@contextmanager
def _asking(repository: str) -> Iterator[None]:
    """What the hub raises as PackError, with what to do."""
    errors = library("huggingface_hub.errors")
    try:
        yield
    except errors.GatedRepoError as error:
        what = "its makers give the weights to those who accept their terms"
        remedy = f"accept them at https://huggingface.co/{repository}, and run: hf auth login"
        raise PackError(what, repository, remedy) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise PackError("huggingface.co has no such repository", repository, "correct the name") from error
    except (errors.OfflineModeIsEnabled, errors.HfHubHTTPError, OSError) as error:
        what = f"huggingface.co cannot be reached ({first_line(error)})"
        raise PackError(what, repository, "download it elsewhere, and name its folder") from error


def fetch(wanted: Offer) -> Path:
    """The folder that a repository of weights was fetched to: that of huggingface_hub's cache. Raises PackError."""
    hub = library("huggingface_hub")
    with _asking(wanted.repository):
        return Path(
            hub.snapshot_download(wanted.repository, revision=wanted.commit, allow_patterns=list(WANTED))
        )
