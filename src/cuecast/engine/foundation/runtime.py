"""torch and transformers, loaded on use: the device, a model from a folder of weights, one answer at a time."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import InputError, MissingExtraError, PackError
from cuecast.core.machine import memory
from cuecast.engine.foundation.folder import CONFIG, Weights, look_at
from cuecast.engine.segmenter import WEIGHTS_PREFIX, PackFile
from cuecast.engine.shared import shared

DEVICE = "CUECAST_DEVICE"
"""Environment variable that names the device: 'cpu', 'cuda', 'cuda:1'. Without it CUDA is used where there is one."""
PRECISION = "CUECAST_PRECISION"
"""Environment variable that names the numbers that are computed with, one of `KINDS`. See `precision`."""
KINDS = {"float32": 4, "bfloat16": 2, "float16": 2}
"""What it may name -> bytes of a number."""
HEADROOM = 1.2
"""What loading takes, as a multiple of the weights."""
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
"""ImageNet's, of colours in [0, 1]: what most of these models were trained with."""

THEIRS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
"""Of Python's own errors, what transformers raises for a folder that it cannot load."""

_one_at_a_time = threading.RLock()
"""A large model uses all cores, or all of the GPU; two answers at once would take twice the memory and gain nothing."""


def library(name: str) -> Any:
    """torch or transformers. Raises MissingExtraError where it cannot be loaded."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} cannot be loaded ({error}), and large pretrained models need it",
            remedy="run: pip install 'cuecast[foundation]'",
        ) from error


def device() -> str:
    """Where answers are computed: what $CUECAST_DEVICE names, else CUDA where torch sees one, else the CPU.

    Raises InputError where it names one that is not there.
    """
    torch = library("torch")
    named = os.environ.get(DEVICE)
    if not named:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(named)
    except RuntimeError as error:
        raise InputError(f"{named!r} is no device", f"${DEVICE}", "set it to cpu, cuda or cuda:1") from error
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= count:
            what = f"{named!r} is not there: torch {torch.__version__} sees {count or 'no'} CUDA device(s)"
            raise InputError(what, f"${DEVICE}", "unset it, or install the build of torch for your GPU")
    elif chosen.type != "cpu":
        raise InputError(f"{named!r} is not supported", f"${DEVICE}", "set it to cpu or cuda")
    return str(chosen)


def precision(where: str, *, fine: bool = False) -> str:
    """The numbers that a device computes with, a key of `KINDS`: what $CUECAST_PRECISION names, else single precision
    on the CPU, and half on CUDA: bfloat16 where the GPU has it, whose numbers grow as large as those of single
    precision, so that nothing overflows; else float16.

    fine  whether small differences between the model's numbers matter: then it is single precision there, too.

    Raises InputError where it names another one.
    """
    named = os.environ.get(PRECISION)
    if named:
        if named not in KINDS:
            raise InputError(f"{named!r} is no precision", f"${PRECISION}", f"set it to {', '.join(KINDS)}")
        return named
    if fine or not where.startswith("cuda"):
        return "float32"
    torch = library("torch")
    new = torch.version.hip or torch.cuda.get_device_properties(where).major >= 8
    return "bfloat16" if new else "float16"


@dataclass(frozen=True, eq=False)
class Network:
    """A model of transformers on its device, in a precision of `KINDS`. Safe to share between threads."""

    model: Any = field(repr=False)
    device: str
    threads: int | None

    @property
    def config(self) -> Any:
        """Of the model, as transformers has it."""
        return self.model.config

    def tensor(self, values: NDArray[Any]) -> Any:
        """An array (...) of any shape as a tensor that the model takes: on its device, in its precision."""
        torch = library("torch")
        kind = next(self.model.parameters()).dtype
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device, kind)

    def array(self, found: Any) -> NDArray[np.float32]:
        """A tensor of any shape of the model's -> (...) float32. Raises PackError where it holds what is no number: of
        such 'answers' masks would be made that say nothing."""
        values: NDArray[np.float32] = found.float().cpu().numpy()
        if not np.isfinite(values).all():
            kind = str(found.dtype).removeprefix("torch.")
            what = f"the model answers in {kind} with what is no number"
            remedy = f"set {PRECISION}=float32" if kind != "float32" else "get an intact copy of its weights"
            raise PackError(what, self.config.model_type, remedy)
        return values

    @contextmanager
    def running(self) -> Iterator[Any]:
        """The model, for one answer: without gradients, in its own precision whatever a program around has chosen, on
        `threads`, alone. Raises PackError where memory ends."""
        torch = library("torch")
        own = torch.autocast(self.device.partition(":")[0], enabled=False)
        with _one_at_a_time, torch.inference_mode(), own:
            usual = torch.get_num_threads()
            if self.threads is not None:
                torch.set_num_threads(min(self.threads, os.cpu_count() or self.threads))
            try:
                yield self.model
            except (RuntimeError, MemoryError) as error:
                if not _memory_ended(error):
                    raise
                what = f"the memory of {self.device} does not suffice for an answer"
                remedy = f"show fewer cues, use a smaller model, or set {DEVICE}=cpu"
                raise PackError(what, self.config.model_type, remedy) from error
            finally:
                torch.set_num_threads(usual)


def _memory_ended(error: Exception) -> bool:
    """Whether it says that memory could not be had; torch has an error of its own for CUDA's alone."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "allocate memory" in said


def normal(
    pixels: NDArray[np.uint8], mean: NDArray[np.float32] = MEAN, deviation: NDArray[np.float32] = DEVIATION
) -> NDArray[np.float32]:
    """Pixels (h, w, 3) uint8 RGB -> (3, h, w) float32, as the models take them; `mean` and `deviation` (3,) are of
    colours in [0, 1]."""
    scaled = (pixels.astype(np.float32) / 255 - mean) / deviation
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), np.float32)


def network(
    files: Mapping[str, PackFile], segmenter: str, threads: int | None, *, fine: bool = False
) -> Network:
    """The model whose weights are among the files of a pack; the one in use, where it is that. `fine` as of
    `precision`. Raises PackError, MissingExtraError, InputError."""
    stated = {n.removeprefix(WEIGHTS_PREFIX): f for n, f in files.items() if n.startswith(WEIGHTS_PREFIX)}
    if CONFIG not in stated:
        raise PackError(
            "its card names no weights", remedy="make it with: cuecast packs make NAME --weights FOLDER"
        )
    weights, where = look_at(stated[CONFIG].path.parent, segmenter), device()
    kind = precision(where, fine=fine)
    key = ("network", *sorted(f.sha256 for f in stated.values()), where, kind, threads)
    return shared(key, lambda: load(weights, where, threads, kind))


def load(weights: Weights, where: str, threads: int | None = None, kind: str = "float32") -> Network:
    """The model in a folder that has been looked at, with numbers of a kind of `KINDS`. Raises PackError where it does
    not fit, or into memory."""
    torch, transformers = library("torch"), library("transformers")
    _check_memory(weights, where, kind)
    loader = getattr(transformers, weights.architecture.loader, None)
    if loader is None:
        what = f"transformers {transformers.__version__} has no {weights.architecture.loader}"
        raise MissingExtraError(what, remedy="run: pip install -U transformers")
    broken: tuple[type[Exception], ...] = (*THEIRS, *_their_errors())
    try:
        with _quiet(transformers):
            model, told = loader.from_pretrained(
                str(weights.folder),
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except broken as error:
        what = f"transformers cannot load it ({first_line(error)})"
        raise PackError(what, weights.folder, "get an intact copy of all its files") from error
    if missing := sorted(told["missing_keys"]):
        what = f"{len(missing)} weights that {weights.model_type} needs are not in it, such as {missing[0]}"
        raise PackError(what, weights.folder, f"its {CONFIG} and its weights must be of one model")
    return Network(model.eval().to(where, getattr(torch, kind)), where, threads)


def first_line(error: Exception) -> str:
    """What an error of a library says, without the pages that may follow."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _check_memory(weights: Weights, where: str, kind: str) -> None:
    """Raise PackError where a model cannot fit: it is read in single precision, then brought to its device."""
    _check_room(weights, KINDS["float32"], memory()["available"], "memory")
    if where.startswith("cuda"):
        _check_room(weights, KINDS[kind], library("torch").cuda.mem_get_info(where)[0], where)


def _check_room(weights: Weights, each: int, free: int | None, what: str) -> None:
    """Raise PackError where numbers of so many bytes each do not fit into what is free; None: it is not known."""
    needed = weights.numbers * each * HEADROOM
    if free is not None and needed > free:
        said = f"its weights need {needed / 2**30:.1f} GiB of {what}, and {free / 2**30:.1f} GiB are free"
        raise PackError(said, weights.folder, "end other programs, or use a smaller model")


def _their_errors() -> tuple[type[Exception], ...]:
    """What the libraries raise for files that are none, beside Python's own."""
    return (
        library("safetensors").SafetensorError,
        library("huggingface_hub.errors").StrictDataclassError,
    )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without what transformers writes to stderr while it loads: what is wrong, we say."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
