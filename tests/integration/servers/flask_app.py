"""A Flask application with marker objects, to run under gunicorn."""

import flask


class Marker:
    """What a capture must count exactly."""

    def __init__(self, number):
        self.number = number


MARKERS = [Marker(number) for number in range(4321)]
app = flask.Flask(__name__)


@app.route("/")
def index():
    """Answer with something computed from the heap."""
    return {"sum": sum(marker.number for marker in MARKERS)}
