"""Images as they come in: told by content, bounded, whole or not at all; and as a browser gets them back."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from service_client import Service, encoded, ok, png, refused

from cuecast.service.settings import Limits


def add(service: Service, project: str, data: bytes | Iterator[bytes], name: str = "a.png") -> object:
    return service.client.post(f"/v1/projects/{project}/images", params={"name": name}, content=data)


def left(service: Service) -> list[Path]:
    """What is left of uploads, and of images without a row."""
    return [*(service.data / "uploads").iterdir(), *(service.data / "projects").glob("*/images/*")]


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims this size, with hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_what_came_is_what_is_kept(service: Service) -> None:
    project = service.project()
    data = png()
    image = ok(add(service, project, data), 201)
    assert image["digest"] == hashlib.sha256(data).hexdigest()
    assert (image["width"], image["height"], image["bytes"]) == (8, 4, len(data))
    assert (service.data / "projects" / project / "images" / f"{image['id']}.png").read_bytes() == data
    assert list((service.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "QOI", "SGI", "PCX", "AVIF"]
)
def test_images_are_known_by_content(service: Service, form: str) -> None:
    project = service.project()
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    image = ok(add(service, project, encoded(pixels, form), "called.exe"), 201)
    assert (image["width"], image["height"]) == (30, 20)
    assert image["name"] == "called.exe"


def test_a_kind_that_a_library_more_would_read_is_named_with_its_extra(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = service.project()
    heic = (24).to_bytes(4) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(64)
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    said = refused(add(service, project, heic, "a.heic"), 501, "extra_missing")
    assert said.startswith("a.heic: HEIC: it is read by pi-heif")
    assert str(service.data) not in said
    assert left(service) == []


def test_a_name_without_a_suffix_gets_that_of_its_content(service: Service) -> None:
    project = service.project()
    assert ok(add(service, project, png(), "slide"), 201)["name"] == "slide.png"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\0\0\x18ftypmp42" + bytes(64), "the kind 'video'"),
        (b"\x1a\x45\xdf\xa3" + bytes(64), "the kind 'video'"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(64), "the kind 'video'"),
        (bytes(128) + b"DICM" + bytes(64), "the kind 'volume'"),
        (b"NRRD0004\n" + bytes(64), "the kind 'volume'"),
        (gzip.compress(bytes(344) + b"n+1\0" + bytes(64), mtime=0), "the kind 'volume'"),
        (bytes(344) + b"n+1\0" + bytes(64), "the kind 'volume'"),
        (b"PK\x03\x04" + bytes(64), "cueset"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "no image by its content"),
        (b"MZ" + bytes(64), "no image by its content"),
        (b"\x1f\x8b broken", "no image by its content"),
        (b"x", "no image by its content"),
    ],
)
def test_what_is_no_image(service: Service, data: bytes, said: str) -> None:
    project = service.project()
    message = refused(add(service, project, data, "photo.png"), 415, "not_an_image")
    assert said in message
    assert message.startswith("photo.png is ")
    assert left(service) == []


def test_a_picture_that_its_name_alone_tells_is_named(service: Service) -> None:
    data = encoded(np.zeros((8, 8, 3), np.uint8), "TGA")
    message = refused(add(service, service.project(), data, "photo.TGA"), 415, "not_an_image")
    assert message == (
        "photo.TGA is a TGA by its name alone, and images are told by content here: convert it to PNG"
    )
    assert left(service) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(size=(40, 40))[:-60], "damaged or cut short"),
        (bomb(100_000, 100_000), "more than the limit of 1000000"),
        (bomb(0, 5), ""),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (encoded(np.full((8, 8), np.nan, np.float32), "TIFF"), "NaN"),
    ],
)
def test_what_cannot_be_read(service: Service, data: bytes, said: str) -> None:
    project = service.project()
    message = refused(add(service, project, data, "photo.png"), 422, "image_unreadable")
    assert said in message
    assert message.startswith("photo.png: ")
    assert str(service.data) not in message
    assert left(service) == []
    assert ok(service.client.get(f"/v1/projects/{project}/images"))["total"] == 0


def test_an_empty_body(service: Service) -> None:
    refused(add(service, service.project(), b""), 422, "empty")
    assert left(service) == []


def test_a_body_beyond_the_limit_is_refused_before_it_comes(service: Service) -> None:
    refused(add(service, service.project(), bytes(200_001)), 413, "too_large")


def test_a_body_beyond_the_limit_that_states_no_length(service: Service) -> None:
    sent = 0

    def components() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield bytes(1000)

    refused(add(service, service.project(), components()), 413, "too_large")
    assert left(service) == []


def test_a_json_body_has_a_smaller_limit(service: Service) -> None:
    response = service.client.post("/v1/projects", json={"name": "x" * 60_000})
    refused(response, 413, "too_large")
    assert ok(service.client.post("/v1/projects", json={"name": "x"}), 201)


def test_an_upload_for_nobody_is_not_received(service: Service) -> None:
    refused(add(service, "nosuchproject", png()), 404, "not_found")
    assert left(service) == []


def test_uploads_at_once_are_bounded(start: Callable[..., Service]) -> None:
    service = start(limits=Limits(uploads=0))
    response = add(service, service.project(), png())
    refused(response, 429, "uploads_full")
    assert response.headers["retry-after"] == "1"  # type: ignore[attr-defined]


def test_a_full_disk_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    project = service.project()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cuecast.service.uploads.os.fsync", full)
    message = refused(add(service, project, png()), 507, "cannot_write")
    assert "free space" in message
    monkeypatch.undo()
    assert left(service) == []
    ok(add(service, project, png()), 201)


# ---- what a browser gets


def fetched(service: Service, project: str, image: str, what: str) -> tuple[Image.Image, object]:
    response = service.client.get(f"/v1/projects/{project}/images/{image}/{what}")
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content)), response


def test_a_view_is_exact(service: Service) -> None:
    project = service.project()
    shown, response = fetched(service, project, service.image(project), "view")
    assert shown.format == "PNG"
    assert response.headers["content-type"] == "image/png"  # type: ignore[attr-defined]
    assert (np.array(shown) == np.array(Image.open(io.BytesIO(png())))).all()


def test_a_deep_image_is_seen_as_the_library_reads_it(service: Service) -> None:
    project = service.project()
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.array([[0, 1000], [500, 1000]], np.uint16))
    image = service.image(project, buffer.getvalue(), "deep.tif")
    shown, _ = fetched(service, project, image, "view")
    # the window is the 0.5 and 99.5 percentile: 7.5 and 1000
    assert np.array(shown)[..., 0].tolist() == [[0, 255], [127, 255]]


def test_a_jpeg_is_sent_as_it_came_and_turned_by_the_browser(service: Service) -> None:
    project = service.project()
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(np.zeros((10, 20, 3), np.uint8), "JPEG", exif=exif)
    image = service.image(project, data, "turned.jpg")
    described = ok(service.client.get(f"/v1/projects/{project}/images/{image}"))
    assert (described["width"], described["height"]) == (10, 20)
    _, response = fetched(service, project, image, "view")
    assert response.content == data  # type: ignore[attr-defined]
    thumbnail, _ = fetched(service, project, image, "thumbnail")
    assert thumbnail.size == (10, 20)


def test_a_jpeg_of_print_is_not_sent_as_it_came(service: Service) -> None:
    project = service.project()
    buffer = io.BytesIO()
    Image.new("CMYK", (9, 5)).save(buffer, "JPEG")
    shown, _ = fetched(service, project, service.image(project, buffer.getvalue(), "print.jpg"), "view")
    assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", (9, 5))


def test_a_thumbnail_is_small_and_kept(service: Service) -> None:
    project = service.project()
    image = service.image(project, png(size=(300, 600)))
    path = f"/v1/projects/{project}/images/{image}/thumbnail"
    first = service.client.get(path, params={"size": 100})
    assert Image.open(io.BytesIO(first.content)).size == (100, 50)
    assert first.headers["cache-control"].startswith("private")
    (kept,) = (service.data / "cache").iterdir()
    before = kept.stat().st_mtime_ns
    again = service.client.get(path, params={"size": 100}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert service.client.get(path, params={"size": 100}).content == first.content
    assert kept.stat().st_mtime_ns == before
    assert service.client.get(path, params={"size": 5000}).status_code == 422


# ---- after a crash


def test_what_a_crash_has_left_is_swept(service: Service, start: Callable[..., Service]) -> None:
    project = service.project()
    image = service.image(project)
    fetched(service, project, image, "thumbnail")
    service.client.__exit__(None, None, None)
    data = service.data
    (data / "uploads" / "half.part").write_bytes(b"x")
    (data / "projects" / project / "images" / "nobody.png").write_bytes(b"x")
    (data / "projects" / "goneproject" / "images").mkdir(parents=True)
    (data / "cache" / "goneimage-thumbnail.jpg").write_bytes(b"x")
    again = start()
    assert [p.name for p in (data / "projects" / project / "images").iterdir()] == [f"{image}.png"]
    assert list((data / "uploads").iterdir()) == []
    assert [p.name for p in (data / "projects").iterdir()] == [project]
    assert [p.name.partition("-")[0] for p in (data / "cache").iterdir()] == [image]
    fetched(again, project, image, "view")


def test_a_cache_that_has_grown_is_cut(service: Service, start: Callable[..., Service]) -> None:
    project = service.project()
    fetched(service, project, service.image(project), "thumbnail")
    service.client.__exit__(None, None, None)
    start(limits=Limits(cache_bytes=0))
    assert list((service.data / "cache").iterdir()) == []


def test_two_services_do_not_share_a_folder(service: Service, start: Callable[..., Service]) -> None:
    with pytest.raises(Exception, match="another service uses this data folder"):
        start()
    assert service.data.is_dir()


def test_a_transaction_that_fails_leaves_no_file(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    project = service.project()

    def fail(*_: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr("cuecast.service.adding.images.add", fail)
    message = refused(add(service, project, png()), 500, "internal_error")
    assert "went away" not in message
    assert left(service) == []


# ---- large pictures


def large(form: str, mode: str = "RGB", **named: object) -> bytes:
    """2100 x 2000 pixels, more than what is read as a whole; the left half red."""
    image = Image.new("RGB", (2100, 2000), (30, 30, 200))
    image.paste((200, 30, 30), (0, 0, 1050, 2000))
    return encoded(np.asarray(image.convert(mode)), form, **named)


@pytest.fixture
def roomy(start: Callable[..., Service]) -> Service:
    return start(limits=Limits(pixels=10_000_000))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_large_picture_is_shown_as_it_is(roomy: Service, form: str) -> None:
    project, data = roomy.project(), large(form)
    image = roomy.image(project, data)
    path = f"/v1/projects/{project}/images/{image}"
    assert ok(roomy.client.get(path))["width"] == 2100
    view = roomy.client.get(f"{path}/view")
    assert view.content == data
    assert view.headers["content-type"] == f"image/{form.lower()}"
    small, _ = fetched(roomy, project, image, "thumbnail?size=100")
    assert small.size == (100, 95)
    assert abs(np.array(small)[50, 10].astype(int) - (200, 30, 30)).max() < 4
    assert abs(np.array(small)[50, 90].astype(int) - (30, 30, 200)).max() < 4


def test_a_large_picture_that_browsers_show_otherwise_is_made(roomy: Service) -> None:
    project = roomy.project()
    image = roomy.image(project, large("PNG", "RGBA"))
    shown, _ = fetched(roomy, project, image, "view")
    assert (shown.format, shown.size) == ("JPEG", (2100, 2000))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_large_picture_that_is_cut_short_is_refused(roomy: Service, form: str) -> None:
    project = roomy.project()
    message = refused(add(roomy, project, large(form)[:-4000], "photo"), 422, "image_unreadable")
    assert "cut short" in message
    assert str(roomy.data) not in message
    assert left(roomy) == []


def test_what_would_take_too_much_memory_is_not_shown(
    roomy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is low here; large PNG and JPEG keep to any."""
    monkeypatch.setattr("cuecast.service.pictures.WHOLE_BYTES", 7 * 4_100_000)
    project = roomy.project()
    for form in ("TIFF", "BMP"):
        path = f"/v1/projects/{project}/images/{roomy.image(project, large(form), f'a.{form}')}"
        for what in ("view", "thumbnail"):
            said = refused(roomy.client.get(f"{path}/{what}"), 422, "too_large_to_show")
            assert "2100 x 2000 pixels" in said
    for number, form in enumerate(("PNG", "JPEG")):
        image = roomy.image(project, large(form), f"{number}.x")
        for what in ("view", "thumbnail"):
            assert roomy.client.get(f"/v1/projects/{project}/images/{image}/{what}").status_code == 200
