"""A gevent server in a monkey-patched process, with marker objects; argument: port."""

from gevent import monkey

monkey.patch_all()

import json
import sys

from gevent.pywsgi import WSGIServer


class Marker:
    """What a capture must count exactly."""

    def __init__(self, number):
        self.number = number


MARKERS = [Marker(number) for number in range(4321)]


def application(_environment, start_response):
    """Answer with something computed from the heap."""
    body = json.dumps({"sum": sum(marker.number for marker in MARKERS)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


WSGIServer(("127.0.0.1", int(sys.argv[1])), application, log=None).serve_forever()
