"""Making a running CPython clone itself: a ladder of injectors behind one call, run by a helper process.

Never walks a heap, never reads objects: what happens in the clone is the agent's business.
"""

from __future__ import annotations

from heapscope.inject.client import CloneHandle, make_clone

__all__ = ["CloneHandle", "make_clone"]
