"""One truth, several places: what must agree with what, read from the live database and the live registries."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Mapping

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Field, Model

from clearing.core import call_lifecycle, default_lifecycle, membership_lifecycle
from clearing.models import AuctionLot, DefaultCase, MarginCall, Membership
from events.contracts import Fact
from fmi.business_day import find_task
from fmi.celery import app
from fmi.flow import DAY, FLOW, SWEEP
from fmi.invariants import INVARIANTS
from reference.core import proposal_lifecycle
from reference.core.limits import LARGEST_AMOUNT
from reference.models import Proposal
from settlement.core import corporate_actions, credit_lifecycle, party_lifecycle
from settlement.core import lifecycle as instruction_lifecycle
from settlement.models import CorporateAction, CreditDraw, Instruction, PartyInstruction, ScheduledStep, StepAction
from settlement.services.load_schedule import load_schedule
from trades.core import client_lifecycle
from trades.core import lifecycle as trade_lifecycle
from trades.core.matching import OpenReport
from trades.core.parsing import FIELD_TYPES
from trades.core.problems import PROBLEM_TYPES
from trades.core.report import ResolvedReport
from trades.models import Client as OrderClient
from trades.models import Match, Trade
from trades.services import copy_trades, match_trades
from trades.services.capture_trades import STAGED_NAMES

pytestmark = pytest.mark.django_db

MACHINES = [
    pytest.param(Trade, trade_lifecycle.TradeStatus, trade_lifecycle.TRANSITIONS, id="trade"),
    pytest.param(
        Instruction,
        instruction_lifecycle.InstructionStatus,
        instruction_lifecycle.TRANSITIONS,
        id="instruction",
    ),
    pytest.param(
        CorporateAction,
        corporate_actions.CorporateActionStatus,
        corporate_actions.ACTION_TRANSITIONS,
        id="corporate action",
    ),
    pytest.param(MarginCall, call_lifecycle.CallStatus, call_lifecycle.TRANSITIONS, id="margin call"),
    pytest.param(DefaultCase, default_lifecycle.CaseStatus, default_lifecycle.CASE_TRANSITIONS, id="default case"),
    pytest.param(AuctionLot, default_lifecycle.LotStatus, default_lifecycle.LOT_TRANSITIONS, id="auction lot"),
    pytest.param(Membership, membership_lifecycle.MembershipStatus, membership_lifecycle.TRANSITIONS, id="membership"),
    pytest.param(CreditDraw, credit_lifecycle.CreditStatus, credit_lifecycle.TRANSITIONS, id="credit"),
    pytest.param(Proposal, proposal_lifecycle.ProposalStatus, proposal_lifecycle.PROPOSAL_TRANSITIONS, id="proposal"),
    pytest.param(OrderClient, client_lifecycle.ClientStatus, client_lifecycle.CLIENT_TRANSITIONS, id="client"),
    pytest.param(
        PartyInstruction,
        party_lifecycle.PartyStatus,
        party_lifecycle.PARTY_TRANSITIONS,
        id="party instruction",
    ),
]


def query(sql: str, *parameters: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


@pytest.mark.parametrize(("model", "states", "transitions"), MACHINES)
def test_choices_and_check_constraint_hold_the_states(
    model: type[Model], states: type[trade_lifecycle.TradeStatus], transitions: Mapping[str, frozenset[str]]
) -> None:
    names = {str(state) for state in states}
    field = model._meta.get_field("status")
    assert isinstance(field, Field)
    assert {str(value) for value, _ in field.choices or ()} == names == {str(state) for state in transitions}
    assert max(map(len, names)) <= (field.max_length or 0)
    definition = query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
        " AND conname LIKE '%%_status'",
        model._meta.db_table,
    )
    assert len(definition) == 1
    assert set(re.findall(r"'([A-Z]+)'", str(definition[0][0]))) == names


@pytest.mark.parametrize(("model", "states", "transitions"), MACHINES)
def test_the_database_trigger_holds_the_transition_table(
    model: type[Model], states: type[trade_lifecycle.TradeStatus], transitions: Mapping[str, frozenset[str]]
) -> None:
    """Read the legal steps out of the trigger's own definition in pg_catalog."""
    rows = query(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
        " AND tgname LIKE '%%legal_step%%' AND tgenabled = 'O'",
        model._meta.db_table,
    )
    assert len(rows) == 1
    pattern = r"\(old\.status\)::text <> '([A-Z]+)'::text\) OR \(\(new\.status\)::text <> '([A-Z]+)'::text\)"
    in_database = set(re.findall(pattern, str(rows[0][0])))
    in_table = {(str(before), str(after)) for before, afters in transitions.items() for after in afters}
    assert in_database == in_table
    assert in_table < set(itertools.product(map(str, states), repeat=2))


def facts() -> set[type[Fact]]:
    """Return every contract of every app."""
    for config in apps.get_app_configs():
        if importlib.util.find_spec(f"{config.name}.contracts") is not None:
            importlib.import_module(f"{config.name}.contracts")
    # A test may define contracts of its own.
    return {fact for fact in Fact.__subclasses__() if not fact.__module__.startswith("tests.")}


def test_the_flow_map_names_every_fact_and_no_other() -> None:
    assert set(FLOW) == {fact.__name__ for fact in facts()}
    assert all(fact.VERSION >= 1 for fact in facts())


def test_every_task_of_the_flow_the_day_and_the_sweep_is_registered() -> None:
    named = {name for names in (*FLOW.values(), *DAY.values(), SWEEP) for name in names}
    find_task("trades.match")
    assert named <= set(app.tasks)
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    beat = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert ours == named | beat, "a task that nothing starts, or that is started by a name it does not have"


def test_every_action_of_the_day_is_in_the_flow_map_and_in_the_schedule() -> None:
    load_schedule()
    assert set(DAY) == set(StepAction.values)
    assert set(ScheduledStep.objects.values_list("action", flat=True)) == set(DAY)
    first, *_, last = ScheduledStep.objects.order_by("day_offset", "time_of_day").values_list("action", flat=True)
    assert (first, last) == (StepAction.OPEN, StepAction.CLOSE)


def test_what_matching_compares_is_one_list_everywhere() -> None:
    """The match key's fields, the exact pairs' columns and the core's report."""
    key = list(copy_trades.MATCHED_FIELDS)
    compared = [
        [column.strip()[2:] for column in group.split(",")]
        for group in re.findall(r"\(([sb]\.buyer_id.*?)\)", match_trades.EXACT_PAIRS_SQL, re.DOTALL)
    ]
    assert compared == [key, key]
    assert set(OpenReport._fields) == {*key, "id", "side", "price"}
    assert set(key) < set(ResolvedReport._fields)


def test_capture_writes_every_column_of_a_trade() -> None:
    columns = {field.column for field in Trade._meta.concrete_fields}
    from_elsewhere = {"id", "status", "received_at", "business_date", "submission_id", "recorded_at"}
    assert columns == set(STAGED_NAMES) - {"line"} | from_elsewhere


def test_a_match_takes_its_rules_and_terms_from_known_columns() -> None:
    assert {rule for rule, _ in Match._meta.get_field("rule").choices or ()} == {
        "LOCKED_IN", "EXACT", "OPTIONAL", "TOLERANCE",
    }  # fmt: skip
    assert len(FIELD_TYPES["trade_id"].name) > 0
    assert Trade._meta.get_field("trade_id").max_length == 35


def test_the_largest_amount_is_the_same_in_the_core_and_in_the_database() -> None:
    rows = query("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'trade_not_absurd'")
    assert set(re.findall(r"\d{6,}", str(rows[0][0]))) == {str(LARGEST_AMOUNT)}


def test_every_trigger_declared_is_installed_and_enabled() -> None:
    declared = {
        (model._meta.db_table, trigger.get_pgid(model))
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", [])
    }
    installed = {
        (str(table), str(name))
        for table, name, enabled in query(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'pgtrigger_%%'"
        )
        if enabled == "O"
    }
    assert declared == installed
    assert len(declared) > 30


def test_the_installed_triggers_are_the_ones_the_models_would_install_now() -> None:
    """A trigger changed in the code without a migration would leave the old one in the database."""
    import pgtrigger
    from pgtrigger.core import INSTALLED

    outdated = [
        f"{model._meta.db_table}: {trigger.name}"
        for model, trigger in pgtrigger.registered()
        if trigger.get_installation_status(model)[0] != INSTALLED
    ]
    assert outdated == []


def test_every_reference_without_a_foreign_key_is_checked_by_its_statement() -> None:
    """A field with db_constraint=False is named in its table's references trigger, or written by one statement."""
    functions = {
        str(table): str(source)
        for table, source in query(
            "SELECT t.tgrelid::regclass::text, string_agg(p.prosrc, ' ') FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal GROUP BY 1"
        )
    }
    # The journal's trigger checks what it moves; test_raw_sql_attacks.py attacks each of its references.
    unchecked = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation
        and model._meta.db_table != "ledger_posting"
        and not getattr(field, "db_constraint", True)
        and not re.search(rf"{field.column} (FROM new_rows|IS NOT NULL)", functions.get(model._meta.db_table, ""))
    }
    # Copied from checked rows by the statement that writes them, and immutable from then on.
    assert unchecked == {
        "trades_match.security_id",
        "trades_match.currency_id",
        "clearing_obligation.security_id",
        "clearing_obligation.currency_id",
        "clearing_novation.netting_run_id",
        "settlement_attempt.instruction_id",
        "settlement_attempt.waits_for_id",
    }


def test_problem_codes_of_lines_and_of_refusals_do_not_contradict() -> None:
    from reference.refusals import all_refusals

    assert {"trade-id-reused", "malformed-report", "date-outside-calendar"} <= set(PROBLEM_TYPES)
    assert {"trade-id-reused", "malformed-report", "date-outside-calendar"} <= set(all_refusals())


def test_the_invariants_the_issue_names_are_checked() -> None:
    names = " | ".join(INVARIANTS)
    for wanted in (
        "sum per asset zero", "balance equals the sum of its postings", "every journal entry balanced",
        "no restricted balance below its limit", "cash leg if and only if securities leg",
        "each report in at most one match", "trade status agrees with its obligations",
    ):  # fmt: skip
        assert wanted in names
