"""Why a webhook, or a change of one, was refused."""

from reference.refusals import Refusal


class UnknownWebhook(Refusal):
    """There is no such webhook."""

    code = "unknown-webhook"
    status = 404


class UnknownDelivery(Refusal):
    """The webhook has no such delivery."""

    code = "unknown-delivery"
    status = 404


class WebhookNotYours(Refusal):
    """A webhook is changed by those whose events it sends; an operator may switch it off and on, and send again."""

    code = "webhook-not-yours"
    status = 403


class TooManyWebhooks(Refusal):
    """A participant, or an operator's or auditor's login, has at most 20 webhooks; remove one first."""

    code = "too-many-webhooks"
    status = 409


class WebhookAddressRefused(Refusal):
    """Webhooks are not sent to this address."""

    code = "webhook-address-refused"


class UnknownEvent(Refusal):
    """There is no event of this name."""

    code = "unknown-event"


class WebhookSwitchedOff(Refusal):
    """The webhook is switched off; switch it on first."""

    code = "webhook-switched-off"
    status = 409


class DeliveryUnderWay(Refusal):
    """The delivery is not over yet: it is tried by itself."""

    code = "delivery-under-way"
    status = 409


class GraceTooLong(Refusal):
    """The old secret signs beside the new one for a week at most."""

    code = "grace-too-long"


class TooManyOwnStreams(Refusal):
    """A key, or a login, follows events by at most 20 streams at once; close one first."""

    code = "too-many-own-streams"
    status = 429


class PositionNotReached(Refusal):
    """No event has come so far: the position is of another history. Read the events anew, from position 0."""

    code = "position-not-reached"
    status = 409
