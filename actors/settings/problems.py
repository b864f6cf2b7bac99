"""What is wrong with settings, in words: one line per problem, with its place, its value and what would be right.

Must never: show a value that may be a secret, or show the inside of a list or mapping.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_origin

from pydantic_core import ErrorDetails

from actors.settings.deployment import AccountExchangesSettings, ExchangesSettings
from actors.settings.source import Place, Source, keys_of, section_at, section_of
from actors.settings.values import Section

_SECRET = re.compile(r"key|secret|pass|token|credential|url", re.IGNORECASE)
_CREDENTIAL = re.compile(r"key|secret|pass|token|credential", re.IGNORECASE)
_MESSAGES = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "string_type": "must be text; write it in quotes",
    "tuple_type": "must be a list",
    "invalid_key": "keys must be text",
}
_KEY = "[key]"
"""How the validation marks a place that is about a mapping's key and not about the value under it."""
_STRUCTURAL = {"tuple_type", "invalid_key"}
_MAPPING = {"model_type", "model_attributes_type"}

_LATER = "is not available in this version"
_ALWAYS = "is not a setting: every transition is validated and stored; remove the key"

# What may not be written, and why, by path; `*` stands for any one part.
_REFUSED: dict[str, str] = {
    "orderManagement.lifecycle.states": "is not a setting: the states and their edges are fixed; remove the key",
    "orderManagement.lifecycle.transitions.validate*": _ALWAYS,
    "orderManagement.lifecycle.transitions.persist*": _ALWAYS,
    "orderManagement.lifecycle.validate*": _ALWAYS,
    "orderManagement.lifecycle.persist*": _ALWAYS,
    "orderManagement.lifecycle.transitions.historyRetentionDays": _LATER,
    "orderManagement.lifecycle.cleanup": _LATER,
    "orderManagement.partialFillTracking.realtime": _LATER,
    "orderManagement.partialFillTracking.history": _LATER,
    "orderManagement.concurrencyControl.locks": _LATER,
    "orderManagement.concurrencyControl.orderModification": _LATER,
    "orderManagement.concurrencyControl.multiSession": _LATER,
    "alerts": _LATER,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    place: Place
    text: str
    """What is wrong and what would be right."""
    show_value: bool = True


def describe(problems: list[Problem], source: Source) -> str:
    """Write problems down, one line each, in the order of their places in the source."""
    lines = []
    for problem in sorted(problems, key=lambda problem: source.marks.get(problem.place, (0, 0))):
        shown = _shown(source.value(problem.place), problem)
        path = ".".join(map(str, problem.place))
        lines.append(f"{source.where(problem.place)}: {path}{shown}: {problem.text}")
    return "\n".join(lines)


def translate(error: ErrorDetails, root: type[Section]) -> list[Problem]:
    """Turn one finding of the validation into problems."""
    place = tuple(error["loc"])
    about_key = place[-1:] == (_KEY,)
    if about_key:
        # The place of the value under it names it already.
        place = place[:-1]
    context: Mapping[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if kind == "contradictions":
        return [Problem((*place, *key.split(".")), text) for key, text in context["found"]]
    if kind == "extra_forbidden":
        return [Problem(place, _unknown(place, root), show_value=False)]
    if kind in {"literal_error", "enum"}:
        right = "is no known key; it must be one of" if about_key else "must be one of"
        return [Problem(place, f"{right} {context['expected']}", show_value=not about_key)]
    if kind in _MAPPING:
        section = section_at(root, place)
        known = "" if section is None else f" ({', '.join(keys_of(section))})"
        return [Problem(place, f"must be a mapping of keys{known}; leave it out for the defaults", show_value=False)]
    # A scalar where a mapping belongs may be anything, a misplaced secret included.
    return [Problem(place, _MESSAGES.get(kind, error["msg"]), show_value=kind not in _STRUCTURAL)]


def _unknown(place: Place, root: type[Section]) -> str:
    for pattern, reason in _REFUSED.items():
        if _matches(place, pattern):
            return reason
    key = str(place[-1])
    section = section_at(root, place[:-1])
    known = list(keys_of(section)) if section is not None else []
    if _CREDENTIAL.search(key):
        by_name = [name for name in known if _CREDENTIAL.search(name)]
        right = f"use {', '.join(by_name)}" if by_name else "remove it"
        return f"is no known key, and a secret is never written as a value: {right}"
    if section in (ExchangesSettings, AccountExchangesSettings):
        return f"is no known key; the venues are {', '.join(known)}"
    elsewhere = _places_of(key, root)
    if len(elsewhere) == 1 and key not in known:
        return f"is no known key here; it belongs at {elsewhere[0]}"
    folded = {name.lower(): name for name in known}
    near = get_close_matches(key.lower().replace("_", ""), folded, n=1)
    if near:
        return f"is no known key; did you mean {folded[near[0]]}?"
    return f"is no known key; known here: {', '.join(known)}" if known else "is no known key"


def _places_of(key: str, section: type[Section], above: str = "") -> list[str]:
    """List the paths at which a key is known, outside of lists."""
    found = []
    for name, annotation in keys_of(section).items():
        path = f"{above}{name}"
        if name == key:
            found.append(path)
        inner = section_of(annotation)
        if inner is not None and get_origin(annotation) is not tuple:
            found += _places_of(key, inner, f"{path}.")
    return found


def _matches(place: Place, pattern: str) -> bool:
    parts = pattern.split(".")
    return len(parts) == len(place) and all(
        part == "*" or str(key) == part or (part.endswith("*") and str(key).startswith(part[:-1]))
        for part, key in zip(parts, place, strict=True)
    )


def _shown(value: object, problem: Problem) -> str:
    hidden = not problem.show_value or _SECRET.search(str(problem.place[-1]))
    if hidden or value is None or isinstance(value, (dict, list)):
        return ""
    text = repr(value)
    return f" = {text}" if len(text) <= 80 else ""  # noqa: PLR2004 - longer values say nothing in one line
