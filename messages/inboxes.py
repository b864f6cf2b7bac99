"""One alias per actor: the line is its public protocol. Messages an actor sends to itself live in its own module."""

from typing import TypeAlias

from messages.commands import (
    CancelOrder,
    CreateDraft,
    DiscardDraft,
    ResolveReview,
    SubmitDraft,
    SubmitOrder,
    VenueRequest,
)
from messages.control import (
    AccountLeft,
    ChildFailed,
    Committed,
    Ping,
    ReportCommand,
    ReportUnresolved,
    StoreAvailability,
    VerificationDue,
    VerificationEnded,
    VerificationRequested,
)
from messages.reports import CallReport, StreamReport, VenueReport

HostCommand: TypeAlias = SubmitOrder | CreateDraft | SubmitDraft | DiscardDraft | CancelOrder | ResolveReview

AccountInbox: TypeAlias = (
    HostCommand
    | VenueReport
    | Committed
    | StoreAvailability
    | VerificationDue
    | ReportUnresolved
    | ReportCommand
    | ChildFailed
    | Ping
)
ExchangeInbox: TypeAlias = VenueRequest | CallReport | StreamReport | Ping
VerificationInbox: TypeAlias = VerificationRequested | VerificationEnded | AccountLeft | Ping
