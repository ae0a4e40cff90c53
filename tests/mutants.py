"""What the tests notice: small changes to ten files, drawn by chance, each tried against the tests of its file.

    python tests/mutants.py [--number 60] [--seed 1] [FILE ...]

An operator becomes its opposite, a comparison takes in its limit or leaves it out, a number grows by one, a sign or a
'not' goes. What no test notices is printed: a test is missing, or the line says more than it does. No file is written.
"""

import argparse
import ast
import os
import random
import signal
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import hypothesis
import pytest
import scipy.ndimage  # noqa: F401  imported once for all

ROOT = Path(__file__).parents[1]
SECONDS = 120  # tests that take longer have noticed the change
FILES = {
    "core/geometry": "core/test_geometry",
    "engine/location_prior": "engine/test_location_prior",
    "engine/matcher": "engine/test_matcher_by_hand engine/test_matcher",
    "engine/ridge": "engine/test_ridge engine/test_matcher_by_hand",
    "engine/decision": "engine/test_decision",
    "engine/refiner": "engine/test_refiner",
    "mosaic/objects": "mosaic/test_map_objects",
    "mosaic/assemble": "mosaic/test_grid mosaic/test_map_files mosaic/test_map_verdict",
    "cue_quality/agreement": "cue_quality/test_agreement cue_quality/test_outline",
    "io/labels/coco": "io/labels/test_coco io/labels/test_label_files",
}
PAIRS = "Add Sub, Mult Div, Lt LtE, Gt GtE, Eq NotEq, And Or, Is IsNot, In NotIn"
OTHER = dict(p.split()[::way] for p in PAIRS.split(", ") for way in (1, -1)) | {"FloorDiv": "Mult"}


def changes(tree):
    """(node, attribute, its new value) of every change; the words of messages are left alone."""
    messages = (n for n in ast.walk(tree) if isinstance(n, ast.Raise | ast.JoinedStr))
    left_alone = {inner for message in messages for inner in ast.walk(message)}
    for node in (n for n in ast.walk(tree) if n not in left_alone):
        match node:
            case ast.BinOp(left=ast.Constant(value=str())) | ast.BinOp(right=ast.Constant(value=str())):
                pass
            case ast.BinOp(op=op) | ast.BoolOp(op=op) if name := OTHER.get(type(op).__name__):
                yield node, "op", getattr(ast, name)()
            case ast.Compare(ops=[op, *more]) if name := OTHER.get(type(op).__name__):
                yield node, "ops", [getattr(ast, name)(), *more]
            case ast.UnaryOp(op=ast.USub()):
                yield node, "op", ast.UAdd()
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield node, "operand", ast.UnaryOp(ast.Not(), operand)
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                yield node, "value", value + 1


def is_noticed(name, tree):
    """Whether a test of the file `name` fails where `tree` is its module, in a process of its own."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] != 0
    signal.alarm(SECONDS)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    spec = spec_from_file_location("cuecast." + name.replace("/", "."), ROOT / f"src/cuecast/{name}.py")
    module = sys.modules[spec.name] = module_from_spec(spec)
    exec(compile(ast.fix_missing_locations(tree), spec.origin, "exec"), module.__dict__)
    options = ["-qx", "-pno:cacheprovider", "--hypothesis-profile=mutants", "-Wignore:Module already"]
    os._exit(int(pytest.main([*options, *(str(ROOT / f"tests/{test}.py") for test in FILES[name].split())])))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("files", nargs="*", metavar="FILE", default=list(FILES))
for option, usual in (("--number", 60), ("--seed", 1)):
    parser.add_argument(option, type=int, default=usual)
given = parser.parse_args()
hypothesis.settings.register_profile("mutants", database=None, derandomize=True, deadline=None)
sys.path.insert(0, str(ROOT / "src"))
draw, noticed = random.Random(given.seed), []
for name in given.files:
    source = (ROOT / f"src/cuecast/{name}.py").read_text(encoding="utf-8")
    if is_noticed(name, ast.parse(source)):
        sys.exit(f"the tests of {name} fail as it is: {FILES[name]}")
    count = len(list(changes(ast.parse(source))))
    for k in sorted(draw.sample(range(count), min(count, given.number // len(given.files)))):
        tree = ast.parse(source)
        node, attribute, value = list(changes(tree))[k]
        before = ast.unparse(node)
        setattr(node, attribute, value)
        noticed.append(is_noticed(name, tree))
        if not noticed[-1]:
            print(f"{name}:{node.lineno}: {before} -> {ast.unparse(node)}", flush=True)
print(f"{sum(noticed)} of {len(noticed)} were noticed")
