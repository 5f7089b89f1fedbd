"""The control API under /sandbox, in JSON: reads the state, injects events, and switches faults.

Lists response `{"data": [...]}`; errors response `{"message": "..."}` with 400 or 404.
"""

from integrations.sandbox.control.router import handle

__all__ = ["handle"]
