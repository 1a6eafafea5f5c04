"""A service whose event callbacks are pinned by a count that C code took and never gave back.

``list`` pins the table that the callbacks were in, ``each`` pins every callback for itself.
"""

import ctypes
import sys

from planted_shop import Shop, serve

PINS_EACH = "each" in sys.argv


class Channel:
    """Calls back when something happens; hands its table over to a C library at times, and starts a new one."""

    def __init__(self):
        self.handlers = []

    def subscribe(self, handler):
        """Have a function called."""
        self.handlers.append(handler)
        if PINS_EACH:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(handler))
        if len(self.handlers) == 400:
            if not PINS_EACH:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.handlers))
            self.handlers = []


CHANNEL = Channel()


def make_handler(number):
    """Make the function to call back, which needs its request."""
    request = ["header %d of request %d" % (header, number) for header in range(12)]

    def on_event(event):
        return event, request

    return on_event


def handle(number):
    """Serve one request."""
    CHANNEL.subscribe(make_handler(number))


if __name__ == "__main__":
    SHOP = Shop()
    for REQUEST in range(18_337):
        handle(REQUEST)
    serve(SHOP, handle)
