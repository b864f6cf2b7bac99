"""Every setting is read by the product: a key that nothing reads is a defect.

Only leaves count, not the sections on the way to them. A read counts where the attribute is loaded from something that
goes by its section's name or the last word of it (`redis.url`, `self._redis.url`), or anywhere in a module that names
the section's class. A leaf whose name is unique among all settings and all messages counts wherever it is loaded.
"""

import ast
import dataclasses
from collections import Counter
from collections.abc import Iterator

import pytest
from tidy_rules import Module, parse, product_modules

import messages
from actors.settings import Settings
from actors.settings.source import section_of
from actors.settings.values import Section

CREDENTIALS = ("KeyPairSettings", "KucoinAccountSettings", "ProjectxAccountSettings")
CREDENTIAL_PARTS = [
    f"{part}_{source}" for part in ("api_key", "api_secret", "passphrase", "user_name") for source in ("env", "file")
]

# What the settings themselves read, and offer to others under another name.
READ_AS = {
    **{(section, part): "credentials" for section in CREDENTIALS for part in CREDENTIAL_PARTS},
    ("PrivacySettings", "encryption_key_env"): "encryption_keys",
    ("PrivacySettings", "encryption_key_file"): "encryption_keys",
    ("RedisSettings", "durability"): "durability",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One attribute of one section, with the names its section goes by."""

    section: str
    attribute: str
    owners: frozenset[str]
    unique: bool


def settings_of(cls: type[Section], name: str, seen: Counter[str]) -> Iterator[Setting]:
    words = {name, name.removesuffix("s"), name.rsplit("_", maxsplit=1)[-1]}
    for attribute, info in cls.model_fields.items():
        inner = section_of(info.annotation)
        if inner is not None:
            yield from settings_of(inner, attribute, seen)
        else:
            yield Setting(cls.__name__, attribute, frozenset(words | {"settings"}), seen[attribute] == 1)


def attributes_in_use() -> Counter[str]:
    """How many classes have an attribute of each name: of settings, and of messages, which are read everywhere."""

    def walk(cls: type[Section]) -> Iterator[str]:
        for attribute, info in cls.model_fields.items():
            yield attribute
            inner = section_of(info.annotation)
            if inner is not None:
                yield from walk(inner)

    classes = [getattr(messages, name) for name in messages.__all__]
    fields = {field.name for cls in classes if dataclasses.is_dataclass(cls) for field in dataclasses.fields(cls)}
    return Counter(walk(Settings)) + Counter(fields)


def unread(settings: list[Setting], modules: list[Module]) -> list[str]:
    loads = [(module, load) for module in modules for load in _loads(module)]
    return [
        f"{setting.section}.{setting.attribute}"
        for setting in settings
        if not any(_reads(setting, module, load) for module, load in loads)
    ]


def _loads(module: Module) -> Iterator[ast.Attribute]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node


def _reads(setting: Setting, module: Module, load: ast.Attribute) -> bool:
    alias = READ_AS.get((setting.section, setting.attribute))
    if load.attr != (alias or setting.attribute):
        return False
    if alias is not None or setting.unique:
        return True
    owner = load.value.attr if isinstance(load.value, ast.Attribute) else ast.unparse(load.value)
    return owner.strip("_") in setting.owners or setting.section in module.text


def test_settings_when_walked_are_all_read_by_the_product() -> None:
    settings = list(settings_of(Settings, "settings", attributes_in_use()))
    product = [module for module in product_modules() if not module.name.startswith("actors.settings")]

    found = unread(settings, product)

    assert len(settings) > 50
    assert not found, f"{len(found)} settings that nothing reads:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = settings.redis.url", []),
        ("x = redis.url", []),
        ("x = self._redis.url", []),
        ("from actors.settings import RedisSettings\ndef f(store: RedisSettings): return store.url", []),
        ("x = credential.url", ["RedisSettings.url"]),
        ("redis.url = 1", ["RedisSettings.url"]),
    ],
)
def test_setting_with_a_common_name_is_read_only_from_its_section(text: str, found: list[str]) -> None:
    setting = Setting("RedisSettings", "url", frozenset({"redis", "settings"}), unique=False)

    assert unread([setting], [parse("actors.x", "actors/x.py", text)]) == found


def test_setting_with_a_unique_name_is_read_wherever_it_is_loaded() -> None:
    setting = Setting("VerificationSettings", "search_timeout_ms", frozenset({"verification"}), unique=True)

    assert unread([setting], [parse("actors.x", "actors/x.py", "x = policy.search_timeout_ms")]) == []
    assert unread([setting], [parse("actors.x", "actors/x.py", "x = 1")]) == ["VerificationSettings.search_timeout_ms"]
