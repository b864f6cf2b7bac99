"""One alias per actor: the line is its public protocol. Messages an actor sends to itself live in its own module."""

from typing import TypeAlias

from messages.commands import (
    CancelAll,
    CancelOrder,
    CancelOrders,
    CheckParity,
    ClaimOrder,
    ClosePosition,
    CreateDraft,
    DiscardDraft,
    Logout,
    ModifyOrder,
    ResolveReview,
    SetKillSwitch,
    SubmitDraft,
    SubmitOrder,
    SyncOpenOrders,
    VenueRequest,
)
from messages.control import (
    AccountLeft,
    CancelClose,
    ChildFailed,
    CloseAsked,
    CloseBegun,
    CloseEnded,
    CloseMet,
    CloseNotBegun,
    Committed,
    FillTimeoutDue,
    FillTimerDropped,
    FillTimerWanted,
    HoldingCompared,
    HoldingReported,
    Ping,
    PlaceClose,
    ReportCommand,
    ReportFillTimers,
    ReportUnresolved,
    StoreAvailability,
    VerificationDue,
    VerificationEnded,
    VerificationRequested,
)
from messages.reports import CallReport, VenueReport

HostCommand: TypeAlias = (
    SubmitOrder
    | CreateDraft
    | SubmitDraft
    | DiscardDraft
    | ModifyOrder
    | CancelOrder
    | CancelOrders
    | CancelAll
    | ClosePosition
    | ClaimOrder
    | ResolveReview
    | SyncOpenOrders
    | CheckParity
    | SetKillSwitch
    | Logout
)

AccountInbox: TypeAlias = (
    HostCommand
    | VenueReport
    | Committed
    | StoreAvailability
    | VerificationDue
    | ReportUnresolved
    | FillTimeoutDue
    | ReportFillTimers
    | PlaceClose
    | CloseMet
    | CancelClose
    | HoldingCompared
    | ReportCommand
    | ChildFailed
    | Ping
)
ExchangeInbox: TypeAlias = VenueRequest | CallReport | Ping
VerificationInbox: TypeAlias = VerificationRequested | VerificationEnded | AccountLeft | Ping
FillTimeoutInbox: TypeAlias = FillTimerWanted | FillTimerDropped | AccountLeft | Ping
PositionInbox: TypeAlias = CloseAsked | CloseBegun | CloseNotBegun | CloseEnded | HoldingReported | Ping
