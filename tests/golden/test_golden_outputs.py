"""Every command writes the bytes that it wrote when their digests were kept."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from golden_outputs import LIBRARIES, MADE_BY, RUNS, digests, make_inputs, read_outputs, run_command, versions

from cuecast.runs.images import Format

NAMED, FILES = read_outputs(Path(__file__).parent / "outputs.json")
REMEDY = "where this is meant, run `python tests/golden/write.py --outputs` and commit what it writes"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the commands read."""
    folder = tmp_path_factory.mktemp("golden")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("run", sorted(RUNS))
def test_a_command_writes_what_it_wrote(run: str, work: Path) -> None:
    found = digests(run_command(run, work))
    kept = {name: digest for name, digest in FILES.items() if name.startswith(f"{run}/")}
    assert sorted(found) == sorted(kept), REMEDY
    here = versions()
    for name, digest in found.items():
        # Other versions of the libraries may pack the same in other bytes; the pixels stay what they are.
        makers = MADE_BY.get(Path(name).suffix, ())
        same = all(here[maker] == NAMED[maker] for maker in makers)
        compared = digest if same else {k: v for k, v in digest.items() if k == "pixels"}
        assert compared.items() <= kept[name].items(), f"{name} is another file: {REMEDY}"


def test_every_format_of_segment_is_asked_for() -> None:
    asked = {f for flag, f in zip(RUNS["segment"], RUNS["segment"][1:], strict=False) if flag == "-f"}
    assert asked == set(get_args(Format)), f"add the format to RUNS['segment'], and {REMEDY}"


def test_the_versions_that_bytes_depend_on_are_kept() -> None:
    assert sorted(NAMED) == sorted(["machine", *LIBRARIES]), REMEDY
