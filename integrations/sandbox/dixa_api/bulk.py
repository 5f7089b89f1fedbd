"""The bulk calls: each item succeeds or fails without an effect on the other items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from integrations.sandbox.dixa_api import endusers
from integrations.sandbox.dixa_api.endusers import Document
from integrations.sandbox.dixa_api.errors import DixaError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

ItemOperation = Callable[["Sandbox", Document], Document]


def create(sandbox: Sandbox, items: list[Document]) -> list[Document]:
    return [_result(sandbox, item, endusers.create) for item in items]


def replace(sandbox: Sandbox, items: list[Document]) -> list[Document]:
    return [_result(sandbox, item, _by_id(endusers.replace)) for item in items]


def patch(sandbox: Sandbox, items: list[Document]) -> list[Document]:
    return [_result(sandbox, item, _by_id(endusers.patch)) for item in items]


def _result(sandbox: Sandbox, item: Document, operation: ItemOperation) -> Document:
    try:
        with sandbox.store.savepoint():
            return {"_type": "BulkActionSuccess", "data": operation(sandbox, item)}
    except DixaError as error:
        return {
            "_type": "BulkActionFailure",
            "error": {"id": item.get("id"), "message": str(error), "_type": "BadRequest"},
        }


def _by_id(operation: Callable[[Sandbox, str, Document], Document]) -> ItemOperation:
    def run(sandbox: Sandbox, item: Document) -> Document:
        fields = {name: value for name, value in item.items() if name != "id"}
        return operation(sandbox, str(item.get("id")), fields)

    return run
