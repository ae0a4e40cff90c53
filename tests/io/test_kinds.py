"""The table of picture files: every kind in it is known by its content, listed in folders, read, or named."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.io import kinds
from cuecast.io.images import read_image
from cuecast.io.kinds import HEAD, IMAGE_SUFFIXES, PICTURES, PictureKind, picture_kind
from cuecast.io.places import list_images, note_of_others
from cuecast.io.video import open_frames

RGB = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)


def written(name: str) -> bytes:
    stream = io.BytesIO()
    options = {"lossless": True} if name.endswith("webp") else {}
    PILImage.fromarray(RGB).save(stream, PILImage.registered_extensions()[Path(name).suffix], **options)
    return stream.getvalue()


def ftyp(*brands: bytes) -> bytes:
    """The beginning of an ISO media file of these brands."""
    body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(body) + 4).to_bytes(4) + body + bytes(HEAD)


@pytest.fixture(autouse=True)
def _plugins() -> None:
    PILImage.init()


EXACT = (
    "x.png",
    "x.webp",
    "x.bmp",
    "x.dib",
    "x.tif",
    "x.jp2",
    "x.j2k",
    "x.pnm",
    "x.qoi",
    "x.pcx",
    "x.sgi",
    "x.tga",
)


@pytest.mark.parametrize("name", EXACT)
def test_kinds_are_read_from_files_of_their_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(written(name))
    assert list_images([tmp_path]) == [tmp_path / name]
    assert np.array_equal(read_image(tmp_path / name).pixels, RGB)


@pytest.mark.parametrize("name", ["x.jpg", "x.jfif", "x.jpe", "x.mpo", "x.avif"])
def test_lossy_kinds_are_read(tmp_path: Path, name: str) -> None:
    pytest.importorskip("PIL._avif" if name == "x.avif" else "PIL", reason="Pillow was built without AVIF")
    stream = io.BytesIO()
    flat = PILImage.new("RGB", (16, 12), (200, 100, 50))
    flat.save(stream, "AVIF" if name == "x.avif" else "JPEG", quality=95)
    (tmp_path / name.upper()).write_bytes(stream.getvalue())
    assert list_images([tmp_path]) == [tmp_path / name.upper()]
    assert np.abs(read_image(tmp_path / name.upper()).pixels.astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize("turn", [None, 6])
def test_heic_is_read_upright(tmp_path: Path, turn: int | None) -> None:
    pytest.importorskip("pi_heif", reason="reads HEIC")
    writer = pytest.importorskip("pillow_heif", reason="writes HEIC")
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:, :32, 0] = 255  # red at the left
    stored = upright if turn is None else np.rot90(upright)
    exif = PILImage.Exif()
    exif[0x0112] = turn or 1
    file = writer.from_pillow(PILImage.fromarray(np.ascontiguousarray(stored)))
    file.save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    image = read_image(tmp_path / "a.heic")
    assert image.size == (32, 64)
    assert np.abs(image.pixels.astype(int) - upright)[:, [8, 56]].max() <= 12


def test_the_suffixes_of_a_kind_belong_to_it_alone_and_its_plugins_are_there() -> None:
    assert len(IMAGE_SUFFIXES) == sum(len(kind.suffixes) for kind in PICTURES)
    for kind in PICTURES:
        if kind.plugins and kind.name not in ("AVIF", "HEIC"):
            assert callable(kind.opener())


def test_avif_and_heic_are_told_apart_where_the_first_brand_says_neither() -> None:
    def name(head: bytes) -> str | None:
        kind = picture_kind(head)
        return kind and kind.name

    assert name(ftyp(b"heic", b"mif1", b"heic")) == "HEIC"
    assert name(ftyp(b"mif1", b"mif1", b"heic", b"miaf")) == "HEIC"
    assert name(ftyp(b"mif1", b"mif1", b"avif", b"miaf")) == "AVIF"
    assert name(ftyp(b"isom", b"isom", b"mp41")) is None  # a film


def test_every_picture_of_a_telephone_is_read(cases: Path) -> None:
    photos = cases / "in_folder_heic_jfif/photos"
    found = list_images([photos])
    assert [p.name for p in found] == [f"IMG_{n}" + s for n, s in enumerate(
        (".jpg", ".HEIC", ".avif", ".jfif", ".pnm", ".png", ".JPG"), start=1)]  # fmt: skip
    first = read_image(found[0])
    for path in found:
        assert read_image(path).size == first.size
    assert note_of_others([photos]) is None


def test_frames_are_all_there_and_keep_their_numbers(cases: Path) -> None:
    frames = open_frames(cases / "in_folder_heic_jfif/photos")
    assert [frames.name(i) for i in range(len(frames.seconds))] == [f"IMG_{n}" for n in range(1, 8)]
    assert frames.broken is None


def test_a_library_that_is_not_there_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = tuple(
        k if k.name not in ("HEIC", "AVIF") else PictureKind(
            k.name, k.suffixes, k.media, brands=k.brands, plugins=("no_such_module:Any",), remedy=k.remedy)
        for k in PICTURES
    )  # fmt: skip
    monkeypatch.setattr(kinds, "PICTURES", without)
    (tmp_path / "IMG_1.png").write_bytes(written("x.png"))
    (tmp_path / "IMG_2.HEIC").write_bytes(ftyp(b"heic"))
    (tmp_path / "IMG_3.avif").write_bytes(ftyp(b"avif"))
    with pytest.raises(MissingExtraError, match=r"IMG_2\.HEIC: HEIC: it is read by pi-heif.*cuecast\[heic\]"):
        read_image(tmp_path / "IMG_2.HEIC")
    with pytest.raises(MissingExtraError, match=r"IMG_3\.avif: AVIF: it is read by Pillow"):
        read_image(tmp_path / "IMG_3.avif")
    with pytest.raises(MissingExtraError, match="HEIC"):  # no break after the first frame
        open_frames(tmp_path)


@pytest.mark.parametrize(("name", "feature"), [("x.webp", "webp"), ("x.jp2", "jpg_2000")])
def test_what_pillow_was_built_without_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, feature: str
) -> None:
    (tmp_path / name).write_bytes(written(name))
    monkeypatch.setattr("PIL.features.check", lambda asked: asked != feature)
    with pytest.raises(
        MissingExtraError, match="the installed Pillow was built without it; run: pip install"
    ):
        read_image(tmp_path / name)


def test_other_files_of_a_folder_are_counted_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "a.txt", "b.txt", "c.xcf", "README", ".hidden", "sub/d.xcf"):
        (tmp_path / name).write_bytes(b"")
    assert note_of_others([tmp_path]) == (
        f"{tmp_path}: passed over as no pictures by their suffix: 4 files (2 .txt, 1 without suffix, 1 .xcf)"
    )
    assert "5 files (2 .txt, 2 .xcf, 1 without suffix)" in str(note_of_others([tmp_path], recursive=True))
    assert note_of_others([tmp_path / "a.png"]) is None
    (tmp_path / "sub/out/yolo").mkdir(parents=True)  # results
    for name in ("manifest.jsonl", "objects.csv", "yolo/a.txt"):
        (tmp_path / "sub/out" / name).write_bytes(b"")
    assert "5 files (2 .txt, 2 .xcf, 1 without suffix)" in str(note_of_others([tmp_path], recursive=True))
    shutil.copy(tmp_path / "a.txt", tmp_path / "manifest.jsonl")
    assert note_of_others([tmp_path]) is None


def test_a_picture_that_ends_after_its_head_is_damaged(tmp_path: Path) -> None:
    for name in EXACT:
        (tmp_path / name).write_bytes(written(name)[:120])
        with pytest.raises(ImageError, match="damaged or cut short"):
            read_image(tmp_path / name)


def photoshop(layers: bytes) -> bytes:
    """A flat PSD of `RGB`, with this section of layers."""
    H, W = RGB.shape[:2]
    head = (
        b"8BPS"
        + b"\0\1"
        + bytes(6)
        + b"\0\3"
        + H.to_bytes(4)
        + W.to_bytes(4)
        + b"\0\x08"
        + b"\0\3"
        + bytes(8)
    )
    return head + layers + bytes(2) + RGB.transpose(2, 0, 1).tobytes()


def test_a_psd_is_one_picture_and_damage_in_its_layers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.psd").write_bytes(photoshop(bytes(4)))
    assert np.array_equal(read_image(tmp_path / "a.psd").pixels, RGB)

    def threshold(_: object) -> int:
        raise OSError("Truncated File Read")  # as where a layer reaches beyond the end

    monkeypatch.setattr("PIL.PsdImagePlugin.PsdImageFile.n_frames", property(threshold))
    with pytest.raises(
        ImageError, match=r"a\.psd: the image is damaged or cut short \(Truncated File Read\)"
    ):
        read_image(tmp_path / "a.psd")


def test_bytes_turned_at_random_never_escape_as_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = {name: written(name) for name in EXACT} | {"x.psd": photoshop(bytes(4))}
    for name, data in whole.items():
        for _ in range(40):
            broken = bytearray(data)
            for at in rng.integers(0, min(len(data), 200), 3):
                broken[at] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(broken[: rng.integers(len(data) // 2, len(data) + 1)])
            with contextlib.suppress(ImageError):
                read_image(tmp_path / name, max_pixels=10**6)
