"""What the main job says when it ends: what it still waits for, and why a venue has no position in the comparison."""

from typing import Any

from actors.app.main_end import VenueEnd, awaited, main_end
from actors.app.verdict import Verdict


def end(venue: str, *, violations: int = 0, **changes: Any) -> VenueEnd:
    verdict = Verdict(intents=9, venue_orders=8, fills=7, refused_here=1, positions=changes.pop("positions", 1))
    for number in range(violations):
        verdict.note(f"order {number} differs")
    return VenueEnd(venue=venue, verdict=verdict, **({"put_off": 0, "unknown": 0, "left_out": 0} | changes))


def said(*ends: VenueEnd) -> str:
    return "\n".join(part for part in main_end(ends) if isinstance(part, str))


def test_what_is_awaited_names_venues_and_how_much_of_what() -> None:
    ends = [end("binance"), end("kraken", unknown=17), end("mexc", unknown=1, violations=2)]

    assert awaited(ends) == (
        "kraken: 17 outcomes not known yet; mexc: 1 outcome not known yet, 2 records not as the venue's yet"
    )
    assert awaited(ends[:1]) == ""


def test_comparison_is_final_once_every_outcome_is_known_and_every_record_agrees() -> None:
    assert end("binance", put_off=3, left_out=1).is_final
    assert not end("binance", unknown=1).is_final
    assert not end("binance", violations=1).is_final


def test_venues_without_a_position_in_the_comparison_are_named_with_the_reason() -> None:
    text = said(end("binance"), end("kraken", positions=0), end("mexc", positions=0), end("kucoin", left_out=2))

    assert "2 positions compared, 0 false" in text
    assert "No position at kraken, mexc: nothing was executed there." in text
    assert "Not every position was compared at kucoin: moved by orders whose outcome was not known" in text


def test_comparison_of_every_position_needs_no_excuse() -> None:
    assert "No position" not in said(end("binance"), end("kraken"))
    assert "Not every position" not in said(end("binance"), end("kraken"))
