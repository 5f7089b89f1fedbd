"""The page at /: what the providers received, and switches for faults. Server-rendered, without scripts or assets."""

from integrations.sandbox.page.router import handle

__all__ = ["handle"]
