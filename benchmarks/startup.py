"""CPU seconds until one can start: `import cuecast` against `import numpy`, and `cuecast --help`.

    python benchmarks/startup.py [--rounds 15]

Every command runs in a process of its own, in turn, so that a slow moment of the machine meets them all; the
medians are compared. Exit code 1 says that importing takes more than 1.5 times numpy's time, or the help more
than 0.5 s.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from statistics import median

COMMANDS = {
    "python": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import cuecast": ["-c", "import cuecast"],
    "import cuecast, use it": ["-c", "import cuecast; cuecast.Cue, cuecast.load"],
    "cuecast --help": ["-m", "cuecast", "--help"],
    "cuecast segment --help": ["-m", "cuecast", "segment", "--help"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system seconds of one Python process."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure and print; the exit code says whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for arguments in COMMANDS.values():
        cpu_seconds(arguments)  # compiles what is not compiled yet, and warms the disk cache
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.rounds):
        for name, arguments in COMMANDS.items():
            seconds[name].append(cpu_seconds(arguments))
    medians = {name: median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:<24}{value:6.3f} s   ({min(seconds[name]):.3f} to {max(seconds[name]):.3f})")
    ratio = medians["import cuecast"] / medians["import numpy"]
    print(f"import cuecast / import numpy = {ratio:.2f} (limit 1.5); cuecast --help limit 0.5 s")
    return int(ratio > 1.5 or medians["cuecast --help"] > 0.5)


if __name__ == "__main__":
    sys.exit(main())
