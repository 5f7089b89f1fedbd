"""Compare e-mail addresses."""

from __future__ import annotations

import idna

MAX_DOMAIN_LENGTH = 255


def email_key(email: str) -> str:
    """The same text for all spellings of an address: lower case, with the domain in the form that DNS uses.

    ``straße.de`` becomes ``xn--strae-oqa.de`` and stays different from ``strasse.de``, which is another domain.
    """
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{_ascii(domain)}".lower()


def _ascii(domain: str) -> str:
    if domain.isascii() or len(domain) > MAX_DOMAIN_LENGTH:
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:  # not a valid domain, so it belongs to no customer; it must still have a key to compare
        return domain
