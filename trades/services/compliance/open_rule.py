"""Add a compliance rule: it stands switched off, and a second person switches it on (reference/four_eyes.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import IntegrityError, transaction

from reference.core.actor import Actor
from reference.four_eyes import propose_change
from reference.models import Proposal
from reference.refusals import CodeTaken
from trades.models import ComplianceRule, RuleKind
from trades.models.compliance_rule import CODE
from trades.refusals.compliance import RuleMalformed
from trades.services.compliance.change_rules import RULE_KIND, expect_well_formed


@dataclass(frozen=True)
class NewRule:
    """A rule to add. parameters: those of its kind, amounts in EUR cents; where something is None it holds for all."""

    code: str
    name: str
    kind: str
    action: str
    valid_from: date
    security_id: int | None = None
    client_id: int | None = None
    participant_id: int | None = None
    parameters: Mapping[str, int | None] = field(default_factory=dict)


def propose_new_rule(*, rule: NewRule, actor: Actor, at: datetime, business_date: date) -> Proposal:
    """Add a rule that finds nothing yet, and propose that it comes into force.

    What nobody approves stays switched off. Raises RuleMalformed, CodeTaken, and what propose_change refuses.
    """
    if not re.fullmatch(CODE, rule.code):
        raise RuleMalformed("A code is 2 to 30 capitals, digits and hyphens, a letter first.", pointer="/code")
    if not 0 < len(rule.name.strip()) <= 120:
        raise RuleMalformed("Give the rule a name of at most 120 characters.", pointer="/name")
    if rule.kind not in RuleKind.values:
        raise RuleMalformed("There is no such kind of rule.", pointer="/kind")
    row = ComplianceRule(
        code=rule.code, name=rule.name.strip(), kind=rule.kind, action=rule.action, active=False,
        valid_from=rule.valid_from, security_id=rule.security_id, client_id=rule.client_id,
        participant_id=rule.participant_id, **rule.parameters,
    )  # fmt: skip
    expect_well_formed(rule=row, changes={"action": rule.action, **rule.parameters})
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "trades_compliancerule_code" in str(error):
                raise CodeTaken(pointer="/code") from error
            raise
        return propose_change(
            kind=RULE_KIND, subject_id=row.pk, subject=row.code, participant_id=None, after={"active": True},
            summary=f"New compliance rule {row.code}", actor=actor, at=at, business_date=business_date,
        )  # fmt: skip
