"""Each import contract in pyproject.toml fails if an import or a module that it forbids is added."""

from __future__ import annotations

import copy
from typing import Any

import grimp
import pytest
from importlinter.application import use_cases
from importlinter.configuration import configure
from importlinter.domain.contract import registry

Planted = tuple[str, str] | str

# For each contract an import (importer, imported) or a new module that breaks it.
PLANTED: dict[str, Planted] = {
    "Celery is imported in tasks and config only": ("orders.operations.checkout", "celery"),
    "Imports go one way, along the foreign keys": ("orders.operations.checkout", "charges.models"),
    "Layers inside charges": "charges.utils",
    "Layers inside config": "config.utils",
    "Layers inside integrations": ("integrations.http", "integrations.stripe.client"),
    "Layers inside notifications": ("notifications.models", "notifications.operations.emails"),
    "Layers inside orders": ("orders.models", "orders.operations.checkout"),
    "Layers inside subscriptions": "subscriptions.helpers",
    "No cycles between the modules of a package": (
        "charges.operations.locks",
        "charges.operations.payments.settlement",
    ),
    "Nobody imports the launcher of development": ("config.celery", "config.development.stack"),
    "Only the sandbox imports moto": ("integrations.sqs.provisioning", "moto"),
    "Only integrations.http imports an HTTP client": ("integrations.brevo.contacts", "httpx"),
    "Only integrations.sqs imports AWS's SDK and kombu": ("integrations.outbox.relay", "boto3"),
    "Only integrations.stripe imports Stripe's SDK": ("charges.operations.payments.capture", "stripe"),
    "Production never imports the sandbox": ("config.settings", "integrations.sandbox.app"),
    "The sandbox knows only HTTP": ("integrations.sandbox.app", "integrations.errors"),
}


@pytest.fixture(scope="module")
def options() -> Any:
    configure()
    found = use_cases.read_user_options()
    use_cases._register_contract_types(found)
    return found


@pytest.fixture(scope="module")
def graph(options: Any) -> grimp.ImportGraph:
    return grimp.build_graph(
        *options.session_options["root_packages"], include_external_packages=True, cache_dir=None
    )


def kept(options: Any, name: str, graph: grimp.ImportGraph) -> bool:
    (found,) = [contract for contract in options.contracts_options if contract["name"] == name]
    contract_class = registry.get_contract_class(found["type"])
    contract = contract_class(name=name, session_options=options.session_options, contract_options=found)
    return bool(contract.check(graph=copy.deepcopy(graph), verbose=False).kept)


def with_violation(graph: grimp.ImportGraph, planted: Planted) -> grimp.ImportGraph:
    broken = copy.deepcopy(graph)
    if isinstance(planted, str):
        broken.add_module(planted)
    else:
        importer, imported = planted
        broken.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    return broken


def test_every_contract_has_a_planted_violation(options: Any) -> None:
    assert {contract["name"] for contract in options.contracts_options} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_violation_breaks_the_contract(options: Any, graph: grimp.ImportGraph, name: str) -> None:
    assert kept(options, name, graph)
    assert not kept(options, name, with_violation(graph, PLANTED[name]))
