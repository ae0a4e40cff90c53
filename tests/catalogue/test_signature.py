"""Signatures: one of the pack is taken, any other is not, and whose it is can be asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from small_packs import coin_pack, write_archive_of

import cuecast
from cuecast.catalogue.archive import import_archive, write_archive
from cuecast.catalogue.listing import listed
from cuecast.catalogue.signature import parse_signature, public_key, read_signature, sign
from cuecast.engine.packs import open_pack

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: E402


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def write_keys(folder: Path, name: str, private: object = None) -> tuple[Path, Path]:
    """A private and a public key as PEM."""
    key = private or ed25519.Ed25519PrivateKey.generate()
    own, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    form = serialization.PrivateFormat.PKCS8
    own.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    subject = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, subject))
    return own, public


def test_a_signed_pack_is_listed_as_such(tmp_path: Path) -> None:
    own, public = write_keys(tmp_path, "ours")
    path = write_archive(coin_pack(tmp_path / "made"), tmp_path / "coins.zip", own)
    done = import_archive(path, signed_by=public)
    assert listed(done.pack).signature == f"signed by {public_key(public)[:16]}"
    # It goes along when the pack is exported once more, and does not change what the pack is.
    again = write_archive(open_pack("coins"), tmp_path / "again.zip")
    assert again.read_bytes() == path.read_bytes()


def test_a_pack_that_is_there_gets_the_signature_that_it_lacks(tmp_path: Path) -> None:
    own, public = write_keys(tmp_path, "ours")
    pack = coin_pack(tmp_path / "made")
    assert listed(import_archive(write_archive(pack, tmp_path / "plain.zip")).pack).signature is None
    done = import_archive(write_archive(pack, tmp_path / "signed.zip", own))
    assert done.already
    assert listed(done.pack).signature == f"signed by {public_key(public)[:16]}"
    other, _ = write_keys(tmp_path, "others")
    again = import_archive(write_archive(pack, tmp_path / "other.zip", other))
    assert listed(again.pack).signature == f"signed by {public_key(public)[:16]}"


def test_only_the_key_that_is_asked_for_counts(shelf: Path, tmp_path: Path) -> None:
    own, _ = write_keys(tmp_path, "ours")
    _, other = write_keys(tmp_path, "others")
    pack = coin_pack(tmp_path / "made")
    signed = write_archive(pack, tmp_path / "signed.zip", own)
    with pytest.raises(cuecast.PackError, match=rf"not by {public_key(other)[:16]}"):
        import_archive(signed, signed_by=other)
    plain = write_archive(pack, tmp_path / "plain.zip")
    with pytest.raises(cuecast.PackError, match="it is not signed"):
        import_archive(plain, signed_by=other)
    assert not (shelf / "coins").exists()


def test_a_signature_of_another_pack_is_refused(tmp_path: Path) -> None:
    own, _ = write_keys(tmp_path, "ours")
    one = coin_pack(tmp_path / "made")
    stolen = sign(one.digest, own).text
    two = coin_pack(tmp_path / "made", "two")
    members = {n: (two.folder / n).read_bytes() for n in ("card.json", *two.own_files)}
    path = write_archive_of(tmp_path / "two.zip", members | {"signature.json": stolen})
    with pytest.raises(cuecast.PackError, match="its signature is not one of this pack"):
        import_archive(path)
    (two.folder / "signature.json").write_text(stolen)
    assert listed(two).signature == "wrong signature"
    path = write_archive_of(tmp_path / "three.zip", members | {"signature.json": "{}"})
    with pytest.raises(
        cuecast.PackError, match=r"signature\.json cannot be read \(no signature of the kind Ed25519"
    ):
        import_archive(path)


def test_without_the_library_it_is_said_not_to_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, public = write_keys(tmp_path, "ours")
    path = write_archive(coin_pack(tmp_path / "made"), tmp_path / "coins.zip", own)
    for name in [n for n in sys.modules if n.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(cuecast.MissingExtraError, match=r"cuecast\[sign\]"):
        import_archive(path, signed_by=public)
    assert str(listed(import_archive(path).pack).signature).endswith("not checked")


def test_keys_of_another_kind_are_named(tmp_path: Path) -> None:
    own, public = write_keys(tmp_path, "curve", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(cuecast.PackError, match="a key of another kind: a private Ed25519 key"):
        sign("0" * 64, own)
    with pytest.raises(cuecast.PackError, match="a key of another kind: a public Ed25519 key"):
        public_key(public)
    with pytest.raises(cuecast.PackError, match="holds no such key"):
        sign("0" * 64, public)
    with pytest.raises(cuecast.PackError, match="cannot be read"):
        public_key(tmp_path / "none.pem")


def test_what_is_no_signature(tmp_path: Path) -> None:
    good = {"algorithm": "Ed25519", "public_key": "a" * 64, "signature": "b" * 128}
    assert parse_signature(json.dumps(good).encode()).public_key == "a" * 64
    for wrong in ({"algorithm": "none"}, {"public_key": "a"}, {"signature": "g" * 128}, {"signature": None}):
        with pytest.raises(ValueError, match="no"):
            parse_signature(json.dumps(good | wrong).encode())
    assert read_signature(tmp_path) is None
