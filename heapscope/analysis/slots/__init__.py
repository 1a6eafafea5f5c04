"""Advice on ``__slots__``: what classes cost now and slotted, what would break, and the change to make."""
