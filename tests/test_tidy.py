"""The code keeps the shape that the house gives it; every rule shows on a sample that it can find something."""

import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

import pytest
import tidy_rules as tidy
from tidy_rules import Module, parse, product_modules, shipped_texts

import actors
from actors.runtime.base import OmsActor
from messages import Message, inboxes

Rule = Callable[[Module], list[str]]

PRODUCT = product_modules()
RULES: list[Rule] = [
    tidy.layering,
    tidy.relative_imports,
    tidy.unrepeatable,
    tidy.size,
    tidy.docstring,
    tidy.swallowed,
]


def report(offences: list[str]) -> str:
    return f"{len(offences)} offences:\n" + "\n".join(offences)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_product_code_keeps_the_rule(rule: Rule) -> None:
    offences = [offence for module in PRODUCT for offence in rule(module)]

    assert not offences, report(offences)


@pytest.mark.parametrize("rule", [tidy.size, tidy.swallowed], ids=lambda rule: rule.__name__)
def test_test_code_keeps_the_rule(rule: Rule) -> None:
    offences = [offence for module in tidy.test_modules() for offence in rule(module)]

    assert not offences, report(offences)


def test_texts_of_the_project_keep_to_their_subject() -> None:
    offences = [offence for path, text in shipped_texts() for offence in tidy.words(path, text)]

    assert not offences, report(offences)


def test_tests_when_collected_have_names_that_say_subject_situation_and_result() -> None:
    offences = [
        module.at(node, f"{node.name}: test_<subject>_<situation>_<result>")
        for module in tidy.test_modules()
        for node in tidy.ast.walk(module.tree)
        if isinstance(node, tidy.ast.FunctionDef)
        if node.name.startswith("test_") and node.args.posonlyargs == [] and len(node.name.split("_")) < 4
        if module.path.split("/")[-1].startswith("test_")
    ]

    assert not offences, report(offences)


def test_paper_venues_share_no_code_with_venue_adapters() -> None:
    paper = [m for m in PRODUCT if m.name.startswith("exchanges.paper.")]
    adapters = [m for m in PRODUCT if m.name.count(".") > 1 and m.name.startswith("exchanges.") and m not in paper]
    offences = tidy.twins(paper, adapters)

    assert paper
    assert adapters
    assert not offences, report(offences)


# ----- inboxes


def actor_classes() -> list[type[OmsActor[Any]]]:
    for found in pkgutil.walk_packages(actors.__path__, "actors."):
        if not found.name.startswith(tuple(tidy.COMPOSITION)):
            importlib.import_module(found.name)
    return [cls for cls in subclasses(OmsActor) if not cls.__module__.startswith("actors.runtime")]


def subclasses(cls: type) -> Iterator[type[Any]]:
    for inner in cls.__subclasses__():
        # The runtime mixes its own inboxes into actors; those twins carry another module's name or none of ours.
        if inner.__module__.startswith("actors."):
            yield inner
            yield from subclasses(inner)


def inbox_of(cls: type) -> frozenset[type]:
    """The members of the union between an actor's brackets: `class X(OmsActor[XInbox])`."""
    for base in getattr(cls, "__orig_bases__", ()):
        if inspect.isclass(get_origin(base)) and issubclass(get_origin(base), OmsActor):
            return frozenset(members(get_args(base)[0]))
    return frozenset()


def members(union: Any) -> Iterator[type]:
    if inspect.isclass(union):
        yield union
    for inner in get_args(union):
        yield from members(inner)


def test_actors_accept_exactly_the_members_of_their_inbox() -> None:
    offences = []
    concrete = [cls for cls in actor_classes() if cls.accepts]
    for cls in concrete:
        inbox = inbox_of(cls)
        for message in inbox ^ cls.accepts:
            where = "accepts" if message in inbox else "its inbox"
            offences.append(f"{cls.__module__}.{cls.__name__}: {message.__name__} is missing from {where}")

    assert concrete
    assert not offences, report(offences)


def test_inboxes_of_the_protocol_are_each_some_actors() -> None:
    taken = [cls.accepts for cls in actor_classes()]
    offences = []
    for name, union in vars(inboxes).items():
        if name.endswith("Inbox") and not any(frozenset(members(union)) <= accepts for accepts in taken):
            offences.append(f"messages/inboxes.py: no actor accepts all of {name}")

    assert not offences, report(offences)


def test_actors_accept_messages_only() -> None:
    assert all(issubclass(message, Message) for cls in actor_classes() for message in cls.accepts)


# ----- every rule finds what it is for


def nested(levels: int) -> str:
    ifs = "".join("    " * depth + "if a:\n" for depth in range(1, levels + 1))
    return f"def f(a):\n{ifs}{'    ' * (levels + 1)}return a\n"


CHAIN = "def f(a):\n    if a == 0:\n        return a\n" + "".join(
    f"    elif a == {n}:\n        return a\n" for n in range(1, 9)
)
SAMPLES: list[tuple[Rule, str, str, bool]] = [
    (tidy.layering, "messages.new", "import orjson", True),
    (tidy.layering, "messages.codec", "import orjson", False),
    (tidy.layering, "messages.new", "from actors import errors", True),
    (tidy.layering, "messages.new", "from exchanges.gateway import Capabilities", True),
    (tidy.layering, "exchanges.http", "import requests", False),
    (tidy.layering, "exchanges.http", "from actors.errors import OmsError", True),
    (tidy.layering, "exchanges.throttle", "import requests", True),
    (tidy.layering, "exchanges.throttle", "from exchanges.binance.rest import BinanceClient", True),
    (tidy.layering, "exchanges.registry", "from exchanges.binance.rest import BinanceClient", False),
    (tidy.layering, "exchanges.binance.rest", "from exchanges.http import post", False),
    (tidy.layering, "exchanges.binance.rest", "from exchanges.binance.sign import sign", False),
    (tidy.layering, "exchanges.binance.rest", "from exchanges.paper.engine import Engine", True),
    (tidy.layering, "exchanges.binance.translate", "import requests", True),
    (tidy.layering, "exchanges.binance.sign", "from cryptography import x509", False),
    (tidy.layering, "exchanges.binance.sign", "from messages import Side", True),
    (tidy.layering, "exchanges.kraken.rest", "from exchanges.binance.sign import sign", True),
    (tidy.layering, "exchanges.paper.engine", "from messages import Side", False),
    (tidy.layering, "exchanges.paper.engine", "from exchanges.gateway import Capabilities", True),
    (tidy.layering, "exchanges.paper.dialects.binance", "from exchanges.binance import sign", True),
    (tidy.layering, "exchanges.paper.dialects.binance", "from exchanges.http import post", True),
    (tidy.layering, "exchanges.paper.engine", "import starlette", True),
    (tidy.layering, "actors.domain.fills", "from actors.errors import check", False),
    (tidy.layering, "actors.domain.fills", "from actors.runtime.clock import SystemClock", True),
    (tidy.layering, "actors.domain.fills", "import pykka", True),
    (tidy.layering, "actors.domain.fills", "def f():\n    from actors import account", True),
    (tidy.layering, "actors.store.redis", "import redis", False),
    (tidy.layering, "actors.store.memory", "import redis", True),
    (tidy.layering, "actors.store.memory", "from actors.domain import fills", True),
    (tidy.layering, "actors.runtime.pooled", "from actors.store.port import Section", False),
    (tidy.layering, "actors.runtime.pooled", "from actors.store.redis import RedisStore", True),
    (tidy.layering, "actors.runtime.metrics", "from messages import Side", True),
    (tidy.layering, "actors.settings.values", "from messages import Side", True),
    (tidy.layering, "actors.settings.values", "from messages.types import Side", False),
    (tidy.layering, "actors.account", "from actors.settings import Settings", True),
    (tidy.layering, "actors.account", "from actors.store.redis import RedisStore", True),
    (tidy.layering, "actors.account", "from actors.build import build", True),
    (tidy.layering, "actors.account", "from actors.turn import Turn", False),
    (tidy.layering, "actors.account", "import pykka", True),
    (tidy.layering, "actors.supervisors.root", "from exchanges.gateway import VenueGateway", False),
    (tidy.layering, "actors.supervisors.root", "from exchanges.http import post", True),
    (tidy.layering, "actors.build", "from exchanges.binance.rest import BinanceClient", False),
    (tidy.layering, "actors", "from actors.oms import Oms", False),
    (tidy.relative_imports, "actors.account", "from . import turn", True),
    (tidy.unrepeatable, "actors.account", "import time", True),
    (tidy.unrepeatable, "actors.account", "from time import monotonic", True),
    (tidy.unrepeatable, "actors.account", "from uuid import uuid4", True),
    (tidy.unrepeatable, "actors.account", "from concurrent.futures import Future", True),
    (tidy.unrepeatable, "actors.account", "import random\nrandom.choice([1])", True),
    (tidy.unrepeatable, "actors.account", "from random import choice", True),
    (tidy.unrepeatable, "actors.account", "def f(random): random.choice([1])", False),
    (tidy.unrepeatable, "actors.account", "from random import Random\nx = Random()", True),
    (tidy.unrepeatable, "actors.account", "from random import Random\nx = Random(1)", False),
    (tidy.unrepeatable, "actors.account", "import datetime\ndatetime.datetime.now()", True),
    (tidy.unrepeatable, "actors.account", "from datetime import date\ndate.today()", True),
    (tidy.unrepeatable, "actors.account", "from datetime import datetime\ndatetime.fromtimestamp(1)", False),
    (tidy.unrepeatable, "actors.account", "import os\nos.urandom(8)", True),
    (tidy.unrepeatable, "exchanges.binance.translate", "import time", True),
    (tidy.unrepeatable, "exchanges.binance.rest", "import time", False),
    (tidy.unrepeatable, "exchanges.paper.engine", "import threading", True),
    (tidy.unrepeatable, "exchanges.paper.server", "import asyncio", False),
    (tidy.unrepeatable, "actors.runtime.clock", "import time", False),
    (tidy.unrepeatable, "actors.store.keys", "import time", True),
    (tidy.size, "actors.account", "\n" * 501, True),
    (tidy.size, "actors.account", "\n" * 500, False),
    (tidy.size, "actors.account", "def f():\n" + "    x = 1\n" * 60, True),
    (tidy.size, "actors.account", "def f():\n" + "    x = 1\n" * 59, False),
    (tidy.size, "actors.account", 'def f():\n    """A\n\n    b\n    """\n' + "    x = 1\n" * 59, False),
    (tidy.size, "actors.account", nested(5), True),
    (tidy.size, "actors.account", nested(4), False),
    (tidy.size, "actors.account", CHAIN, False),
    (tidy.docstring, "actors.account", "x = 1", True),
    (tidy.docstring, "actors.account", '"""What."""\nx = 1', False),
    (tidy.swallowed, "actors.account", "try:\n    x = 1\nexcept ValueError:\n    pass", True),
    (tidy.swallowed, "actors.account", "try:\n    x = 1\nexcept ValueError:\n    ...", True),
    (tidy.swallowed, "actors.account", "try:\n    x = 1\nexcept:\n    raise", True),
    (tidy.swallowed, "actors.account", "try:\n    x = 1\nexcept ValueError:\n    x = 2", False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "text", "offends"), SAMPLES)
def test_rule_on_a_sample_finds_what_it_is_for(rule: Rule, name: str, text: str, offends: bool) -> None:  # noqa: FBT001
    found = rule(parse(name, name.replace(".", "/") + ".py", text))

    assert bool(found) is offends, report(found)


@pytest.mark.parametrize(
    ("text", "offends"),
    [
        ("# TO" + "DO: later", True),
        ("# TO" + "DOS", False),
        ("path = '/wo" + "rk/main'", True),
        ("path = '/t" + "mp/venv'", True),
        ("https://api.example.com/wo" + "rk/x", False),
        ("written by Clau" + "de", True),
        ("https://py" + "pi.org/simple", True),
        ("user agent", False),
    ],
)
def test_words_on_a_sample_find_what_they_are_for(text: str, offends: bool) -> None:  # noqa: FBT001
    assert bool(tidy.words("x", text)) is offends


def test_twins_on_a_sample_are_found_whatever_their_names() -> None:
    body = "    a = x + 1\n    b = a * 2\n    c = a - b\n    return c\n"
    one = parse("one", "one.py", f"def f(x):\n{body}")
    other = parse("other", "other.py", f'def g(x):\n    """Other words."""\n{body}')

    assert tidy.twins([one], [other])
    assert not tidy.twins([one], [parse("other", "other.py", f"def g(x):\n{body}".replace("* 2", "* 3"))])


# ----- the way in


def test_checks_run_the_test_command_that_the_readme_gives() -> None:
    script = (tidy.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (command,) = [line for line in script.splitlines() if "pytest" in line and not line.startswith("#")]

    assert command in (tidy.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert os.access(tidy.ROOT / ".ci" / "run", os.X_OK)
