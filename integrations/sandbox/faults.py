"""Faults that can be switched on while the sandbox runs: slow, failed, dropped and invalid responses."""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sandbox.store import Store

BEFORE_EFFECT = {"error", "drop", "timeout"}
AFTER_EFFECT = {"error_after_effect", "drop_after_effect", "timeout_after_effect", "non_json"}
WEBHOOK_KINDS = {"webhook_delay", "webhook_duplicate", "webhook_reorder", "webhook_drop"}
KINDS = {"latency"} | BEFORE_EFFECT | AFTER_EFFECT | WEBHOOK_KINDS
PROVIDERS = {"stripe", "brevo", "dixa"}
FIELDS = {
    "provider", "method", "path", "kind", "rate", "times", "seed",
    "status", "retry_after", "min_ms", "max_ms", "seconds", "window_ms",
}  # fmt: skip


class InvalidFault(Exception):
    """A fault rule is invalid."""


@dataclass(slots=True)
class Fault:
    """One rule. `rate` is the probability for each matching request; the rule ends after `times` hits."""

    kind: str
    provider: str | None = None
    method: str | None = None
    path: str | None = None
    rate: float = 1.0
    times: int | None = None
    seed: int | None = None
    status: int = 500
    retry_after: float | None = None
    min_ms: float = 0.0
    max_ms: float = 0.0
    seconds: float = 30.0
    window_ms: float = 2000.0
    hits: int = 0
    random_source: random.Random = field(default_factory=random.Random, repr=False)

    def matches(self, *, provider: str, method: str, path: str) -> bool:
        if self.provider not in (None, provider) or self.method not in (None, method):
            return False
        if self.path is None:
            return True
        return fnmatch.fnmatchcase(path, self.path) or ("*" not in self.path and path.startswith(self.path))

    def hits_now(self) -> bool:
        """Decide at random whether this request gets the fault, and count the hit."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.rate < 1 and self.random_source.random() >= self.rate:
            return False
        self.hits += 1
        return True

    def delay_seconds(self) -> float:
        return self.random_source.uniform(self.min_ms, max(self.min_ms, self.max_ms)) / 1000

    def as_rule(self) -> dict[str, Any]:
        rule = {name: getattr(self, name) for name in ("provider", "method", "path", "kind", "rate", "times", "seed")}
        if self.kind.startswith("error"):
            rule |= {"status": self.status, "retry_after": self.retry_after}
        if self.kind in ("latency", "webhook_delay"):
            rule |= {"min_ms": self.min_ms, "max_ms": self.max_ms}
        if self.kind.startswith("timeout"):
            rule["seconds"] = self.seconds
        if self.kind == "webhook_reorder":
            rule["window_ms"] = self.window_ms
        return {name: value for name, value in rule.items() if value is not None} | {"hits": self.hits}


@dataclass(slots=True)
class RequestFaults:
    """The faults that one request gets."""

    latency_seconds: float = 0.0
    before: Fault | None = None
    after: Fault | None = None

    @property
    def names(self) -> list[str]:
        named = ["latency"] if self.latency_seconds else []
        return named + [fault.kind for fault in (self.before, self.after) if fault]


class Faults:
    """The active rules, read under a lock. Rules that were set while the sandbox runs survive a restart. The rules
    ``initial_rules`` apply until rules are set, and do not survive a restart."""

    def __init__(self, store: Store, *, initial_rules: Sequence[Mapping[str, Any]] = ()) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._rules: list[Fault] = [parse(rule) for rule in initial_rules or store.setting("faults") or []]

    def replace(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Replace the active rules. Raises `InvalidFault` and changes nothing if one rule is invalid."""
        parsed = [parse(rule) for rule in rules]
        # Do not hold the lock here, to avoid a deadlock: enqueueing a webhook holds the store and waits for this lock.
        self._store.set_setting("faults", [fault.as_rule() for fault in parsed])
        with self._lock:
            self._rules = parsed

    def rules(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.as_rule() for fault in self._rules]

    def for_request(self, *, provider: str, method: str, path: str) -> RequestFaults:
        """Latencies add up. Of the other kinds, the first that hits is used."""
        found = RequestFaults()
        if not self._rules:
            return found
        with self._lock:
            for fault in self._rules:
                if fault.kind in WEBHOOK_KINDS or not fault.matches(provider=provider, method=method, path=path):
                    continue
                if fault.kind == "latency":
                    if fault.hits_now():
                        found.latency_seconds += fault.delay_seconds()
                elif found.before is None and found.after is None and fault.hits_now():
                    if fault.kind in BEFORE_EFFECT:
                        found.before = fault
                    else:
                        found.after = fault
        return found

    def for_webhook(self, *, provider: str) -> dict[str, Fault]:
        """The webhook faults that one delivery gets, by kind."""
        with self._lock:
            return {
                fault.kind: fault
                for fault in self._rules
                if fault.kind in WEBHOOK_KINDS and fault.provider in (None, provider) and fault.hits_now()
            }


def parse(rule: Mapping[str, Any]) -> Fault:
    """Check one rule. Raises `InvalidFault` with a message for the person who wrote it."""
    if not isinstance(rule, Mapping):
        raise InvalidFault("A fault rule is a JSON object.")
    unknown = set(rule) - FIELDS - {"hits"}
    if unknown:
        raise InvalidFault(f"Unknown field in a fault rule: {', '.join(sorted(unknown))}.")
    if rule.get("kind") not in KINDS:
        raise InvalidFault(f"kind must be one of {', '.join(sorted(KINDS))}.")
    if rule.get("provider") not in PROVIDERS | {None}:
        raise InvalidFault(f"provider must be one of {', '.join(sorted(PROVIDERS))}.")
    for name in FIELDS - {"provider", "method", "path", "kind"}:
        value = rule.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise InvalidFault(f"{name} must be a number and not negative.")
    if not 0 <= rule.get("rate", 1) <= 1:
        raise InvalidFault("rate must lie between 0 and 1.")
    fault = Fault(**{name: value for name, value in rule.items() if value is not None})
    fault.method = fault.method.upper() if fault.method else None
    fault.random_source = random.Random(fault.seed)
    return fault
