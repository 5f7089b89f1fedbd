"""The base class of all input serializers, and problem+json as the OpenAPI schema describes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

MAX_NAME_LENGTH = 60


class StrictSerializer(serializers.Serializer[Any]):
    """A JSON object. Unknown fields are rejected, because they are probably misspelled."""

    default_error_messages = {"not_a_dict": "Must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(
                {"non_field_errors": [serializers.ErrorDetail("Must be an object.", code="not_a_dict")]}
            )
        unknown = sorted(set(data) - set(self.fields))
        if unknown:
            name = unknown[0][:MAX_NAME_LENGTH].encode("ascii", "replace").decode()
            raise serializers.ValidationError(
                {name: [serializers.ErrorDetail("There is no such field.", code="unexpected")]}
            )
        return dict(super().to_internal_value(data))


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField()
    message = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]  # DRF uses this name as well
    reasons = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Of a 409: what must be settled first."
    )
