"""What the service says on stderr: warnings and errors, a line a request, and never a secret."""

from __future__ import annotations

import logging
import re
from urllib.parse import unquote_plus

_KEY = re.compile(r"cue_[A-Za-z0-9]+_[^\s&\"'/?]+")
_PARAMETER = re.compile(r"(?<=[?&;])([^=&;\s\"]+)=([^&;\s\"]*)")
_SECRET = re.compile(r"key|token|secret|passw|auth|credential|signature", re.IGNORECASE)


def start_log(quiet: bool) -> None:
    """Log to stderr: warnings and errors, and unless `quiet` a line a request (its address; never its headers)."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_hide)
    for name, level in (
        ("uvicorn.error", logging.WARNING),
        ("uvicorn.access", logging.WARNING if quiet else logging.INFO),
        ("cuecast", logging.WARNING if quiet else logging.INFO),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def without_secrets(line: str) -> str:
    """A line of the log without API keys and without the values of parameters that are called like secrets."""

    def hidden(found: re.Match[str]) -> str:
        secret = _SECRET.search(unquote_plus(found[1])) or _KEY.search(unquote_plus(found[2]))
        return f"{found[1]}=***" if secret else found[0]

    return _KEY.sub("***", _PARAMETER.sub(hidden, line))


def _hide(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_secrets(record.getMessage()), None
    return True
