"""Every message and value type that hosts and actors exchange. Import from here; the modules are an arrangement."""

from messages.base import Message
from messages.commands import (
    CancelOrder,
    CancelVenueOrder,
    CreateDraft,
    DiscardDraft,
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchServerTime,
    LookUpOrder,
    PlaceOrder,
    ResolveReview,
    SearchOrder,
    SubmitDraft,
    SubmitOrder,
    VenueRequest,
)
