from __future__ import annotations

import pytest

from subscriptions.email_addresses import email_key


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada@EXAMPLE.com", "ada@example.com"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@STRAẞE.de", "ada@xn--strae-oqa.de"),
        ("ada@xn--strae-oqa.de", "ada@xn--strae-oqa.de"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("no domain", "no domain"),
        ("", ""),
    ],
)
def test_spellings_and_their_key(spelling: str, key: str) -> None:
    assert email_key(spelling) == key


def test_domains_that_look_alike_stay_different() -> None:
    assert email_key("ada@straße.de") != email_key("ada@strasse.de")


@pytest.mark.parametrize("domain", ["-ä-.de", "ä" * 300, "ä..de"])
def test_an_impossible_domain_has_a_key_and_raises_nothing(domain: str) -> None:
    assert email_key(f"Ada@{domain}") == f"ada@{domain}".lower()
