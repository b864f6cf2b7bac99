"""`python -m tests.simulation --seeds 1:1001`: many runs, a verdict, and the seed of every violation."""

import argparse
import json
import sys
import time

from .campaign import DRAWN_VENUE, SPREAD, Campaign, run_seeds
from .mutants import MUTANTS
from .simulation import Verdict
from .venue_traits import VENUES
from .verifications import verify_many

_TAIL = 25
_ALL = "all"
"""Every venue that exists, in turn."""


def main() -> int:
    """Run what was asked for; 1 when an invariant broke."""
    options = _options()
    if options.list_mutants:
        print("\n".join(MUTANTS))
        return 0
    if options.verifications:
        return _verifications(options.verifications, as_json=options.json)
    first, last = (int(part) for part in options.seeds.split(":"))
    campaign = Campaign()
    began = time.monotonic()
    venues = tuple(VENUES) if options.venue == _ALL else (options.venue,)
    for verdict in run_seeds(range(first, last), mutant=options.mutant, jobs=options.jobs, venues=venues):
        campaign.add(verdict)
        if verdict.violation is not None and not options.json:
            _print_violation(verdict)
    _print_summary(campaign, time.monotonic() - began, as_json=options.json)
    return 1 if campaign.violations else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="1:201", help="first:last, the last one excluded")
    parser.add_argument("--venue", choices=[*SPREAD, _ALL], default=DRAWN_VENUE)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--list-mutants", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the work")
    parser.add_argument("--verifications", type=int, default=0, metavar="N", help="verify N unknown outcomes instead")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _verifications(number: int, *, as_json: bool) -> int:
    figures = verify_many(number)
    if as_json:
        print(json.dumps(figures.as_dict()))
    else:
        for name, value in figures.as_dict().items():
            print(f"{name:24} {value}")
    return 0 if figures.good() else 1


def _print_violation(verdict: Verdict) -> None:
    assert verdict.violation is not None
    print(f"seed {verdict.seed}: {verdict.violation.invariant}: {verdict.violation.detail}")
    print("".join(f"    {line}\n" for line in verdict.trace_tail[-_TAIL:]), end="")


def _print_summary(campaign: Campaign, wall_s: float, *, as_json: bool) -> None:
    violations = [
        {"seed": each.seed, "invariant": each.violation.invariant, "detail": each.violation.detail}
        for each in campaign.violations
        if each.violation is not None
    ]
    summary: dict[str, object] = {
        "seeds": campaign.seeds,
        "violations": violations,
        "simulatedHours": round(campaign.simulated_hours, 2),
        "wallSeconds": round(wall_s, 2),
        "faults": {str(fault): hits for fault, hits in sorted(campaign.faults.items())},
        "neverSeen": campaign.never(),
    }
    if as_json:
        print(json.dumps(summary))
        return
    hours = summary["simulatedHours"]
    print(f"{campaign.seeds} seeds, {len(violations)} violations, {hours} simulated hours in {wall_s:.1f} s")
    never = ", ".join(campaign.never()) or "nothing"
    print(f"faults that struck: {sum(campaign.faults.values())}; never seen: {never}")


if __name__ == "__main__":
    sys.exit(main())
