"""The error responses that the OpenAPI schema lists for each call."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse

from integrations.web.parsers import MAX_BODY_BYTES
from integrations.web.problems import CONTENT_TYPE
from integrations.web.serializers import Problem

Responses = dict[tuple[int, str], OpenApiResponse]


def problem_response(code: int, description: str) -> Responses:
    """An entry for ``extend_schema(responses=…)``: problem+json with this status code."""
    return {(code, CONTENT_TYPE): OpenApiResponse(Problem, description)}


TOO_MANY_REQUESTS = problem_response(429, "Too many requests; see `Retry-After`")
BODY_PROBLEMS: Responses = {
    **problem_response(413, f"The body has more than {MAX_BODY_BYTES} bytes"),
    **problem_response(415, "The body is not `application/json`"),
    **TOO_MANY_REQUESTS,
    **problem_response(503, "The shop cannot process this right now; see `Retry-After`"),
}
