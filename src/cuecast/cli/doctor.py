"""`cuecast doctor`: what this installation can do here, and why it does it that way."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import typer

from cuecast.cli.options import JsonFlag
from cuecast.cli.output import say
from cuecast.core.machine import memory
from cuecast.core.ordered import usable_cores

FOR_BUILDERS = ("test", "dev", "docs")
"""Extras that no user needs."""

SETTINGS = {
    "CUECAST_PACKS": "folders searched for packs first",
    "CUECAST_MAX_PIXELS": "images with more pixels are refused; default 200 million",
    "CUECAST_DEVICE": "where large pretrained models are computed: cpu, cuda, cuda:1",
    "CUECAST_PRECISION": "what they are computed with: float32, bfloat16, float16",
    "OMP_NUM_THREADS": "threads of linear algebra",
    "OPENBLAS_NUM_THREADS": "threads of linear algebra",
}


def doctor(as_json: JsonFlag = False) -> None:
    """Say which device, threads, packs and extras are in use, and why.

    Exit code 1 says that something is missing or damaged; the line tells what to do.
    """
    problems: list[str] = []
    report = {
        "cuecast": _installation(),
        "device": _device(problems),
        "foundation": _foundation(problems),
        "threads": _threads(),
        "memory": memory(),
        "packs": _packs(problems),
        "libraries": _libraries(problems),
        "extras": _extras(),
        "settings": {k: os.environ.get(k) for k in SETTINGS},
        "problems": problems,
    }
    say(report, _text(report), as_json)
    if problems:
        raise typer.Exit(1)


def _installation() -> dict[str, Any]:
    from cuecast.core.version import __version__

    return {
        "version": __version__,
        "folder": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "interpreter": sys.executable,
        "system": platform.platform(),
    }


def _device(problems: list[str]) -> dict[str, Any]:
    """What answers of our own packs are computed on. The engine asks ONNX Runtime for its CPU provider and no other."""
    why = "cuecast runs on the CPU everywhere, so that the same inputs give the same masks on every machine"
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        problems.append(
            f"onnxruntime cannot be loaded ({error}); run: pip install --force-reinstall onnxruntime"
        )
        return {"used": None, "offered": [], "why": why}
    offered = list(runtime.get_available_providers())
    if "CPUExecutionProvider" not in offered:
        problems.append("onnxruntime offers no CPU provider; run: pip install --force-reinstall onnxruntime")
    return {"used": "CPU", "offered": offered, "why": why}


def _foundation(problems: list[str]) -> dict[str, Any] | None:
    """What large pretrained models are computed on; None where the extra is not installed."""
    from cuecast.core.errors import CuecastError
    from cuecast.engine.foundation.runtime import DEVICE, device, library, precision

    versions = {name: _version(name) for name in ("torch", "transformers")}
    if None in versions.values():
        return None
    try:
        used = device()
        kind = precision(used)
        name = library("torch").cuda.get_device_name(used) if used.startswith("cuda") else "CPU"
    except CuecastError as error:
        problems.append(str(error))
        return {**versions, "used": None, "name": None, "precision": None, "why": "see the problems"}
    why = "torch sees no CUDA device" if used == "cpu" else "torch sees it"
    return {
        **versions,
        "used": used,
        "name": name,
        "precision": kind,
        "why": f"${DEVICE} says so" if os.environ.get(DEVICE) else why,
    }


def _threads() -> dict[str, Any]:
    physical, logical, usable = _physical_cores(), os.cpu_count() or 1, usable_cores()
    if usable < logical:
        why = f"this process may use {usable} of {logical} logical cores (affinity or container limit)"
    elif physical and physical < logical:
        why = "one a physical core: the second thread of a core adds next to nothing to matrix work"
    else:
        why = "one a core"
    used = min(physical or usable, usable)
    return {"used": used, "physical": physical, "logical": logical, "usable": usable, "why": why}


def _physical_cores() -> int | None:
    """Physical cores of this machine, None where the system does not tell (outside Linux)."""
    try:
        blocks = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").strip().split("\n\n")
    except OSError:
        return None
    cores = set()
    for block in blocks:
        entries = dict(part.partition(":")[::2] for part in block.splitlines())
        values = {key.strip(): value.strip() for key, value in entries.items()}
        if "core id" in values:
            cores.add((values.get("physical id", "0"), values["core id"]))
    return len(cores) or None


def _packs(problems: list[str]) -> list[dict[str, Any]]:
    """Each pack on the search path, its checksums verified."""
    from cuecast.core.errors import PackError
    from cuecast.engine.packs import Pack, open_pack, search_path

    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    cards = [c for root in search_path() if root.is_dir() for c in sorted(root.glob("*/card.json"))]
    for card in cards:
        if card.parent.name in seen:
            continue
        seen.add(card.parent.name)
        record: dict[str, Any] = {"name": card.parent.name, "folder": str(card.parent), "state": "sound"}
        try:
            pack: Pack = open_pack(card.parent)
            pack.verify()
        except PackError as error:
            record["state"] = str(error)
            problems.append(str(error))
        found.append(record)
    if "general" not in seen:
        problems.append(
            "the pack 'general' is not there; install cuecast again, or set CUECAST_PACKS to its folder"
        )
    return found


def requirements() -> tuple[list[str], dict[str, list[str]]]:
    """(what is always needed, extra -> what it adds): distributions, as the installed package states them."""
    from importlib import metadata  # a tenth of the time of `cuecast --help`

    core: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in metadata.requires("cuecast") or ():
        wanted, _, marker = line.partition(";")
        name = re.split(r"[^\w.-]", wanted.strip())[0]
        extra = re.search(r"extra *== *['\"]([\w-]+)", marker)
        if name != "cuecast" and not (extra and extra[1] in FOR_BUILDERS):
            (extras.setdefault(extra[1], []) if extra else core).append(name)
    return core, extras


def _libraries(problems: list[str]) -> dict[str, str | None]:
    versions = {name: _version(name) for name in requirements()[0]}
    for name, version in versions.items():
        if version is None:
            problems.append(f"{name} is not installed; run: pip install {name}")
    return versions


def _extras() -> dict[str, dict[str, Any]]:
    """For each extra what of it is there, and how to get the rest."""
    out = {}
    for extra, names in requirements()[1].items():
        versions = {name: _version(name) for name in names}
        missing = [name for name, version in versions.items() if version is None]
        remedy = f"pip install 'cuecast[{extra}]'" if missing else None
        out[extra] = {"usable": not missing, "libraries": versions, "missing": missing, "remedy": remedy}
    return out


def _version(distribution: str) -> str | None:
    from importlib import metadata  # a tenth of the time of `cuecast --help`

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _foundation_text(found: dict[str, Any] | None) -> str:
    if found is None:
        return "foundation not installed: packs of large pretrained weights need pip install 'cuecast[foundation]'"
    said = f"torch {found['torch']}, transformers {found['transformers']}"
    device = f"{found['name']} in {found['precision']}" if found["name"] else "no device"
    return f"foundation {device}: {found['why']}; {said}"


def _text(report: dict[str, Any]) -> str:
    about, device, threads, room = (report[k] for k in ("cuecast", "device", "threads", "memory"))
    lines = [
        f"cuecast    {about['version']} in {about['folder']}",
        f"python     {about['python']}, {about['interpreter']}",
        f"system     {about['system']}",
        f"device     {device['used'] or 'none'}: {device['why']}",
        f"           onnxruntime offers {', '.join(device['offered']) or 'nothing'}",
        _foundation_text(report["foundation"]),
        f"threads    {threads['used']}: {threads['why']}; --threads changes it",
    ]
    if room["total"]:
        free = (room["available"] or 0) / 2**30
        lines.append(f"memory     {room['total'] / 2**30:.1f} GiB, {free:.1f} GiB available")
    lines += [f"pack       {p['name']}: {p['state']}, {p['folder']}" for p in report["packs"]]
    lines += [
        f"library    {name} {version or 'is not installed'}" for name, version in report["libraries"].items()
    ]
    for name, extra in report["extras"].items():
        missing = f"not usable, {', '.join(extra['missing'])} missing; {extra['remedy']}"
        lines.append(f"extra      {name}: {'usable' if extra['usable'] else missing}")
    lines += [f"setting    {k}={v} ({SETTINGS[k]})" for k, v in report["settings"].items() if v is not None]
    lines += [f"problem    {p}" for p in report["problems"]] or ["all well"]
    return "\n".join(lines)
