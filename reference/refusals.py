"""The base class of every named refusal in the house, and the list of all of them.

A refusal is a request that the rules do not allow. Its class says which rule: `code` is stable and
ends the RFC 9457 problem type, `status` is the HTTP status, and the docstring is the default message.
"""

import inspect
import re
from typing import Any, ClassVar

CODE_SHAPE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
UNAVAILABLE = 503
# How long to wait before asking again for what is not there just now.
UNAVAILABLE_SECONDS = 2

_REGISTRY: dict[str, type["Refusal"]] = {}


class Refusal(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422
    # Whether what was done before it was raised stands: the refusal tells of something that was kept.
    keeps_effect: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, pointer: str | None = None, **extra: Any) -> None:
        """Say why.

        message: what to tell the user, the class's docstring when None.
        pointer: RFC 6901 JSON pointer to the offending field ("/isin", "/3/price_amount"), or None.
        extra: further members of the problem document; JSON-serialisable.
        """
        self.message = default_message(type(self)) if message is None else message
        self.pointer = pointer
        self.extra: dict[str, Any] = extra
        super().__init__(self.message)

    def headers(self) -> dict[str, str]:
        """Return the header fields of the answer: how long to wait, with `retry_after_seconds` and with every 503."""
        seconds = self.extra.get("retry_after_seconds", UNAVAILABLE_SECONDS if self.status == UNAVAILABLE else None)
        return {} if seconds is None else {"Retry-After": str(seconds)}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under its own code; a subclass without one groups others."""
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return
        if not CODE_SHAPE.fullmatch(cls.code):
            raise TypeError(f"{cls.__qualname__}.code {cls.code!r} is not kebab-case")
        other = _REGISTRY.get(cls.code)
        if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__qualname__} and {other.__qualname__} have the same code {cls.code!r}")
        _REGISTRY[cls.code] = cls

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with its pointer and extra members, as a worker's result needs it."""
        return _rebuild, (type(self), self.message, self.pointer, self.extra)


def _rebuild(kind: type[Refusal], message: str, pointer: str | None, extra: dict[str, Any]) -> Refusal:
    """Make the refusal again from its parts."""
    return kind(message, pointer=pointer, **extra)


def default_message(kind: type[Refusal]) -> str:
    """Return the first paragraph of the class's docstring, on one line."""
    text = inspect.cleandoc(kind.__doc__ or "The request was refused.")
    return " ".join(text.split("\n\n")[0].split())


def all_refusals() -> dict[str, type[Refusal]]:
    """Return every refusal whose module has been imported, by code and in the order of the codes."""
    return dict(sorted(_REGISTRY.items()))


class UnknownParticipant(Refusal):
    """No participant has this code."""

    code = "unknown-participant"


class UnknownSecurity(Refusal):
    """No security has this ISIN."""

    code = "unknown-security"


class UnknownCurrency(Refusal):
    """No currency has this code."""

    code = "unknown-currency"


class BusinessClockNotSet(Refusal):
    """The business clock has not been set: load the reference data first."""

    code = "business-clock-not-set"
    status = 503


class BusinessTimeGoesBack(Refusal):
    """Business time never goes back."""

    code = "business-time-goes-back"
    status = 409


class NaiveTime(Refusal):
    """A business time needs a time zone."""

    code = "naive-time"


class ReferenceFileInvalid(Refusal):
    """A reference data file holds a row that breaks the rules."""

    code = "reference-file-invalid"


class UnknownProposal(Refusal):
    """There is no such proposal."""

    code = "unknown-proposal"
    status = 404


class UnknownProposalKind(Refusal):
    """Nothing of this kind can be proposed."""

    code = "unknown-proposal-kind"


class ProposalNotYours(Refusal):
    """Only an operator, or a login of the participant concerned, proposes and decides here."""

    code = "proposal-not-yours"
    status = 403


class OwnProposalNotApprovable(Refusal):
    """Whoever proposed a change does not decide it: it takes a second person."""

    code = "own-proposal-not-approvable"
    status = 409


class ProposalExpired(Refusal):
    """Nobody decided the proposal in time; propose the change anew."""

    code = "proposal-expired"
    status = 409


class ProposalAlreadyDecided(Refusal):
    """The proposal was decided already."""

    code = "proposal-already-decided"
    status = 409


class ProposalStale(Refusal):
    """What the proposal would change has changed since it was made; propose the change anew."""

    code = "proposal-stale"
    status = 409


class ProposalAlreadyOpen(Refusal):
    """A proposal of this kind waits for a decision on this subject already."""

    code = "proposal-already-open"
    status = 409


class ProposalChangesNothing(Refusal):
    """What is proposed stands already."""

    code = "proposal-changes-nothing"


class ProposalNeedsAReason(Refusal):
    """Say why the proposal is rejected."""

    code = "proposal-needs-a-reason"


class CodeTaken(Refusal):
    """Another one has this code."""

    code = "code-taken"
    status = 409


class StaticDataInvalid(Refusal):
    """The table's rules do not allow this value."""

    code = "static-data-invalid"


class InfrastructureStaysActive(Refusal):
    """The CCP, the CSD, the central bank and the venues stay active: the market does not work without them."""

    code = "infrastructure-stays-active"
    status = 409


class OthersClearThroughIt(Refusal):
    """Others clear through this member: give them another one first."""

    code = "others-clear-through-it"
    status = 409


class CurrencyStays(Refusal):
    """A currency stays: balances and trades are kept in it for ever."""

    code = "currency-stays"
    status = 409


class IdempotencyKeyMissing(Refusal):
    """Where money or securities move, an Idempotency-Key is needed: asked again under it, they move once."""

    code = "idempotency-key-missing"
    status = 400


class IdempotencyKeyMalformed(Refusal):
    """An Idempotency-Key is 1 to 255 printable ASCII characters, with or without quotation marks."""

    code = "idempotency-key-malformed"
    status = 400


class IdempotencyKeyReused(Refusal):
    """Another request was made under this Idempotency-Key: a key stands for one method, address and body."""

    code = "idempotency-key-reused"


class IdempotencyKeyInFlight(Refusal):
    """A request under this Idempotency-Key is under way: ask again when it is done."""

    code = "idempotency-key-in-flight"
    status = 409


class AnswerNotKept(Refusal):
    """It was done under the same Idempotency-Key already; its answer held a secret, of which nothing is kept."""

    code = "answer-not-kept"
    status = 409


class PreconditionFailed(Refusal):
    """It is no longer as you read it: somebody has changed it since. Read it again, and decide again.

    `etag` is the one that it has now.
    """

    code = "precondition-failed"
    status = 412


class PreconditionMalformed(Refusal):
    """If-Match is `*` or a list of ETags, each in quotation marks, as the answer to a read gave them."""

    code = "precondition-malformed"
    status = 400


class PreconditionNotTaken(Refusal):
    """An operation that takes no If-Match was sent one: there is no one thing, read before, that it changes."""

    code = "precondition-not-taken"
    status = 400
