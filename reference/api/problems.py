"""The shape of a problem document (RFC 9457), for the API's documentation."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ProblemErrorSerializer(serializers.Serializer[Any]):
    """One thing that is wrong."""

    pointer = serializers.CharField(help_text="RFC 6901 pointer to the field.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Why a request was not done."""

    type = serializers.CharField(help_text="A stable address that explains the kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    correlation_id = serializers.UUIDField(
        required=False, help_text="What the log, the audit and the trace know the request by; also X-Request-ID."
    )
    errors: Any = ProblemErrorSerializer(many=True, required=False)


def problems(*statuses: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """Return the documentation of these error statuses, for `responses` of extend_schema."""
    return {(status, "application/problem+json"): ProblemSerializer for status in statuses}
