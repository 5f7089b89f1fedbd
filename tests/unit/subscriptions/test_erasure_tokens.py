from __future__ import annotations

import uuid

import pytest

from subscriptions import erasure_tokens


def test_a_token_names_its_erasure() -> None:
    id = uuid.uuid4()
    assert erasure_tokens.read(erasure_tokens.token_of(erasure_id=id)) == id
    assert erasure_tokens.erasure_link(erasure_id=id).endswith(f"/erasure/{erasure_tokens.token_of(erasure_id=id)}/")


@pytest.mark.parametrize("token", ["", "x", str(uuid.UUID(int=0)), f"{uuid.UUID(int=0)}:bad"])
def test_a_wrong_token_is_rejected(token: str) -> None:
    with pytest.raises(erasure_tokens.BadToken):
        erasure_tokens.read(token)
