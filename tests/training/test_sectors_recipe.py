"""What the recipe of the sectors' packs teaches beside their sets."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from pictures import write_square

pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training import tasks

RECIPE = Path(__file__).parents[2] / "recipes" / "sectors.py"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with two sets of six pictures of squares."""
    for name in ("squares", "left_out"):
        folder = tmp_path / "train" / name
        for i in range(6):
            write_square(folder, f"{i}", i)
        (folder / "card.json").write_text(json.dumps({"name": name}))
    (tmp_path / "objects" / "train").mkdir(parents=True)
    return tmp_path


def test_half_of_what_is_beside_is_drawn_as_the_sector_asks(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []
    taught: set[str] = set()
    drawn = tasks.draw_group

    def noted(*given: object) -> tasks.Group:
        taught.update(s.name for s in given[1])  # type: ignore[attr-defined]
        group = drawn(*given)  # type: ignore[arg-type]
        asked.append((group.kind, given[6] if len(given) > 6 else None))  # type: ignore[arg-type]
        return group

    monkeypatch.setattr(tasks, "draw_group", noted)
    draw = runpy.run_path(str(RECIPE))["pictures_beside"](data, ("diagrams",), ("left_out",))
    for seed in range(30):
        images, labels = draw(np.random.default_rng(seed), 3)
        assert images.shape == (3, *labels.shape[1:], 3)
        assert labels.max() >= 1
    assert taught == {"squares"}
    own = [family for _, family in asked].count("diagrams")
    assert 8 < own < 22
    assert {kind for kind, family in asked if family is None} == {"set", "regions", "drawn"}


def test_every_sector_names_sets_to_teach_and_to_judge_and_a_share_for_both_kinds_of_lessons() -> None:
    sectors = runpy.run_path(str(RECIPE))["SECTORS"]
    assert {"documents", "education"} < set(sectors)
    for sector in sectors.values():
        assert not {Path(s).name for s in sector.sources} & {Path(s).name for s in sector.judged_by}
        assert sector.limits
        assert 0 < sector.beside < 1
