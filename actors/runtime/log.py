"""Log lines of the kernel, bound with address and correlation id, and the redaction of secrets.

Write-only: nothing reads a log to decide. Must never: configure a sink (the program does that, a library has no right
to), or let a secret through.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from loguru import Logger

_HIDDEN = "***"
_TELLTALE = (
    r"[\w-]*(?:api[-_]?key|api[-_]?secret|secret|passphrase|password|signature|listen[-_]?key|token|mbx-apikey)[\w-]*"
)
# A name that speaks of a secret, then `=` or `:`, then the value: query strings, headers, JSON, reprs.
_NAMED_SECRET = re.compile(rf"""(?i)(["']?{_TELLTALE}["']?\s*[=:]\s*["']?)([^\s"'&,;)}}\]]+)""")
_AUTHORIZATION = re.compile(r"""(?i)(authorization["']?\s*[=:]\s*["']?(?:\w+\s+)?)([^\s"'&,;)}\]]+)""")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)([^@\s/]+)(@)")


def redact(text: str) -> str:
    """The text without the values of anything named like a secret."""
    text = _NAMED_SECRET.sub(rf"\1{_HIDDEN}", text)
    text = _AUTHORIZATION.sub(rf"\1{_HIDDEN}", text)
    return _URL_PASSWORD.sub(rf"\1{_HIDDEN}\3", text)


def redacting(write: Callable[[str], object], secrets: Iterable[str] = ()) -> Callable[[str], None]:
    """A log sink in front of another: hides named secrets, and these very values wherever they stand."""
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def sink(text: str) -> None:
        line = str(text)
        for secret in known:
            line = line.replace(secret, _HIDDEN)
        write(redact(line))

    return sink


def bound(address: str, correlation_id: str = "") -> "Logger":
    """The logger of one actor, for one workflow."""
    return logger.bind(address=address, correlation_id=correlation_id)


def state_changed(
    address: str, correlation_id: str, *, order_id: str, from_state: str, to_state: str, trigger: str
) -> None:
    """One line per change of an order's state."""
    bound(address, correlation_id).bind(
        order_id=order_id, from_state=from_state, to_state=to_state, trigger=trigger
    ).info("order state changed")


def actor_failed(address: str, error: BaseException, handling: str) -> None:
    """An actor stopped because of an error."""
    text = redact(f"{type(error).__name__}: {error}")
    bound(address).bind(handling=handling, error=text).error("actor failed")


def unexpected_message(address: str, name: str) -> None:
    """A message arrived that is not in the actor's protocol."""
    bound(address).bind(received=name).warning("unexpected message")


def actor_overdue(address: str, handling: str, age_ms: int, stack: str) -> None:
    """A message has been handled for too long."""
    bound(address).bind(handling=handling, age_ms=age_ms, stack=stack).error("actor message overdue")


def subscriber_failed(event: str, error: BaseException) -> None:
    """A host's event handler raised."""
    logger.bind(event=event).opt(exception=error).error("event handler failed")
