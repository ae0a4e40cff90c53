"""Several people mark one picture, each by himself; they are compared there, and become one truth."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from studio_page import SQUARE, Studio


def square(left: int, size: int = 16) -> dict[str, Any]:
    """Marks of a square whose upper edge is at row 8, in a picture of 48 x 64."""
    runs, at = [48 * left + 8], 0
    for column in range(size):
        runs += [size, 48 - size] if column < size - 1 else [size]
        at += 48
    runs.append(48 * 64 - sum(runs))
    return {"mask": {"size": [48, 64], "counts": {"1": runs}}}


def by(studio: Studio, name: str, person: str, marks: dict[str, Any] | None = None) -> Any:
    """What a person has marked; or save it."""
    path = f"/projects/{studio.project}/images/{studio.image(name)['id']}/marks?person={person}"
    return studio.service.call("PUT" if marks else "GET", path, marks)


def test_three_people_mark_are_compared_and_become_one_truth(
    studio: Studio, pictures: list[Path], audit: Callable[[str], None]
) -> None:
    page = studio.page
    studio.create(pictures)
    for name, left in (("a.png", 9), ("b.png", 12)):
        by(studio, name, "Ben", square(left))
        by(studio, name, "Cleo", square(8))
    studio.open_image("a.png")

    # Anna marks under her name: the picture's own marks, which teach, stay empty.
    page.get_by_label("Whose marks").select_option("Somebody else …")
    page.get_by_label("Name", exact=True).fill("Anna")
    page.get_by_role("button", name="Mark under this name").click()
    page.get_by_text("Anna marks here beside the others").wait_for()
    studio.outline("a.png", SQUARE)
    page.get_by_text("Anna, Ben, Cleo: they agree by 92 %.").wait_for()
    assert by(studio, "a.png", "Anna")["mask"] == square(8)["mask"]
    assert (studio.marks("a.png")["version"], studio.image("a.png")["marks"]) == (0, None)
    # 240 of 272 pixels with Ben, all with Cleo.
    assert round(studio.image("a.png")["agreement"], 3) == round((2 * 240 / 272 + 1) / 3, 3)

    # The others' outlines are drawn over hers, where she asks for them.
    marks = "document.querySelectorAll('.canvas canvas')[2]"
    drawn = f"(([w, h]) => {marks}.getContext('2d').getImageData(0, 0, w, h).data.some((v) => v))"
    drawn = f"() => {drawn}([{marks}.width, {marks}.height])"
    page.mouse.move(2, 2)
    page.wait_for_function(f"() => !({drawn})()")
    page.get_by_label("Outlines of the others").check()
    page.wait_for_function(drawn)
    assert page.locator(".legend li").all_inner_texts() == ["Ben", "Cleo"]
    audit("editor with the others' outlines")

    # Who is chosen stays from picture to picture, and the others' marks can be looked at as they are.
    studio.open_image("b.png")
    assert page.get_by_label("Whose marks").input_value() == "Anna"
    page.get_by_label("Whose marks").select_option("Ben")
    page.get_by_text("Ben marks here beside the others").wait_for()
    page.get_by_text("256 pixels").wait_for()
    page.get_by_label("Whose marks").select_option("The picture's own")
    page.get_by_text("These teach what is looked for.").wait_for()

    # In the gallery: how far they agree, the least first, and one truth of all.
    studio.to_gallery()
    page.locator(".card", has_text="a.png").get_by_text("3 people · 92 %").wait_for()
    page.get_by_label("Sort").select_option("Least agreed on first")
    page.wait_for_function("() => document.querySelector('.card .name').innerText === 'b.png'")
    page.get_by_role("button", name="Several people …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("On 2 pictures people agree by").wait_for()
    assert [row.split("\t")[:2] for row in dialog.locator("tbody tr").all_inner_texts()] == [
        ["Anna", "1"],
        ["Ben", "2"],
        ["Cleo", "2"],
    ]
    audit("how people agree")
    dialog.get_by_role("button", name="Make it of 2 pictures").click()
    page.get_by_text("2 pictures have one truth now.").wait_for()
    assert studio.marks("a.png")["mask"]["counts"] == square(8)["mask"]["counts"]
    assert set(studio.marks("b.png")["mask"]["counts"]) == {"1", "ignore"}
    assert by(studio, "b.png", "Ben")["mask"] == square(12)["mask"]

    # On a picture that has marks it is made anew only where that is said.
    studio.open_image("b.png")
    for replace in (False, True):
        page.get_by_role("button", name="Make one truth …").click()
        dialog.get_by_label("By reliability").check()
        dialog.get_by_label("Replace the pictures' own marks").set_checked(replace)
        dialog.get_by_role("button", name="Make it of 1 picture").click()
        page.get_by_text(
            "1 picture was left as before." if not replace else "1 picture has one truth"
        ).wait_for()
    assert studio.marks("b.png")["version"] == 2
    page.get_by_text("256 pixels").wait_for()


def test_labels_become_what_a_person_has_marked_in_dark_chinese_and_narrow(
    studio: Studio, pictures: list[Path], audit: Callable[[str], None]
) -> None:
    page = studio.page
    studio.create(pictures)
    mask = np.zeros((48, 64), np.uint8)
    mask[8:24, 8:24] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    page.get_by_role("button", name="Bring labels …").click()
    for person in ("Ben", "Cleo"):
        if person == "Cleo":
            page.get_by_role("button", name="Bring labels …").click()
        page.get_by_label("Who has made them").fill(person)
        page.set_input_files(
            "input[data-kind=labels]", {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        )
        page.get_by_text("1 picture gets marks").wait_for()
        page.get_by_role("button", name="Store as marks of 1 picture").click()
        page.get_by_role("dialog").wait_for(state="detached")
    page.locator(".card", has_text="a.png").get_by_text("2 people · 100 %").wait_for()
    assert by(studio, "a.png", "Ben")["mask"] == square(8)["mask"]
    assert studio.image("a.png")["marks"] is None
    page.emulate_media(color_scheme="dark")
    page.get_by_label("Language").select_option("zh")
    page.set_viewport_size({"width": 640, "height": 720})
    page.get_by_role("button", name="多人标记").click()
    page.get_by_text("一致程度为 100%").wait_for()
    audit("how people agree, dark, Chinese and narrow")
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
