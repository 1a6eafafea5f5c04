"""A Flask application with a heap of a given size in each worker. HEAPSCOPE_BENCH_OBJECTS says how many objects."""

import gc
import os
import sys

import flask

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "targets"))

import bench_workloads

RECORDS = bench_workloads.records(int(os.environ["HEAPSCOPE_BENCH_OBJECTS"]))
gc.freeze()  # as services with large caches do: else a full collection is the longest wait by far
LOOKED_UP = 200
app = flask.Flask(__name__)
ASKED = [0]


@app.route("/")
def index():
    """Look up records all over the heap and answer with them."""
    ASKED[0] += 1
    found = [RECORDS[(ASKED[0] * 7919 + step * 104729) % len(RECORDS)] for step in range(LOOKED_UP)]
    return {"records": [{"number": record.number, "tags": record.tags} for record in found]}
