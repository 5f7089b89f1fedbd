from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

import pytest

from subscriptions.time_zones import MAX_TIME_ZONE, known_time_zone


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("Asia/Calcutta", "Asia/Calcutta"),
    ],
)
def test_a_zone_is_known_in_any_case(name: str, zone: str) -> None:
    assert known_time_zone(name) == zone
    ZoneInfo(zone)


@pytest.mark.parametrize(
    "name",
    ["", "Berlin", "Mars/Olympus", "+02:00", "../../etc/passwd", "Europe", "localtime", "Factory", "Europe/Berlin\n"],
)
def test_other_names_are_no_zones(name: str) -> None:
    assert known_time_zone(name) is None


def test_every_zone_fits_into_its_column() -> None:
    assert max(map(len, available_timezones())) <= MAX_TIME_ZONE
