"""Who vouches for a pack: a detached Ed25519 signature over its digest, in signature.json beside the card.

    {"algorithm": "Ed25519", "public_key": "<64 hex digits>", "signature": "<128 hex digits>"}

The digest is a SHA-256 over the card, which has those of all files and of the base: what is signed is all of it. A
signature proves that whoever holds the key has signed; whose key it is, the reader must know: `signed_by`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import MissingExtraError, PackError
from cuecast.engine.card import SIGNATURE

ALGORITHM = "Ed25519"
_FORMS = {"public_key": re.compile("[0-9a-f]{64}"), "signature": re.compile("[0-9a-f]{128}")}
_MAKE = "make one with 'openssl genpkey -algorithm ed25519 -out key.pem'"


@dataclass(frozen=True)
class Signature:
    """public_key and signature as hexadecimal digits."""

    public_key: str
    signature: str

    @property
    def text(self) -> str:
        """signature.json."""
        return json.dumps({"algorithm": ALGORITHM, **self.__dict__}, indent=2) + "\n"

    def holds(self, digest: str) -> bool | None:
        """Whether it is one of this digest; None where `cryptography` is not installed to tell."""
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ModuleNotFoundError:
            return None
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))
        try:
            key.verify(bytes.fromhex(self.signature), _message(digest))
        except InvalidSignature:
            return False
        return True

    def said(self, digest: str) -> str:
        """What a list says of it."""
        short = self.public_key[:16]
        known = {
            True: f"signed by {short}",
            False: "wrong signature",
            None: f"says signed by {short}, not checked",
        }
        return known[self.holds(digest)]


def read_signature(folder: Path) -> Signature | None:
    """The signature of a pack in a folder; None where it has none, or what is there is none."""
    try:
        return parse_signature((folder / SIGNATURE).read_bytes())
    except (OSError, ValueError):
        return None


def parse_signature(text: bytes) -> Signature:
    """signature.json. Raises ValueError."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("algorithm") != ALGORITHM:
        raise ValueError(f"no signature of the kind {ALGORITHM}")
    for name, form in _FORMS.items():
        if not form.fullmatch(str(found.get(name))):
            raise ValueError(f"no hexadecimal digits in {name!r}, or too few")
    return Signature(found["public_key"], found["signature"])


def check_signature(text: bytes | None, digest: str, where: object, signed_by: Path | None) -> None:
    """Raise PackError where a signature (`text`; None: there is none) is wrong, or not of the key in `signed_by`.

    One that nobody asks for is checked where `cryptography` is installed. Raises MissingExtraError where one is asked
    for and it is not.
    """
    wanted = public_key(signed_by) if signed_by else None
    if text is None:
        if wanted:
            raise PackError("it is not signed", where, f"ask who made it, or leave out the key {signed_by}")
        return
    try:
        found = parse_signature(text)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{SIGNATURE} cannot be read ({error})", where, "get an intact copy") from error
    if found.holds(digest) is False:
        raise PackError("its signature is not one of this pack", where, "do not use this file")
    if wanted and found.public_key != wanted:
        what = f"it is signed by {found.public_key[:16]}, not by {wanted[:16]} ({signed_by})"
        raise PackError(what, where, "do not use this file, or give the key of who made it")


def sign(digest: str, key: Path) -> Signature:
    """A signature of the digest by a private key (PEM, Ed25519). Raises PackError, MissingExtraError."""
    from_file = _load(key, private=True)
    return Signature(from_file.public_key().public_bytes_raw().hex(), from_file.sign(_message(digest)).hex())


def public_key(path: Path) -> str:
    """The public key in a file (PEM, Ed25519), as hexadecimal digits. Raises PackError, MissingExtraError."""
    digits: str = _load(path, private=False).public_bytes_raw().hex()
    return digits


def _message(digest: str) -> bytes:
    """What is signed: with its purpose, so that no other signature of the key can be taken for one."""
    return f"cuecast pack {digest}".encode()


def _load(path: Path, *, private: bool) -> Any:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"signatures need {error.name}, which is not installed; run: pip install 'cuecast[sign]'"
        ) from error
    word, kind = ("private", ed25519.Ed25519PrivateKey) if private else ("public", ed25519.Ed25519PublicKey)
    form = f"a {word} Ed25519 key as PEM, without a password, is expected"
    remedy = _MAKE if private else "take it from a private one with 'openssl pkey -in key.pem -pubout'"
    try:
        data = path.read_bytes()
        key = (
            serialization.load_pem_private_key(data, None)
            if private
            else serialization.load_pem_public_key(data)
        )
    except OSError as error:
        raise PackError(f"cannot be read ({error.strerror}): {form}", path, "check its name") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PackError(f"holds no such key: {form}", path, remedy) from error
    if not isinstance(key, kind):
        raise PackError(f"holds a key of another kind: {form}", path, remedy)
    return key
