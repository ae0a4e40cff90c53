"""Keep what the pack `general` answers now, and the bytes that all commands write now: `python tests/golden/write.py`.

For a new pack, and where an answer or a file is meant to change: one commit holds the change and what this writes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from golden_answers import CASES, answer_case, write_answers  # noqa: E402
from golden_outputs import RUNS, digests, make_inputs, run_command, write_outputs  # noqa: E402

import cuecast  # noqa: E402


def main() -> None:
    """Write answers.npz and outputs.json beside this file, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", action="store_true", help="only the answers of the pack")
    parser.add_argument("--outputs", action="store_true", help="only the digests of files")
    parser.add_argument(
        "--data", type=Path, default=HERE.parents[2] / "shared" / "data", help="real pictures"
    )
    given = parser.parse_args()
    if given.answers or not given.outputs:
        predictor = cuecast.load("general", threads=1)
        answers = {name: answer_case(name, predictor, given.data) for name in CASES}
        write_answers(answers, predictor.pack.digest, HERE / "answers.npz")
    if given.outputs or not given.answers:
        with tempfile.TemporaryDirectory() as folder:
            make_inputs(Path(folder))
            files = {}
            for name in sorted(RUNS):
                files |= digests(run_command(name, Path(folder)))
            write_outputs(files, HERE / "outputs.json")


if __name__ == "__main__":
    main()
