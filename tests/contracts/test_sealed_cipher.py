"""Single encrypted values: what opens them, what does not, and that nothing shows a key."""

import os
import pickle
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import EncryptionKeyMissing, SealBroken, StoreUnfit
from actors.store.cipher import MARKER, PLAIN, Keyring, key_id_of, place, require_keys

KEY, OTHER = b"k" * 32, b"o" * 32
WHERE = place("test", "a1", "orders", "", "o1")
ORDER = b'{"state":"FILLED"}'
STORED = bytes.fromhex(
    "004c4f31bc13343ceb0bbd42efb02215bbc2e6630fbc7e020000000000000000dc"
    "0ea67bc459b2e500bebec8af24aacbbaada3108b4a1c6826ac78a7d1820963dc4d"
)
"""Made by the first version: what is stored must stay readable by all that follow."""


@given(value=st.binary(max_size=300), names=st.lists(st.text(max_size=8), min_size=5, max_size=5))
def test_seal_any_value_for_any_place_opens_there(value: bytes, names: list[str]) -> None:
    where = place(*names)

    sealed = Keyring([KEY]).seal(value, where)

    assert Keyring([OTHER, KEY]).open(sealed, where) == value
    assert key_id_of(sealed) == Keyring([KEY]).current
    assert len(sealed) == len(value) + 48


def test_open_value_of_the_first_version_gives_what_it_was() -> None:
    assert Keyring([KEY]).ids == ("bc13343c",)
    assert Keyring([KEY]).open(STORED, WHERE) == ORDER


@pytest.mark.parametrize("start", [b"{", b"[", b'"', b" ", b"\t", b"\r", b"\n", b"-", b"0", b"9", b"t", b"f", b"n"])
def test_marker_when_compared_with_json_never_begins_like_it(start: bytes) -> None:
    assert not MARKER.startswith(start)


def test_seal_the_same_value_again_gives_other_bytes() -> None:
    keyring = Keyring([KEY])
    with ThreadPoolExecutor(4) as pool:
        sealed = set(pool.map(lambda _: keyring.seal(ORDER, WHERE), range(4000)))

    assert len(sealed) == 4000
    assert len({value[8:32] for value in sealed | {Keyring([KEY]).seal(ORDER, WHERE)}}) == 4001


def test_seal_in_a_forked_process_never_uses_what_its_parent_uses() -> None:
    keyring = Keyring([KEY])
    keyring.seal(ORDER, WHERE)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, keyring.seal(ORDER, WHERE))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        theirs = pipe.read()
    ours = keyring.seal(ORDER, WHERE)

    assert theirs[8:24] != ours[8:24]
    assert keyring.open(theirs, WHERE) == keyring.open(ours, WHERE) == ORDER


def test_seal_by_a_keyring_that_only_opens_leaves_the_value_plain() -> None:
    keyring = Keyring([KEY], seals=False)

    assert keyring.seal(ORDER, WHERE) == ORDER
    assert (keyring.current, key_id_of(ORDER)) == (PLAIN, PLAIN)
    assert keyring.open(STORED, WHERE) == ORDER


@pytest.mark.parametrize(
    "where",
    [
        ("live", "a1", "orders", "", "o1"),
        ("test", "a2", "orders", "", "o1"),
        ("test", "a1", "fills", "", "o1"),
        ("test", "a1", "orders", "3", "o1"),
        ("test", "a1", "orders", "", "o2"),
    ],
    ids=["deployment", "account", "table", "scope", "field"],
)
def test_open_value_that_was_moved_is_refused(where: tuple[str, str, str, str, str]) -> None:
    with pytest.raises(SealBroken):
        Keyring([KEY]).open(STORED, place(*where))


@pytest.mark.parametrize("length", range(len(MARKER), len(STORED)))
def test_open_value_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(SealBroken):
        Keyring([KEY]).open(STORED[:length], WHERE)


@pytest.mark.parametrize("index", range(len(MARKER), len(STORED)))
def test_open_value_with_one_bit_changed_is_refused(index: int) -> None:
    changed = bytearray(STORED)
    changed[index] ^= 1

    with pytest.raises((SealBroken, EncryptionKeyMissing)):
        Keyring([KEY]).open(bytes(changed), WHERE)


def test_open_value_under_a_key_not_given_names_its_id() -> None:
    with pytest.raises(EncryptionKeyMissing, match=Keyring([KEY]).current):
        Keyring([OTHER]).open(STORED, WHERE)


@pytest.mark.parametrize("keys", [[], [b"k" * 31], [KEY, b"k" * 33], [KEY, OTHER, KEY]])
def test_keyring_of_keys_that_cannot_be_used_is_refused(keys: list[bytes]) -> None:
    with pytest.raises(StoreUnfit, match=r"32 bytes|same id") as caught:
        Keyring(keys)

    assert "kkk" not in str(caught.value)


def test_keyring_when_shown_or_refusing_keeps_its_keys_to_itself() -> None:
    keyring = Keyring([KEY, OTHER])
    shown = [repr(keyring), str(keyring), repr(vars(keyring))]
    for value in (STORED[:40], STORED[:-1], MARKER + b"abcd" * 20):
        with pytest.raises((SealBroken, EncryptionKeyMissing)) as caught:
            keyring.open(value, WHERE)
        shown += [str(caught.value), repr(caught.value.__cause__)]

    for key in (KEY, OTHER):
        for spelling in (key.decode(), key.hex(), b64encode(key).decode()):
            assert not any(spelling in text for text in shown)
    with pytest.raises((TypeError, AttributeError), match="pickle"):
        pickle.dumps(keyring)


def test_verify_key_against_its_check_value_accepts_only_what_it_sealed() -> None:
    keyring = Keyring([KEY])
    key_id, right = keyring.current, keyring.check_value()

    Keyring([OTHER, KEY]).verify({key_id: right})
    keyring.verify({"00000000": b"somebody else's"})
    for wrong in (right[:-1], b"livermore-orders", keyring.seal(b"livermore-orders", WHERE)):
        with pytest.raises(StoreUnfit, match=f"key {key_id} does not open"):
            keyring.verify({key_id: wrong})


def test_require_keys_that_were_not_all_given_names_ids_and_an_account() -> None:
    require_keys({"a1": {PLAIN}, "a2": {PLAIN, "aaaa0000"}}, ("aaaa0000", "bbbb0000"))

    with pytest.raises(EncryptionKeyMissing, match="records of account a2 are encrypted under key aaaa0000, which"):
        require_keys({"a1": {PLAIN}, "a2": {PLAIN, "aaaa0000"}})
    with pytest.raises(EncryptionKeyMissing, match=r"2 accounts \(a1 among them\) .* key aaaa0000, cccc0000,"):
        require_keys({"a1": {"aaaa0000"}, "a2": {"bbbb0000", "cccc0000"}}, ("bbbb0000",))
