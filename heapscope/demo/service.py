"""A small shop service to try heapscope on: an HTTP server with worker threads, a cache, records, sessions, and a leak.

Never imports heapscope: it stands for a service that nobody prepared. Runs under Python 3.8 and newer, standard library only.

Started with no arguments it listens on a free port of the loopback interface, sends itself a gentle load, and prints
``ready PID`` once its records are loaded. What there is to find:

    LineItem, Product     plain classes, many instances: good candidates for __slots__
    Customer              has a cached_property: __slots__ needs a change first
    Order                 is weakly referenced by the index: __slots__ needs "__weakref__"
    Session               gets attributes of its own at run time: no __slots__; and nothing ever removes one: the leak
    PageCache             an LRU cache with a limit: large, but not growing
"""

from __future__ import annotations

import argparse
import collections
import functools
import http.client
import http.server
import json
import os
import random
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable

REQUESTS_PER_S = 20
TICK_S = 0.5
PAGE_CACHE_LIMIT = 500
COUNTRIES = ("DE", "FR", "IT", "PL", "PT", "SE")


class Product:
    """Something to sell."""

    def __init__(self, number: int, price: int) -> None:
        self.number = number
        self.name = f"product-{number:06}"
        self.price = price
        self.tags = [f"tag-{number % 7}", "new" if number % 3 else "old"]


class LineItem:
    """One line of an order."""

    def __init__(self, product: Product, quantity: int, discount: int) -> None:
        self.product = product
        self.quantity = quantity
        self.price = product.price * quantity
        self.discount = discount
        self.shipped = False


class Customer:
    """Somebody who buys."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"customer-{number:06}"
        self.email = f"customer-{number:06}@example.org"
        self.country = COUNTRIES[number % len(COUNTRIES)]

    @functools.cached_property
    def greeting(self) -> str:
        """The text on top of every page."""
        return f"Good day, {self.name} from {self.country}"


class Order:
    """What one customer ordered."""

    def __init__(self, number: int, customer: Customer, items: list[LineItem]) -> None:
        self.number = number
        self.customer = customer
        self.items = items
        self.created = time.time()
        self.note: str | None = None

    def total(self) -> int:
        """Return the sum of the lines."""
        return sum(item.price for item in self.items)


class Session:
    """What the service remembers of one visit."""

    def __init__(self, number: int, customer: Customer) -> None:
        self.number = number
        self.customer = customer
        self.history: list[str] = []

    def visit(self, path: str) -> None:
        """Note a page, and something about it in an attribute of its own."""
        self.history.append(path)
        setattr(self, f"seen_{len(self.history) % 5}", time.time())


class PageCache:
    """Rendered pages, the least recently used ones dropped."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pages: collections.OrderedDict[str, bytes] = collections.OrderedDict()
        self.lock = threading.Lock()
        self.hits = 0

    def get(self, path: str, render: Callable[[], bytes]) -> bytes:
        """Return a page, rendering it if it is not here."""
        with self.lock:
            if path in self.pages:
                self.hits += 1
                self.pages.move_to_end(path)
                return self.pages[path]
        page = render()
        with self.lock:
            self.pages[path] = page
            while len(self.pages) > self.limit:
                self.pages.popitem(last=False)
        return page


class Shop:
    """All state of the service."""

    def __init__(self, object_count: int) -> None:
        generator = random.Random(7)
        # An order with its four lines makes about thirty objects.
        order_count = max(20, object_count // 30)
        self.products = [Product(n, generator.randrange(100, 9900)) for n in range(max(10, order_count // 4))]
        self.customers = [Customer(n) for n in range(max(10, order_count // 2))]
        self.orders: dict[int, Order] = {}
        self.orders_by_customer: weakref.WeakValueDictionary[int, Order] = weakref.WeakValueDictionary()
        self.sessions: dict[int, Session] = {}
        self.cache = PageCache(PAGE_CACHE_LIMIT)
        self.lock = threading.Lock()
        self.ticks = 0
        for number in range(order_count):
            self.add_order(generator, number)

    def add_order(self, generator: random.Random, number: int) -> None:
        """Make up one order."""
        customer = self.customers[generator.randrange(len(self.customers))]
        items = [
            LineItem(self.products[generator.randrange(len(self.products))], generator.randrange(1, 9), 0)
            for _ in range(4)
        ]
        order = Order(number, customer, items)
        self.orders[number] = order
        self.orders_by_customer[customer.number] = order

    def render_order(self, number: int) -> bytes:
        """Return the page of one order."""
        order = self.orders[number % len(self.orders)]
        lines = [{"name": item.product.name, "quantity": item.quantity, "price": item.price} for item in order.items]
        page = {"greeting": order.customer.greeting, "lines": lines, "total": order.total()}
        return json.dumps(page).encode()

    def serve(self, path: str) -> bytes:
        """Answer one request."""
        number = int(path.rsplit("/", 1)[-1] or "0")
        page = self.cache.get(path, lambda: self.render_order(number))
        with self.lock:
            # Nothing ever removes a session: this is the leak.
            session = Session(len(self.sessions), self.customers[number % len(self.customers)])
            self.sessions[session.number] = session
        session.visit(path)
        return page


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET /orders/NUMBER."""

    def do_GET(self) -> None:
        """Serve a page."""
        try:
            assert isinstance(self.server, Server)
            page = self.server.shop.serve(self.path)
        except ValueError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


class Server(http.server.ThreadingHTTPServer):
    """One thread per connection."""

    daemon_threads = True
    shop: Shop


def load(port: int, order_count: int, rate: float, stop: threading.Event) -> None:
    """Ask for pages at a gentle rate, over one connection after the other."""
    generator = random.Random(11)
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", f"/orders/{generator.randrange(order_count)}")
            connection.getresponse().read()
        except OSError:
            pass
        finally:
            connection.close()
        stop.wait(1.0 / rate)


def tick(shop: Shop, stop: threading.Event, parent: int) -> None:
    """Background work; ends the service when whoever started it is gone."""
    while not stop.wait(TICK_S):
        shop.ticks += 1
        if parent and os.getppid() != parent:
            stop.set()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A small service to try heapscope on.")
    parser.add_argument("--objects", type=int, default=200000, help="about how many objects to hold (default 200000)")
    parser.add_argument("--seconds", type=float, default=0, help="end after that long; 0 is never")
    parser.add_argument("--rate", type=float, default=REQUESTS_PER_S, help="requests per second to send itself")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the process that started this one ends"
    )
    return parser.parse_args()


def main() -> None:
    """Run the service until a signal, the time limit, or the end of the parent."""
    arguments = parse_arguments()
    parent = os.getppid() if arguments.exit_with_parent else 0
    stop = threading.Event()

    def finish(*_: object) -> None:
        # A second signal inside Event.set() would wait for the lock that its own thread holds.
        for caught in (signal.SIGTERM, signal.SIGINT):
            signal.signal(caught, signal.SIG_IGN)
        stop.set()

    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, finish)
    shop = Shop(arguments.objects)
    server = Server(("127.0.0.1", 0), Handler)
    server.shop = shop
    threads = [threading.Thread(target=server.serve_forever, args=(0.5,), name="server", daemon=True)]
    threads.append(threading.Thread(target=tick, args=(shop, stop, parent), name="ticker", daemon=True))
    if arguments.rate > 0:
        for number in range(2):
            work = (server.server_address[1], len(shop.orders), arguments.rate / 2, stop)
            threads.append(threading.Thread(target=load, args=work, name=f"load-{number}", daemon=True))
    for thread in threads:
        thread.start()
    sys.stdout.write(f"ready {os.getpid()}\n")
    sys.stdout.flush()
    stop.wait(arguments.seconds or None)
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
