"""heapscope: a live memory inspector for running CPython processes."""

__version__ = "0.1.0"
