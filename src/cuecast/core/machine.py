"""What the machine has."""

from __future__ import annotations

from pathlib import Path


def memory() -> dict[str, int | None]:
    """Bytes of memory of the machine ('total'), and of those free to be used ('available'); None where the system does
    not tell (outside Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {"total": None, "available": None}
    sizes = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines)}
    return {"total": sizes.get("MemTotal"), "available": sizes.get("MemAvailable")}
