"""The time zones in which billing periods are calculated: IANA names, such as ``Europe/Berlin``."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

MAX_TIME_ZONE = 64

# The time zone database contains these names for computers that do not know their zone. They are no zones.
_NO_ZONES = frozenset({"Factory", "localtime"})


def known_time_zone(name: str) -> str | None:
    """The zone's name as IANA spells it, or None if there is no such zone. Upper and lower case make no difference."""
    return _spellings().get(name.casefold())


@cache
def _spellings() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() - _NO_ZONES}
