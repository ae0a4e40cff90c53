"""Who asks, by the key of a request, and what this one may do."""

from __future__ import annotations

from cuecast.service import keys
from cuecast.service.parts import AllParts
from cuecast.service.problem import Problem
from cuecast.service.store import models


def _key(parts: AllParts) -> models.Key | None:
    with parts.database.reading() as session:
        return keys.valid(session, parts.key) if parts.key else None


def admin(parts: AllParts) -> None:
    """Let nobody by whose key is not an admin's. Raises Problem with 403."""
    row = _key(parts)
    if row is None or not row.admin:
        said = "an admin key is needed for this: whoever runs the service makes one with 'cuecast keys create --admin'"
        raise Problem("admin_key_needed", 403, said)


def admin_where_keys(parts: AllParts) -> None:
    """As `admin`, where the service has keys; where it has none, whoever reaches it may. Raises Problem with 403."""
    with parts.database.reading() as session:
        asked = parts.settings.needs_key or keys.any_valid(session)
    if asked:
        admin(parts)


def own_name(parts: AllParts) -> str | None:
    """The name under which alone who asks may mark; None: under any."""
    row = _key(parts)
    return None if row is None or row.admin else row.name


def require_own(person: str, parts: AllParts) -> None:
    """Raise Problem with 403 where who asks has a key of another name."""
    own = own_name(parts)
    if own is not None and own != person:
        raise Problem(
            "not_yours", 403, f"your key is called {own!r}: mark under that name, not as {person!r}"
        )
