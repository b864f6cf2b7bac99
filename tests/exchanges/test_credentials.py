"""A refusal of the credentials is told in words, and nothing else is."""

import pytest

from exchanges.credentials import told_in_words


@pytest.mark.parametrize(
    ("venue", "reason"),
    [
        ("binance", "refused: -2015"),
        ("coinbase", "refused: authentication failure"),
        ("coinbase", "auth"),
        ("kraken", "token: refused: EAPI:Invalid key"),
        ("kucoin", "refused: 400003"),
        ("mexc", "listen_key: refused: 10072"),
        ("projectx", "auth"),
    ],
)
def test_refusal_of_the_credentials_is_told_in_words_with_what_the_venue_said(venue: str, reason: str) -> None:
    assert told_in_words(venue, reason) == f"{venue} refuses the credentials: {reason}"


@pytest.mark.parametrize(
    ("venue", "reason"),
    [
        ("binance", "refused: -20151"),
        ("binance", "refused: 2015"),
        ("kucoin", "refused: 4000030"),
        ("mexc", "refused: 110072"),
        ("mexc", "closed_by_venue"),
        ("projectx", "author"),
        ("nowhere", "auth"),
    ],
)
def test_any_other_reason_stays_as_it_is(venue: str, reason: str) -> None:
    assert told_in_words(venue, reason) == reason
