"""Raw settings and where each of them stands: a YAML file or a mapping, overridden by environment variables.

Must never: decide whether a value is right, or show one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import yaml

from actors.errors import SettingsError
from actors.settings.secret import Secret
from actors.settings.values import Section

PREFIX = "OMS__"

Key: TypeAlias = str | int
Place: TypeAlias = tuple[Key, ...]


@dataclass(slots=True)
class Source:
    """Raw settings, and the place of every key for error messages."""

    title: str
    """The file, or what stands for it."""
    raw: dict[str, Any]
    marks: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Line and column of keys and list items, 1-based."""
    variables: dict[Place, str] = field(default_factory=dict)
    """Which environment variable set a value."""
    written_twice: list[Place] = field(default_factory=list)
    folder: Path = field(default_factory=Path)
    is_file: bool = False

    def where(self, place: Place) -> str:
        """Say where a setting comes from: its variable, its line, or the nearest line above it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.variables:
                return f"environment variable {self.variables[place[:length]]}"
            if place[:length] in self.marks:
                line, column = self.marks[place[:length]]
                return f"{self.title}:{line}:{column}"
        return self.title

    def value(self, place: Place) -> object:
        """Look up the raw value at a place; None where there is none."""
        value: Any = self.raw
        for key in place:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
        return value


def read(source: str | Path | Mapping[str, Any] | None) -> Source:
    """Read settings from a file, a mapping or nothing. Raises `SettingsError` when a file cannot be read at all."""
    if source is None:
        return Source(title="settings", raw={})
    if isinstance(source, Mapping):
        return Source(title="settings", raw=_plain(source))
    return _read_file(Path(source))


def override(source: Source, environ: Mapping[str, str], root: type[Section]) -> None:
    """Put values from `OMS__SECTION__KEY` variables over the raw ones. Case and single underscores don't matter."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        place, annotation = _resolve(variable.removeprefix(PREFIX).split("__"), root)
        if place in source.variables:
            raise SettingsError(f"environment variables {source.variables[place]} and {variable} set the same value")
        source.variables[place] = variable
        target: Any = source.raw
        for key in place[:-1]:
            child = target.get(key) if isinstance(target, dict) else None
            if child is None and isinstance(target, dict):
                child = target[key] = {}
            target = child
        if isinstance(target, dict):
            target[place[-1]] = _typed(environ[variable], annotation, variable)


def keys_of(section: type[Section]) -> dict[str, Any]:
    """List the keys of a section as they are written, each with its annotation."""
    return {info.alias or name: info.annotation for name, info in section.model_fields.items()}


def section_of(annotation: Any) -> type[Section] | None:
    """Find the section class that an annotation holds, alone, optional or as list items."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for argument in get_args(annotation):
        inner = section_of(argument)
        if inner is not None:
            return inner
    return None


def section_at(root: type[Section], place: Place) -> type[Section] | None:
    """Find the section class whose keys stand at a place."""
    section: type[Section] | None = root
    for key in place:
        if isinstance(key, int):
            continue
        section = section_of(keys_of(section).get(key)) if section is not None else None
    return section


# ----- files


def _read_file(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
        node, raw, twice = _parse(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{path}: cannot be read: {reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise SettingsError(f"{path}{where}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingsError(f"{path}: is not YAML") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: must be a mapping of keys such as orderManagement, redis, accounts")
    source = Source(title=str(path), raw=raw, folder=path.parent, is_file=True, written_twice=twice)
    _mark(node, (), source.marks)
    return source


def _parse(text: str) -> tuple[yaml.Node | None, object, list[Place]]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}, []
        twice: list[Place] = []
        # Before construction, which merges `<<` into its mapping and lets a later key silently win.
        _find_repeats(node, (), twice)
        return node, loader.construct_document(node), twice
    finally:
        loader.dispose()


def _children(node: yaml.Node | None, place: Place) -> list[tuple[Place, yaml.Node, yaml.Node]]:
    """List the nodes inside one, as (place, where it stands, its value)."""
    if isinstance(node, yaml.MappingNode):
        return [((*place, str(key.value)), key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    if isinstance(node, yaml.SequenceNode):
        return [((*place, index), value, value) for index, value in enumerate(node.value)]
    return []


def _mark(node: yaml.Node | None, place: Place, marks: dict[Place, tuple[int, int]]) -> None:
    for inner, stands, value in _children(node, place):
        marks[inner] = (stands.start_mark.line + 1, stands.start_mark.column + 1)
        _mark(value, inner, marks)


def _find_repeats(node: yaml.Node, place: Place, twice: list[Place]) -> None:
    children = _children(node, place)
    places = [inner for inner, _, _ in children]
    twice += [inner for index, inner in enumerate(places) if inner in places[:index] and inner[-1] != "<<"]
    for inner, _, value in children:
        _find_repeats(value, inner, twice)


def _plain(value: Any) -> Any:
    """Copy mappings and sequences, so that overrides never change the caller's."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


# ----- environment variables


def _resolve(parts: list[str], root: type[Section]) -> tuple[Place, Any]:
    """Spell a variable's parts as keys; what is not known stays as it is, for the validation to refuse."""
    place: Place = ()
    annotation: Any = root
    for part in parts:
        section = section_of(annotation)
        known = keys_of(section) if section is not None else {}
        wanted = part.replace("_", "").lower()
        key = next((key for key in known if key.lower() == wanted), part)
        annotation = known.get(key)
        place = (*place, key)
    return place, annotation


def _typed(text: str, annotation: Any, variable: str) -> object:
    """Read a variable's text as its setting would be written in YAML; text and decimals need no quotes."""
    if text.strip().lower() in {"", "null"}:
        return None
    if _is_textual(annotation):
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        raise SettingsError(f"environment variable {variable}: is not YAML") from None


def _is_textual(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_textual(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return all(_is_textual(inner) for inner in get_args(annotation) if inner is not NoneType)
    if origin is Literal:
        return all(isinstance(word, str) for word in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, (str, Decimal, Secret))


def process_environment() -> Mapping[str, str]:
    """Give the environment of this process."""
    return os.environ
