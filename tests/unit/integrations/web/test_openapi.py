"""The error responses in the OpenAPI schema."""

from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator

CALLS = [("/api/v1/checkout/", "post"), ("/api/v1/refunds/", "post"), ("/api/v1/setup-intents/", "post")]


@pytest.mark.parametrize(("path", "method"), CALLS)
@pytest.mark.parametrize("code", ["400", "413", "415", "429", "503"])
def test_every_call_with_a_body_lists_the_common_problems(path: str, method: str, code: str) -> None:
    responses = SchemaGenerator().get_schema(public=True)["paths"][path][method]["responses"]
    schema = responses[code]["content"]["application/problem+json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Problem"}
