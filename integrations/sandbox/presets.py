"""Ready-made faults for the page and for demos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preset:
    title: str
    rules: tuple[Rule, ...]


POST = {"method": "POST"}
PRESETS: dict[str, Preset] = {
    "stripe-flaky": Preset(
        "Stripe: 30\u00a0% errors, half after the effect",
        (
            {"provider": "stripe", "kind": "error", "status": 503, "rate": 0.15, **POST},
            # A share of the remaining 85 %, so that both halves are equal.
            {"provider": "stripe", "kind": "error_after_effect", "status": 500, "rate": 0.1765, **POST},
        ),
    ),
    "stripe-slow": Preset(
        "Stripe: slow, 200-500\u00a0ms",
        ({"provider": "stripe", "kind": "latency", "min_ms": 200, "max_ms": 500},),
    ),
    "stripe-hangs": Preset(
        "Stripe: hangs up after the effect, 20\u00a0%",
        ({"provider": "stripe", "kind": "drop_after_effect", "rate": 0.2, **POST},),
    ),
    "stripe-throttled": Preset(
        "Stripe: 429 on every second call",
        ({"provider": "stripe", "kind": "error", "status": 429, "retry_after": 2, "rate": 0.5},),
    ),
    "stripe-down": Preset("Stripe: down", ({"provider": "stripe", "kind": "error", "status": 503},)),
    "brevo-down": Preset("Brevo: down", ({"provider": "brevo", "kind": "error", "status": 503},)),
    "brevo-slow": Preset(
        "Brevo: slow, 1-3\u00a0s", ({"provider": "brevo", "kind": "latency", "min_ms": 1000, "max_ms": 3000},)
    ),
    "dixa-down": Preset("Dixa: down", ({"provider": "dixa", "kind": "error", "status": 500},)),
    "webhooks-messy": Preset(
        "Webhooks: late, twice and out of order",
        (
            {"kind": "webhook_delay", "min_ms": 200, "max_ms": 3000},
            {"kind": "webhook_duplicate", "rate": 0.3},
            {"kind": "webhook_reorder", "rate": 0.5, "window_ms": 4000},
        ),
    ),
    "webhooks-lost": Preset("Webhooks: half are lost", ({"kind": "webhook_drop", "rate": 0.5},)),
}


def is_on(rules: Sequence[Rule], name: str) -> bool:
    """Whether every rule of the preset is active."""
    plain = [_plain(rule) for rule in rules]
    return all(_plain(rule) in plain for rule in PRESETS[name].rules)


def toggled(rules: Sequence[Rule], name: str) -> list[Rule]:
    """The rules with the preset added, or removed if it is active."""
    preset_rules = [_plain(rule) for rule in PRESETS[name].rules]
    if is_on(rules, name):
        return [rule for rule in rules if _plain(rule) not in preset_rules]
    return [*rules, *PRESETS[name].rules]


def _plain(rule: Rule) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "hits" and not (key == "rate" and value == 1)}
