"""Licences of data: SPDX expressions of what texts name, and what each allows.

    measuring  a pack is measured on the data, here, and nothing of it goes out
    training   weights are trained on it, and stay here
    shipping   weights that were trained on it, or the data itself, go to others

`TERMS` says why a licence forbids a use, or what to mind. It is no advice of a lawyer: it names what has to be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from cuecast.engine.card import NOT_STATED, licence_problem

Use = Literal["measuring", "training", "shipping"]
USES: tuple[Use, ...] = get_args(Use)
Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Term:
    """What licences of a kind say.

    form     of the SPDX names of these licences: a regular expression, of which one part has to fit.
    forbids  uses that are wrong under them; minds: uses for which something is to be kept in mind.
    reason   why.
    """

    form: str
    forbids: tuple[Use, ...]
    minds: tuple[Use, ...]
    reason: str


TERMS = (
    Term(
        rf"^({NOT_STATED}|NONE)$",
        ("training", "shipping"),
        ("measuring",),
        "no licence is stated, so nobody has allowed it",
    ),
    Term(
        r"-NC(-|$)|NonCommercial|Noncommercial|-Research",
        ("training", "shipping"),
        ("measuring",),
        "it is for non-commercial use alone, which a pack that is used at work is not",
    ),
    Term(
        r"-ND(-|$)|NoDerivatives",
        ("training", "shipping"),
        (),
        "it allows no derivatives: what is cut, marked or learned from it may not be passed on",
    ),
    Term(
        r"-SA(-|$)|^(A?GPL|LGPL|ODbL|CDLA-Sharing|GFDL|EUPL|MPL)-",
        (),
        ("shipping",),
        "what is made from it goes out under the same licence, if it goes out",
    ),
    Term(
        r"^LicenseRef-|^DocumentRef-", (), ("training", "shipping"), "SPDX does not know its terms: read them"
    ),
)
"""Looked through from the top; all that fit count."""

_CREATIVE = {"commercial": "NC", "alike": "SA", "derivative": "ND"}
_PARTS = r"((?:[\s_-]*(?:NC|SA|ND)\b)*)"
_NAMED: tuple[tuple[str, str], ...] = (
    (r"Apache[\s-]*(?:Licen[sc]e,?\s*)?(?:Version\s*)?2\.0", "Apache-2.0"),
    (r"CC[\s-]?0|publicdomain/zero|Public Domain Dedication", "CC0-1.0"),
    (r"\bMIT\b", "MIT"),
    (r"BSD[\s-]3|3[\s-]Clause BSD", "BSD-3-Clause"),
    (r"BSD[\s-]2|2[\s-]Clause BSD", "BSD-2-Clause"),
    (r"\bAGPL|GNU Affero", "AGPL-3.0-only"),
    (r"\bLGPL|GNU Lesser", "LGPL-3.0-only"),
    (r"(?<![AL])GPL[\s-]*v?2(?!\.?\d)|GNU General Public Licen[sc]e,? (?:Version )?2", "GPL-2.0-only"),
    (r"(?<![AL])GPL[\s-]*v?3|GNU General Public Licen[sc]e,? (?:Version )?3", "GPL-3.0-only"),
    (r"\bODbL", "ODbL-1.0"),
    (r"\bPDDL", "PDDL-1.0"),
    (r"Flickr licences", "LicenseRef-Flickr"),
    (
        r"(?<!commercial and )(?<!commercial or )non[\s-]?commercial (?:research|use|purposes)"
        r"|research (?:use|purposes?) only|only for research",
        "LicenseRef-Research",
    ),
)
"""How texts name licences -> what SPDX calls them."""


def read_licence(given: Any) -> tuple[str, str | None]:
    """An SPDX expression of what a card says of its licence, and the words where they say more than it; else None.

    given  an expression, words that name licences ('CC BY 4.0 (in the README)'), a list of such, a schema.org
           CreativeWork with name or url, or None. Where nothing is named it is NOASSERTION.
    """
    if isinstance(given, Mapping):
        given = given.get("name") or given.get("url")
    if isinstance(given, list):
        found = [read_licence(one) for one in given]
        joined = _joined([licence for licence, _ in found])
        said = "; ".join(words for _, words in found if words)
        return joined, said or None
    words = str(given or "").strip()
    if words and licence_problem(words) is None:
        return normal(words), None
    return _joined(_named(words)), words or None


def normal(expression: str) -> str:
    """An SPDX expression as SPDX writes it: 'mit' -> 'MIT', 'GPL-3.0' -> 'GPL-3.0-only'."""
    from license_expression import get_spdx_licensing

    return (
        expression if expression in (NOT_STATED, "NONE") else get_spdx_licensing().parse(expression).render()
    )


def _named(words: str) -> list[str]:
    """The licences that a text names, each once, Creative Commons first."""
    found = []
    for parts, version in re.findall(rf"\bCC[\s_-]*BY{_PARTS}(?:[\s_-]*v?(\d\.\d))?", words, re.IGNORECASE):
        found.append((re.findall("NC|SA|ND", parts.upper()), version))
    for parts, version in re.findall(r"licenses/by((?:-(?:nc|sa|nd))*)/(\d\.\d)", words, re.IGNORECASE):
        found.append((re.findall("NC|SA|ND", parts.upper()), version))
    long = (
        r"Attribution((?:[\s-]*(?:Non-?Commercial|Share-?Alike|No-?Derivatives?|NoDerivs))*)(?:\s*(\d\.\d))?"
    )
    for parts, version in re.findall(long, words, re.IGNORECASE):
        lowered = parts.lower().replace("noderivs", "derivative")
        found.append(([short for word, short in _CREATIVE.items() if word in lowered], version))
    named = [_creative(parts, version) for parts, version in found]
    addresses = re.findall(r"spdx\.org/licenses/([\w.+-]+?)(?:\.html|\.json)?(?![\w.+-])", words)
    named += [normal(name) for name in addresses if licence_problem(name) is None]
    named += [spdx for form, spdx in _NAMED if re.search(form, words, re.IGNORECASE)]
    return list(dict.fromkeys(named))


def _creative(parts: list[str], version: str) -> str:
    """'CC-BY-NC-SA-4.0'; of one without its version 'LicenseRef-CC-BY-NC-SA', which SPDX cannot name."""
    name = "-".join(["CC-BY", *(p for p in ("NC", "ND", "SA") if p in parts)])
    return f"{name}-{version}" if version else f"LicenseRef-{name}"


def _joined(licences: list[str]) -> str:
    """All of them as one expression. What names none makes all unknown: of a part nobody knows."""
    named = list(dict.fromkeys(licences))
    if not named or NOT_STATED in named:
        return NOT_STATED
    return " AND ".join(f"({n})" if " OR " in n and len(named) > 1 else n for n in named)


@dataclass(frozen=True)
class Judged:
    """That a use is wrong under a licence ('error'), or that there is something to mind ('warning'), and why."""

    level: Level
    licence: str
    reason: str


def judge_licence(expression: str, use: Use) -> tuple[Judged, ...]:
    """What speaks against a use under an SPDX expression: of AND all parts count, of OR the best one."""
    from license_expression import get_spdx_licensing

    if expression in (NOT_STATED, "NONE"):
        return _judge_one(expression, use)
    return _judge(get_spdx_licensing().parse(expression), use)


def _judge(node: Any, use: Use) -> tuple[Judged, ...]:
    parts = [_judge(part, use) for part in node.args if hasattr(part, "args")]
    if not parts:
        return _judge_one(node.render(), use)
    if type(node).__name__ == "OR":
        return min(parts, key=lambda found: (sum(j.level == "error" for j in found), len(found)))
    return tuple(dict.fromkeys(judged for found in parts for judged in found))


def _judge_one(licence: str, use: Use) -> tuple[Judged, ...]:
    fitting = [t for t in TERMS if re.search(t.form, licence)]
    wrong = [Judged("error", licence, t.reason) for t in fitting if use in t.forbids]
    minded = [Judged("warning", licence, t.reason) for t in fitting if use in t.minds]
    return tuple(wrong or minded)
