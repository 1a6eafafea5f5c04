"""heapscope: a live memory inspector for running CPython processes.

The Python API lives in heapscope/api.py, which is loaded when one of its names is first used; ``__init__.pyi`` lists them.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__", "capture", "open", "recursive_size", "shallow_size"]


def __getattr__(name: str) -> object:
    """Load the API. By name, for it lies above all layers that import this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only where the API is used

    return getattr(importlib.import_module("heapscope.api"), name)


def __dir__() -> list[str]:
    """List what the package offers."""
    return sorted({*globals(), *__all__})
