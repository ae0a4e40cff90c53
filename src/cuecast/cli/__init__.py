"""The command `cuecast`. Thin: it reads flags, calls the library, and says what came of it.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but
some inputs failed, 130 interrupted. Every error is one line that starts with 'cuecast: error:',
every note on an input that was used one that starts with 'cuecast: note:'.
Importing this loads no heavy library: commands import what they need when they run.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from cuecast.cli.output import note
from cuecast.cli.table import app
from cuecast.core.errors import CuecastError
from cuecast.core.notes import notes_to

INTERRUPTED = 130

# The base of all wrong-usage errors; where it lives differs between versions of typer, BadParameter does not.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line (None: this process's) and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        with notes_to(note):
            code = app(args or ["--help"], prog_name="cuecast", standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        return _fail(_usage(error), 2)
    except CuecastError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): no message, and no second error when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        return _fail("interrupted; run the same command again to go on", INTERRUPTED)
    return int(code or 0)


def main() -> NoReturn:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold bytes that are no text; they are printed as they are.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    raise SystemExit(run())


def _usage(error: Exception) -> str:
    """What a usage error says, in one line, with the command whose help tells more."""
    # What the commands raise themselves says it all; what the parser raises names its parameter only in here.
    own = isinstance(error, typer.BadParameter) and error.param is None
    text = error.message if own else error.format_message()  # type: ignore[attr-defined]
    said = " ".join(text.split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "cuecast"
    return f"{said[:1].lower()}{said[1:]} (see '{command} --help')"


def _fail(message: str, code: int) -> int:
    print(f"cuecast: error: {' '.join(message.splitlines())}", file=sys.stderr)
    return code
