"""A healthy service: full caches with limits, sessions that end, cycles that the collector frees, work that comes and goes."""

import collections

from planted_shop import Shop, serve

OPEN_SESSIONS = 3000


class Session:
    """What the service remembers of one visit."""

    def __init__(self, number):
        self.number = number
        self.user = {"name": "user %d" % number, "rights": ["read", "write"]}
        self.history = ["/start"]
        self.basket = b"." * (300 + number % 600)
        self.parent = self


class Registry:
    """The open sessions; the oldest ones end when there are many."""

    def __init__(self):
        self.sessions = collections.OrderedDict()

    def open(self, number):
        """Open a session; end those that were not used for long."""
        self.sessions[number] = Session(number)
        while len(self.sessions) > OPEN_SESSIONS + number % 50:
            self.sessions.popitem(last=False)


REGISTRY = Registry()


def handle(number):
    """Serve one visitor."""
    REGISTRY.open(number)
    try:
        raise ValueError("visitor %d is unknown" % number)
    except ValueError:
        pass


if __name__ == "__main__":
    SHOP = Shop()
    for VISITOR in range(10_337):
        handle(VISITOR)
    serve(SHOP, handle)
