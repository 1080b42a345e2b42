"""What capture, matching and cancellation refuse, by name."""

from reference.refusals import Refusal


class ReportRefused(Refusal):
    """The trade report breaks one or more rules."""

    code = "trade-report-refused"


class MalformedReport(Refusal):
    """The report cannot be read."""

    code = "malformed-report"
    status = 400


class TradeIdReused(Refusal):
    """A trade with this trade_id stands already, with other content."""

    code = "trade-id-reused"
    status = 409


class UnknownTrade(Refusal):
    """There is no such trade."""

    code = "unknown-trade"
    status = 404


class UnknownSubmission(Refusal):
    """There is no such submission."""

    code = "unknown-submission"
    status = 404


class TradeNotCancellable(Refusal):
    """The trade has gone too far to be cancelled."""

    code = "trade-not-cancellable"
    status = 409


class MissingColumn(Refusal):
    """The file lacks a column that every report needs."""

    code = "missing-column"


class UnknownColumn(Refusal):
    """The file has a column that no report has."""

    code = "unknown-column"


class BrokenEncoding(Refusal):
    """The input is not valid UTF-8."""

    code = "broken-encoding"
    status = 400


class BodyTooLarge(Refusal):
    """The body is larger than the limit."""

    code = "body-too-large"
    status = 413


class SubmissionNotContinued(Refusal):
    """What was captured under this Idempotency-Key was cut otherwise than now; send the rest under a new key."""

    code = "submission-not-continued"
    status = 409
