"""Heaps that benchmarks measure: each function builds one, and returns what keeps it alive. Argument: how much of it.

Keeps to the syntax of Python 3.8; imports third-party packages only where the workload is about them.
"""

import json
import os
import shutil
import sys
import tempfile

ATTRIBUTES_ARE_IN_THE_OBJECT = sys.version_info >= (3, 11)


class Record:
    """One instance, its dict before 3.11, one list, one integer."""

    def __init__(self, number):
        self.number = number
        self.tags = [number]


def records(objects):
    """About that many objects in instances of one class."""
    per_record = 3 if ATTRIBUTES_ARE_IN_THE_OBJECT else 4
    return [Record(number) for number in range(1000, 1000 + objects // per_record)]


def document(number):
    """Return what a web service may have in a cache, as text."""
    return json.dumps(
        {
            "id": "document-%d" % number,
            "created": 1700000000 + number * 17,
            "score": number / 7,
            "open": number % 3 == 0,
            "note": None,
            "owner": {
                "name": "person %d" % (number % 5000),
                "mail": "person%d@example.org" % number,
                "level": number % 5,
            },
            "tags": ["tag-%d" % (number % 50), "tag-%d" % (number % 31), "city-%d" % number],
            "lines": [
                {
                    "sku": "sku-%d-%d" % (number, line),
                    "price": line * 1.25,
                    "count": line,
                    "text": "line\u00e9 %d" % line,
                }
                for line in range(4)
            ],
            "history": {"2024-01-%02d" % (day + 1): day * number for day in range(6)},
        }
    )


def json_like(objects):
    """Parsed documents: nested dicts, lists, strings of two widths, floats, integers."""
    return [json.loads(document(number)) for number in range(objects // 47)]


MODULES = (  # noqa: SIM905 - sixty lines otherwise
    "argparse ast asyncio.events calendar codecs collections concurrent.futures configparser csv ctypes datetime "
    "decimal difflib doctest email.message enum fractions functools gzip html http.client inspect io ipaddress "
    "itertools json locale logging logging.handlers mailbox multiprocessing.pool numbers optparse os pathlib pdb "
    "pickle pickletools platform plistlib pprint random re selectors shelve shlex shutil smtplib socket socketserver "
    "ssl statistics string subprocess tarfile tempfile textwrap threading tokenize traceback tracemalloc types typing "
    "unittest.mock urllib.request uuid weakref xml.dom.minidom xml.etree.ElementTree zipfile "
).split()


def application(rounds):
    """A Sphinx run that documents the standard library, all of its document trees kept. Argument: how many such runs."""
    from sphinx.application import Sphinx

    kept = []
    folder = tempfile.mkdtemp(prefix="heapscope-bench-")
    options = ":members:\n   :undoc-members:\n   :special-members:\n   :private-members:\n"
    for name in MODULES:
        with open(os.path.join(folder, name + ".rst"), "w") as stream:
            stream.write("%s\n%s\n\n.. automodule:: %s\n   %s" % (name, "=" * 60, name, options))
    with open(os.path.join(folder, "index.rst"), "w") as stream:
        stream.write("Library\n=======\n\n.. toctree::\n\n" + "".join("   %s\n" % name for name in MODULES))
    for number in range(rounds):
        settings = {"extensions": ["sphinx.ext.autodoc"], "exclude_patterns": ["out*"]}
        out = os.path.join(folder, "out-%d" % number)
        app = Sphinx(folder, None, out, out, "dummy", settings, status=None, warning=None, freshenv=True)
        app.connect("doctree-read", lambda _app, tree: kept.append(tree))
        app.build(force_all=True)
        kept.append(app)
    shutil.rmtree(folder)
    return kept


def numbers(rows):
    """Frames and arrays: numeric columns, an object column of strings, many small arrays, views, an object array."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "price": generator.normal(size=rows),
            "count": generator.integers(0, 1000, rows),
            "name": pd.Series(["name-%d" % number for number in range(rows)], dtype=object),
            "when": pd.date_range("2020-01-01", periods=rows, freq="s"),
            "kind": pd.Categorical(["abc"[number % 3] for number in range(rows)]),
        }
    )
    small = [np.arange(number % 50) for number in range(rows // 5)]
    views = [frame["price"].to_numpy()[number : number + 10] for number in range(rows // 10)]
    names = np.array(["object-%d" % number for number in range(rows // 5)], dtype=object)
    return [frame, frame.groupby("kind", observed=True)["price"].mean(), small, views, names]


WORKLOADS = {"records": records, "json": json_like, "application": application, "numbers": numbers}
