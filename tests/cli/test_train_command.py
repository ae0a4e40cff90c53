"""`cuecast train`: the recipe gets its arguments, and what it lacks is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import one_line

from cuecast.cli import run


def recipe(folder: Path, text: str) -> str:
    path = folder / "recipe.py"
    path.write_text(text)
    return str(path)


def test_everything_after_the_recipe_is_the_recipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, "def main(argv):\n    print(argv)\n")
    assert run(["train", path, "--steps", "3", "-q", "--help", "a b"]) == 0
    assert capsys.readouterr().out == "['--steps', '3', '-q', '--help', 'a b']\n"


@pytest.mark.parametrize(
    "text", ["import torch\ndef main(argv): ...\n", "def main(argv):\n    from torch.nn import Module\n"]
)
def test_missing_torch_says_what_to_install(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [m for m in sys.modules if m.split(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(["train", recipe(tmp_path, text)]) == 1
    said = one_line(capsys.readouterr().err)
    assert said.startswith("training needs torch")
    assert said.endswith("run: pip install 'cuecast[train]'")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", "recipe.py: this is not a recipe, it defines no main(argv)"),
        ("def main(:\n", "recipe.py: not valid Python"),
    ],
)
def test_what_is_no_recipe_is_refused(
    tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", recipe(tmp_path, text)]) == 1
    assert says in one_line(capsys.readouterr().err)


def test_a_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(tmp_path / "none.py")]) == 1
    assert "none.py: there is no such recipe" in one_line(capsys.readouterr().err)


def test_other_modules_that_are_missing_are_the_recipes_bug(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        run(["train", recipe(tmp_path, "import no_such_module\n")])
