"""Change a compliance rule: one person proposes, another approves (reference/four_eyes.py)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from reference.core.actor import Actor
from reference.four_eyes import Decision, Difference, ProposalKind, propose_change
from reference.models import Proposal
from trades.models import ComplianceRule, RuleAction
from trades.models.compliance_rule import ALL_PARAMETERS, NEEDS_ALL, PARAMETERS, RANGES
from trades.queries.compliance import figures_of, scope_of
from trades.refusals.compliance import RuleMalformed, UnknownRule

RULE_KIND = "compliance-rule"
CHANGEABLE = ("action", "active", *ALL_PARAMETERS)
LABELS = {
    "action": "Action", "active": "In force", "volume_percent": "Of the average volume, %",
    "ceiling_minor": "Highest notional, EUR",
    "collar_bp": "From the quote, bp", "close_collar_bp": "From the close, bp",
    "window_minutes": "Minutes", "tolerance_bp": "Prices apart, bp", "share_percent": "Of the portfolio, %",
    "least_minor": "Looked at from, EUR",
}  # fmt: skip


def propose_rule(
    *, rule_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Proposal:
    """Propose new values of a rule: action, active and the parameters of its kind; None takes a parameter away.

    Raises UnknownRule, RuleMalformed, and what propose_change refuses.
    """
    rule = ComplianceRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise UnknownRule
    expect_well_formed(rule=rule, changes=changes)
    return propose_change(
        kind=RULE_KIND, subject_id=rule.pk, subject=rule.code, participant_id=None, after=dict(changes),
        summary=f"Compliance rule {rule.code}", actor=actor, at=at, business_date=business_date,
    )  # fmt: skip


def expect_well_formed(*, rule: ComplianceRule, changes: Mapping[str, Any]) -> None:
    """Say what the database would refuse, by field."""
    own = PARAMETERS[rule.kind]
    for name, value in changes.items():
        if name not in CHANGEABLE or (name in ALL_PARAMETERS and name not in own):
            raise RuleMalformed(f"A rule of this kind has no {name.replace('_', ' ')}.", pointer=f"/{name}")
        if name in RANGES and value is not None and not RANGES[name][0] <= value <= RANGES[name][1]:
            least, most = RANGES[name]
            raise RuleMalformed(f"{LABELS[name]} lies between {least:,} and {most:,}.", pointer=f"/{name}")
        if name == "action" and value not in RuleAction.values:
            raise RuleMalformed("An action is PASS, WARN or REJECT.", pointer="/action")
    after = [changes.get(name, getattr(rule, name)) for name in own]
    given = [value is not None for value in after]
    if own and not (all(given) if rule.kind in NEEDS_ALL else any(given)):
        raise RuleMalformed("The rule would have nothing to measure against.", pointer=f"/{own[0]}")


def _read(subject_id: int) -> dict[str, Any]:
    """Return a rule's values as a proposal holds them, the rule locked. Raises UnknownRule."""
    rule = ComplianceRule.objects.select_for_update().filter(pk=subject_id).first()
    if rule is None:
        raise UnknownRule
    return {name: getattr(rule, name) for name in CHANGEABLE}


def _carry_out(proposal: Proposal, decision: Decision) -> None:
    """Write the approved values, and by which proposal: the database compares the two."""
    ComplianceRule.objects.filter(pk=proposal.subject_id).update(**proposal.after, proposal=proposal)


def _describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say what each would change; of one that would switch a rule on, while it waits, also what the rule does."""
    switched_on = [row.subject_id for row in proposals if row.status == "PROPOSED" and row.after.get("active")]
    rules = ComplianceRule.objects.select_related("security", "client", "participant").in_bulk(switched_on)
    return [
        [
            Difference(LABELS[name], _in_words(name, proposal.before[name]), _in_words(name, proposal.after[name]))
            for name in proposal.after
        ]
        + ([_what_it_does(rules[proposal.subject_id])] if proposal.subject_id in rules else [])
        for proposal in proposals
    ]


def _what_it_does(rule: ComplianceRule) -> Difference:
    """Say what a rule that is switched off would do."""
    does = f"{rule.get_action_display()}; {figures_of(rule=rule)}; for {scope_of(rule=rule)}, from {rule.valid_from}"
    return Difference("Finds", "nothing", does)


def _in_words(name: str, value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_minor"):
        return f"{value / 100:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value).lower()


RULES = ProposalKind(
    subject_type="compliance-rule",
    title="Compliance rule",
    page="compliance-rule",
    read=_read,
    carry_out=_carry_out,
    describe=_describe,
)
