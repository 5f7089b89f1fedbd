"""E-mail addresses: which two spellings are one address."""

from __future__ import annotations

import idna

LONGEST_DOMAIN = 255


def email_key(email: str) -> str:
    """The form of an address that is equal for all its spellings: lower case, and the domain as the DNS has it.

    So ``straße.de`` and ``strasse.de``, which are two domains, stay two, and whoever unsubscribes as
    ``xn--strae-oqa.de`` is found.
    """
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{_ascii(domain)}".lower()


def _ascii(domain: str) -> str:
    if domain.isascii() or len(domain) > LONGEST_DOMAIN:
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:  # no domain at all; it is nobody's address, but may be somebody's key
        return domain
