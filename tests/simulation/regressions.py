"""Seeds that once showed a bug, with a line of what it was. They run with every test run.

Those of earlier builds run as plain runs: without the hosts and settings that those builds did not have.
"""

REGRESSIONS: dict[int, str] = {
    2: "a look-up that died with the exchange actor was never asked again",
    3: "an alert was committed for no account",
    6: "the fill timers of a loaded account waited for the commit of its first section",
    13: "a fill timeout ran from the commit of the fill instead of from the fill",
    18: "a GTT order that the venue rejected was called expired",
    45: "a cancel that died with the exchange actor was never sent again",
    57: "a restarted account was fenced out by its own earlier sections in the same group",
    498: "what an account held beyond its fills was read while some were not booked, and the position drifted for ever",
    1019: "a cancel refused because it overtook its placement was never sent again",
    1101: "an order found by its execution stayed in verification for ever",
    1120: "a request was placed again after its order was rejected with an execution",
    1393: "the end of a GTT order was forgotten with a refused cancel",
    3423: "a request whose id was held by a draft waited for an answer for ever",
    3692: "an order that ended here, proven never placed, was read again for ever and put into review",
}

AWARENESS_REGRESSIONS: dict[int, str] = {
    13: "a replacement that waited was no order of its minute",
    46: "a restart cancelled what the kill switch had been told to leave",
    91: "an order that was forgotten by the privacy settings came back with every restart",
    87: "a replacement that had executed nothing and was forgotten came back with a restart",
    102: "a replacement that was forgotten came back with a restart",
    107: "an earlier order of a request made again was forgotten and came back with a restart",
    120: "an order placed by hand that was forgotten came back with a restart",
    130: "an order proven not placed was sent again while the kill switch was on",
    159: "an order was not found by its first id after its replacement was replaced before it was placed",
    262: "an execution of a forgotten order was parked, and its order was taken in anew",
    305: "the change of a replacement was told done before the venue was asked",
}
"""The same with everything on."""
