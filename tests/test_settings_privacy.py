"""Settings of privacy: where encryption keys come from, what is refused, and that no key is ever shown."""

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from settings_sources import load, nested, refusal, written

from actors.settings import PrivacySettings

FIRST, SECOND = bytes(range(32)), bytes(range(100, 132))
PRIVACY = "orderManagement.privacy"


def base64(key: bytes) -> str:
    return b64encode(key).decode()


def privacy(source: object = None, **environ: str) -> PrivacySettings:
    return load(source, **environ).order_management.privacy


def revealed(settings: PrivacySettings) -> list[str]:
    return [key.reveal() for key in settings.encryption_keys]


def test_privacy_from_nothing_keeps_orders_and_encrypts_nothing() -> None:
    found = privacy()

    assert (found.cache_orders, found.encrypt_at_rest, found.clear_on_logout, found.retain_history) == (
        True, False, False, True,
    )  # fmt: skip
    assert found.encryption_keys == ()


@pytest.mark.parametrize(
    "text",
    [
        base64(FIRST) + "," + base64(SECOND),
        f" {FIRST.hex()} ,\n{SECOND.hex().upper()},",
        f"{base64(FIRST)}\n{SECOND.hex()}\n",
    ],
)
def test_privacy_with_keys_in_a_variable_takes_them_in_their_order(text: str) -> None:
    source = nested(PRIVACY, {"encryptAtRest": True, "encryptionKeyEnv": "AT_REST"})

    assert revealed(privacy(source, AT_REST=text)) == [FIRST.hex(), SECOND.hex()]


def test_privacy_with_keys_in_a_file_finds_it_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{base64(FIRST)}\r\n\n  {SECOND.hex()}\n")
    text = "orderManagement: {privacy: {encryptAtRest: true, encryptionKeyFile: keys}}"

    assert revealed(privacy(written(tmp_path, text))) == [FIRST.hex(), SECOND.hex()]


def test_privacy_with_a_key_and_no_encryption_only_reads_what_was_encrypted() -> None:
    found = privacy(nested(PRIVACY, {"encryptionKeyEnv": "AT_REST"}), AT_REST=base64(FIRST))

    assert not found.encrypt_at_rest
    assert revealed(found) == [FIRST.hex()]


def test_privacy_with_encryption_from_the_environment_alone_is_resolved() -> None:
    found = privacy(
        None,
        OMS__ORDERMANAGEMENT__PRIVACY__ENCRYPTATREST="true",
        OMS__ORDERMANAGEMENT__PRIVACY__ENCRYPTIONKEYENV="AT_REST",
        AT_REST=FIRST.hex(),
    )

    assert found.encrypt_at_rest
    assert revealed(found) == [FIRST.hex()]


FORM = "that is not 32 bytes in base64, or 64 hex digits"
WRONG = {
    "no key": ({}, {}, "encryptAtRest = True: needs a key: name encryptionKeyEnv or encryptionKeyFile"),
    "two sources": (
        {"encryptionKeyEnv": "AT_REST", "encryptionKeyFile": "keys"},
        {"AT_REST": base64(FIRST)},
        "encryptionKeyFile: must not stand beside encryptionKeyEnv",
    ),
    "variable not set": ({"encryptionKeyEnv": "AT_REST"}, {}, "encryptionKeyEnv: names AT_REST, which is not set"),
    "file not there": ({"encryptionKeyFile": "nowhere"}, {}, "encryptionKeyFile: names a file that cannot be read"),
    "only commas": ({"encryptionKeyEnv": "AT_REST"}, {"AT_REST": ", ,"}, "encryptionKeyEnv: leads to no key"),
    "a byte too few": ({"encryptionKeyEnv": "AT_REST"}, {"AT_REST": base64(FIRST[1:])}, f"key, number 1, {FORM}"),
    "a digit too few": ({"encryptionKeyEnv": "AT_REST"}, {"AT_REST": FIRST.hex()[1:]}, f"key, number 1, {FORM}"),
    "a byte too many": (
        {"encryptionKeyEnv": "AT_REST"},
        {"AT_REST": f"{base64(FIRST)},{base64(SECOND + FIRST)}"},
        f"key, number 2, {FORM}",
    ),
    "a password": ({"encryptionKeyEnv": "AT_REST"}, {"AT_REST": "correct-horse"}, f"key, number 1, {FORM}"),
    "base64 of another alphabet": (
        {"encryptionKeyEnv": "AT_REST"},
        {"AT_REST": urlsafe_b64encode(b"\xff" * 32).decode()},
        f"key, number 1, {FORM}",
    ),
    "one key twice": (
        {"encryptionKeyEnv": "AT_REST"},
        {"AT_REST": f"{base64(FIRST)},{SECOND.hex()},{FIRST.hex()}"},
        "leads to the same key twice, as number 3 again",
    ),
    "a key in place of a variable": ({"encryptionKeyEnv": base64(FIRST)}, {}, "the name of an environment variable"),
    "a key in place of a file": ({"encryptionKeyFile": FIRST.hex()}, {}, "cannot be read"),
    "a key as a value": (
        {"encryptionKey": base64(FIRST)},
        {},
        "a secret is never written as a value: use encryptionKeyEnv, encryptionKeyFile",
    ),
}


@pytest.mark.parametrize(("keys", "environ", "words"), WRONG.values(), ids=WRONG)
def test_privacy_with_wrong_keys_is_refused_without_showing_them(
    keys: dict[str, str], environ: dict[str, str], words: str
) -> None:
    text = refusal(nested(PRIVACY, {"encryptAtRest": True, **keys}), **environ)

    assert words in text
    pieces = [piece for given in (*environ.values(), *keys.values()) for piece in given.split(",") if len(piece) > 8]
    assert not any(piece in text for piece in pieces if piece != "encryptionKeyEnv")


def test_privacy_with_keys_never_shows_them() -> None:
    settings = load(nested(PRIVACY, {"encryptAtRest": True, "encryptionKeyEnv": "AT_REST"}), AT_REST=base64(FIRST))

    shown = f"{settings!r}{settings}{settings.model_dump()}{settings.order_management.privacy.encryption_keys}"
    assert FIRST.hex() not in shown
    assert base64(FIRST) not in shown
