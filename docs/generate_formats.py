"""Writes the tables of docs/formats.md from those that the readers go by: `python docs/generate_formats.py`.

What stands between the two marks on the page is replaced. A test compares it with what this gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cuecast.io.formats import FORMATS, Format
from cuecast.io.kinds import PICTURES

PAGE = Path(__file__).with_name("formats.md")
BEGIN = "<!-- written by docs/generate_formats.py from the tables of the readers: begin -->\n"
END = "<!-- end -->\n"
HEAD = "| format | suffixes | read | written | needs |\n| --- | --- | --- | --- | --- |"


def sections() -> str:
    """One table a kind, pictures first."""
    pictures = (f"| {p.name} | {', '.join(p.suffixes)} | yes | {_yes(p.name == 'PNG')} | {_of_picture(p.name)} |"
                for p in PICTURES)  # fmt: skip
    parts = ["\n".join(["### pictures\n", HEAD, *pictures])]
    parts += ["\n".join([f"### {kind}\n", HEAD, *_rows(forms)]) for kind, forms in FORMATS.items()]
    return "\n" + "\n\n".join(parts) + "\n"


def page() -> str:
    """The whole page, with the tables as they are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + sections() + "\n" + END + rest.partition(END)[2]


def _rows(forms: tuple[Format, ...]) -> Iterator[str]:
    for form in forms:
        extra = f"the extra `{form.needs[1]}`" if form.needs else ""
        name = f"{form.title} (`{form.name}`)"
        yield f"| {name} | {', '.join(form.suffixes)} | {_yes(form.reads)} | {_yes(form.writes)} | {extra} |"


def _yes(it: bool) -> str:
    return "yes" if it else ""


def _of_picture(name: str) -> str:
    return {"HEIC": "the extra `heic`", "AVIF": "Pillow 11.3 and later"}.get(name, "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
