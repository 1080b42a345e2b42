"""Every metric there is: its name, kind, labels, and what it says. The dashboard and the alerts name no other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric moves: a gauge both ways, a counter up, a histogram up in buckets of seconds."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as /metrics describes it. A counter's samples end in _total."""

    kind: Kind
    text: str
    labels: tuple[str, ...] = ()


GAUGE, COUNTER, HISTOGRAM = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM

METRICS: dict[str, Described] = {
    "fmi_build_info": Described(GAUGE, "1; the version that answers.", ("version",)),
    # What processes count.
    "fmi_http_requests": Described(COUNTER, "Requests answered.", ("method", "route", "status")),
    "fmi_http_request_seconds": Described(HISTOGRAM, "Time to the head of the answer.", ("method", "route")),
    "fmi_refusals": Described(COUNTER, "Problem documents and refused pages, by the refusal's code.", ("code",)),
    "fmi_rate_limit_denials": Described(COUNTER, "Requests answered 429.", ("door",)),
    "fmi_rate_limits_uncounted": Described(COUNTER, "Let through by limits and waits, for Valkey did not answer."),
    "fmi_tasks": Described(COUNTER, "Tasks ended; LOST: the process died, or its time ran out.", ("task", "state")),
    "fmi_task_seconds": Described(HISTOGRAM, "Time that a Celery task took.", ("task",)),
    # The business day.
    "fmi_business_date_timestamp_seconds": Described(GAUGE, "The business date, as midnight UTC in Unix time."),
    "fmi_business_clock_running": Described(GAUGE, "1 while business time runs by itself."),
    "fmi_business_phase": Described(GAUGE, "1 for the phase that the day is in.", ("phase",)),
    "fmi_business_steps": Described(GAUGE, "Steps of the business date, by state.", ("state",)),
    # Counts per state, of the business date.
    "fmi_trades": Described(GAUGE, "Trade reports captured on the business date, by state.", ("status",)),
    "fmi_orders": Described(GAUGE, "Orders of the business date, by state.", ("status",)),
    "fmi_obligations": Described(GAUGE, "Obligations that settle on the business date, by state.", ("status",)),
    "fmi_instructions": Described(GAUGE, "Instructions intended for the business date, by state.", ("status",)),
    "fmi_submission_lines": Described(GAUGE, "Lines of the business date's bulk captures, by outcome.", ("outcome",)),
    # What waits, of any date, and how long the oldest has waited in business time.
    "fmi_waiting": Described(GAUGE, "How many wait, of any date.", ("what",)),
    "fmi_waiting_oldest_seconds": Described(GAUGE, "Business time since the oldest of them began to wait.", ("what",)),
    # Settlement and clearing.
    "fmi_cycles": Described(GAUGE, "Settlement cycles of the business date."),
    "fmi_cycle_last_seconds": Described(GAUGE, "What the last cycle took; of it, what deciding took.", ("part",)),
    "fmi_cycle_longest_seconds": Described(GAUGE, "The longest cycle of the business date."),
    "fmi_settlement_efficiency_ratio": Described(GAUGE, "Of the value due today, what settled.", ("currency",)),
    "fmi_netting_efficiency_ratio": Described(GAUGE, "Value netted away on the business date.", ("currency",)),
    "fmi_margin_shortfall_minor": Described(GAUGE, "Margin beyond the collateral, all members.", ("currency",)),
    "fmi_margin_short_members": Described(GAUGE, "Members whose collateral is below their margin."),
    "fmi_margin_calls_open_minor": Described(GAUGE, "What is called and unpaid.", ("currency", "status")),
    "fmi_margin_calls": Described(GAUGE, "Open calls.", ("status",)),
    # Events, webhooks, audit.
    "fmi_outbox_waiting": Described(GAUGE, "Facts that wait: to wake tasks, to be published as events.", ("sink",)),
    "fmi_outbox_oldest_seconds": Described(GAUGE, "How long the oldest of them has waited.", ("sink",)),
    "fmi_events_published": Described(GAUGE, "The last position among the published events."),
    "fmi_consumer_behind": Described(GAUGE, "Events between a consumer's position and the last one.", ("consumer",)),
    "fmi_dead_letters": Described(GAUGE, "Deliveries given up, until they are replayed."),
    "fmi_consumer_dead_letters": Described(GAUGE, "Of them, each consumer's.", ("consumer",)),
    "fmi_webhooks": Described(GAUGE, "Webhook subscriptions, by state.", ("state",)),
    "fmi_webhook_deliveries": Described(GAUGE, "Webhook deliveries that are not done, by state.", ("state",)),
    "fmi_webhook_oldest_seconds": Described(GAUGE, "How long ago the oldest delivery that waits was made."),
    "fmi_webhook_overdue_seconds": Described(GAUGE, "How long the sender has left alone what may be sent."),
    "fmi_webhook_attempts": Described(GAUGE, "Attempts of the last five minutes, by what came of them.", ("result",)),
    "fmi_audit_unsealed_records": Described(GAUGE, "Audit records that wait for their seal."),
    "fmi_audit_unsealed_oldest_seconds": Described(GAUGE, "How long the oldest of them has waited."),
    "fmi_audit_unverified_seconds": Described(GAUGE, "How long ago the audit log was last verified."),
    "fmi_audit_in_doubt": Described(GAUGE, "1 while the last verification of the audit log has found a fault."),
    # The machinery.
    "fmi_ready": Described(GAUGE, "1 where /ready says that this part is in order.", ("part",)),
    "fmi_queue_messages": Described(GAUGE, "Celery messages that no worker has taken yet."),
    "fmi_figures_seconds": Described(GAUGE, "What reading a group of these figures took.", ("group",)),
    "fmi_figures_failed": Described(GAUGE, "1 while a group of these figures cannot be read.", ("group",)),
}
