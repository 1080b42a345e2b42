"""One audit record with its seal and its proof, and the page of the seals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.core.cache import cache

from tests.pages.reading import get_csv, get_text, links_of

if TYPE_CHECKING:
    from django.test import Client


def seal_all() -> None:
    from django.conf import settings
    from django.utils import timezone

    from events.services.seal import seal_records
    from events.services.verify import signing_key

    assert seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now()).fault == ""


def test_one_correlation_id_shows_all_that_followed(operator: Client, alpha: Client) -> None:
    from uuid import UUID

    from events.models import AuditRecord
    from events.services.audit import record_action
    from reference.core.actor import SYSTEM
    from reference.origin import Door, Origin, acting_from
    from reference.queries import business_clock

    clock = business_clock()
    for door, client in ((Door.API, "key-7"), (Door.TASK, "trades.match")):
        with acting_from(Origin(door=door, address="192.0.2.7", client=client, correlation_id=UUID(int=9))):
            record_action(
                actor=SYSTEM, action="thing.changed", at=clock.at, business_date=clock.business_date,
                summary=f"by {client}", detail={"limit": {"before": 5, "after": 6}, "why": "asked"},
            )  # fmt: skip
    rows = get_csv(operator, f"/audit/?correlation_id={UUID(int=9)}&format=csv")
    assert [(row["door"], row["client"], row["address"]) for row in rows] == [
        ("TASK", "trades.match", "192.0.2.7"), ("API", "key-7", "192.0.2.7"),
    ]  # fmt: skip
    assert len(get_csv(operator, "/audit/?client=key-7&format=csv")) == 1
    assert len(get_csv(operator, "/audit/?door=TASK&action=thing.&format=csv")) == 1
    record = AuditRecord.objects.get(client="key-7")
    address = f"/audit/{record.pk}/"
    assert address in links_of(operator, "/audit/?client=key-7")
    text = get_text(operator, address)
    assert "limit 5 6" in text
    assert "192.0.2.7" in text
    assert "Waits for its seal" in text
    assert operator.get(f"{address}proof/").status_code == 404
    assert alpha.get(address).status_code == alpha.get(f"{address}proof/").status_code == 404
    api = f"/api/v1/audit/{record.pk}"
    assert operator.get(api).json()["client"] == "key-7"
    assert alpha.get(api).status_code == alpha.get(f"{api}/proof").status_code == 404
    assert operator.get(f"{api}/proof").json()["detail"] == "The record waits for its seal."
    seal_all()
    assert f"Seal 1 , positions 1 to {AuditRecord.objects.count()}" in get_text(operator, address)
    proof = json.loads(operator.get(f"{address}proof/").content)
    assert proof == operator.get(f"{api}/proof").json()
    assert json.loads(proof["record"])[9] == "key-7"


def test_seals_page_shows_state_and_the_alarm(operator: Client, auditor: Client, alpha: Client) -> None:
    from events.models import AuditRecord, AuditVerification

    seal_all()
    AuditVerification.objects.create(batches=1, records=AuditRecord.objects.count(), seconds=0, fault="")
    text = get_text(auditor, "/audit/seals/")
    assert "as they were sealed" in text
    assert "Records sealed by day" in text
    assert alpha.get("/audit/seals/").status_code == alpha.get("/api/v1/audit/seals").status_code == 403
    (row,) = get_csv(operator, "/audit/seals/?format=csv")
    (found,) = operator.get("/api/v1/audit/seals").json()["results"]
    assert (row["head"], row["root"]) == (found["head"], found["root"])
    assert "in doubt" not in get_text(operator, "/")
    AuditVerification.objects.create(batches=0, records=0, seconds=0, fault="seal 1 is not what it was")
    # The pages keep what is wrong for some seconds.
    cache.clear()
    assert "The audit log is in doubt" in get_text(operator, "/")
    assert "in doubt" not in get_text(alpha, "/")
    assert "seal 1 is not what it was" in get_text(operator, "/audit/seals/")
