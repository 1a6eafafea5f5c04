"""A service that opens a session per visitor and never closes one: the registry grows for ever."""

import time

from planted_shop import Shop, serve


class Session:
    """What the service remembers of one visit."""

    def __init__(self, number):
        self.number = number
        self.opened = time.time()
        self.user = {"name": "user %d" % number, "rights": ["read", "write"]}
        self.history = ["/start"]
        self.basket = b"." * 600


class Registry:
    """All sessions by number."""

    def __init__(self):
        self.sessions = {}
        self.opened = 0

    def open(self, number):
        """Open a session for a visitor; nothing ever closes it."""
        session = Session(number)
        self.sessions[number] = session
        self.opened += 1
        return session


REGISTRY = Registry()


def handle(number):
    """Serve one visitor."""
    session = REGISTRY.open(number)
    session.history.append("/articles")


if __name__ == "__main__":
    SHOP = Shop()
    for VISITOR in range(25_337):
        handle(VISITOR)
    serve(SHOP, handle)
