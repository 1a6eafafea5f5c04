"""Holds realistic instances of classes of many libraries, and builds slotted twins of them on request.

Runs in an environment that has the libraries. One JSON object per line:
{"ask": "twin", "address": of the class, "names": [...], "weak": bool} -> {"faults": {what: how it fails}, "tried": instances}
"""

import argparse
import ast
import collections
import configparser
import copy
import decimal
import email
import email.policy
import gc
import json
import logging
import pickle
import random
import string
import sys
import threading
import urllib.parse
import urllib.request
import weakref

from library_shop import Color, Copied, Order, Pickled, Point, Price, Tree, Watched
from library_twins import try_twin

KEPT = []
EXAMPLES = 20  # instances of each class that are tried


def keep(*items):
    KEPT.extend(items)


def own():
    """Classes of the application itself, some of them copied, pickled or weakly referenced."""
    keep([Order(n, [n]) for n in range(50)], [Price(n) for n in range(50)], [Point(n, n) for n in range(50)])
    copied = [Copied(n) for n in range(10)]
    keep(copied, [copy.copy(each) for each in copied])
    pickled = [Pickled(n, n) for n in range(10)]
    keep(pickled, pickle.loads(pickle.dumps(pickled)))
    watched = [Watched(n, n) for n in range(10)]
    keep(watched, [weakref.ref(each) for each in watched])
    root = Tree("root")
    root.children = [Tree(str(n), root) for n in range(20)]
    keep(root, list(Color))


def standard_library():
    """Classes that Python brings."""
    with open(ast.__file__) as file:
        keep(ast.parse(file.read()))
    text = "From: a@example.com\nTo: b@example.com\nSubject: hello\nContent-Type: text/plain\n\nbody\n" * 1
    keep([email.message_from_string(text) for _ in range(10)])
    keep([email.message_from_string(text, policy=email.policy.default) for _ in range(10)])
    for message in KEPT[-1]:
        keep(message["subject"], message["from"])
    logger = logging.getLogger("corpus")
    keep(logger, logging.StreamHandler(), logging.Formatter("%(message)s"), logging.Filter("corpus"))
    keep([logging.LogRecord("corpus", 20, "file", n, "message", (), None) for n in range(20)])
    keep(logging.LoggerAdapter(logger, {}))
    parser = argparse.ArgumentParser()
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("path", nargs="*")
    keep(parser, parser.parse_args(["a"]))
    settings = configparser.ConfigParser()
    settings.read_string("[a]\nb = 1\n")
    keep(settings, decimal.Context(), random.Random(1), string.Template("$a"), string.Formatter())
    keep(urllib.request.Request("http://localhost/"), urllib.parse.urlparse("http://localhost/"))
    keep(collections.Counter("abc"), collections.OrderedDict(a=1), collections.ChainMap({}), collections.UserDict(a=1))
    keep(collections.UserList([1]), collections.UserString("a"))
    keep(threading.Event(), threading.Condition(), threading.Semaphore(), threading.Barrier(1), threading.local())
    keep(json.JSONDecoder(), json.JSONEncoder())


def sqlalchemy_models():
    """Declarative models with rows, and what the engine holds."""
    import sqlalchemy
    from sqlalchemy import orm

    class Base(orm.DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
        name = orm.mapped_column(sqlalchemy.String(30))
        addresses = orm.relationship("Address", back_populates="user")

    class Address(Base):
        __tablename__ = "addresses"
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
        user_id = orm.mapped_column(sqlalchemy.ForeignKey("users.id"))
        user = orm.relationship("User", back_populates="addresses")

    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    session = orm.Session(engine)
    session.add_all([User(name="user %d" % n, addresses=[Address()]) for n in range(20)])
    session.commit()
    keep(
        engine,
        session,
        session.scalars(sqlalchemy.select(User)).all(),
        [each.addresses for each in session.query(User)],
    )


def django_models():
    """Models with rows."""
    import django
    from django.conf import settings

    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    settings.configure(INSTALLED_APPS=[], DATABASES=databases, USE_TZ=True)
    django.setup()
    from django import forms
    from django.db import connection, models
    from django.http import HttpResponse, QueryDict

    class Book(models.Model):
        title = models.CharField(max_length=50)
        pages = models.IntegerField(default=1)

        class Meta:
            app_label = "corpus"

    with connection.schema_editor() as editor:
        editor.create_model(Book)
    Book.objects.bulk_create([Book(title="book %d" % n) for n in range(20)])

    class Form(forms.Form):
        title = forms.CharField()

    keep(
        list(Book.objects.all()),
        Book.objects.filter(pages=1),
        Form({"title": "a"}),
        HttpResponse("a"),
        QueryDict("a=1"),
    )


def others():
    """pydantic, attrs, networkx, sympy."""
    import attr
    import networkx
    import pydantic
    import sympy

    class Model(pydantic.BaseModel):
        a: int
        b: str = "x"

    @pydantic.dataclasses.dataclass
    class Checked:
        a: int

    @attr.s
    class Old:
        x = attr.ib()
        y = attr.ib(default=2)

    @attr.define
    class New:
        x: int

    keep([Model(a=n) for n in range(20)], [Checked(a=1)], [Old(1) for _ in range(20)], [New(1)])
    graph = networkx.karate_club_graph()
    keep(graph, networkx.DiGraph(graph), graph.nodes, graph.edges, graph.degree, networkx.MultiGraph(graph))
    keep(networkx.shortest_path(graph, 0), list(networkx.find_cliques(graph)), networkx.random_regular_graph(3, 10))
    x, y = sympy.symbols("x y")
    keep(sympy.expand((x + y) ** 5), sympy.integrate(sympy.sin(x) * x, x), sympy.solve(x**2 - 2, x))
    keep(sympy.Matrix([[1, x], [y, 2]]), sympy.Poly(x**2 + y), sympy.series(sympy.exp(x), x, 0, 5))
    keep(sympy.Function("f")(x), sympy.FiniteSet(1, 2), sympy.Interval(0, 1), sympy.printing.str.StrPrinter())


def main():
    """Build everything, then answer."""
    own()
    standard_library()
    sqlalchemy_models()
    django_models()
    others()
    gc.collect()
    print(json.dumps({"markers": len(KEPT), "slotted": 0}), flush=True)
    gc.disable()
    classes, found = {id(each): each for each in all_classes()}, instances_by_class()
    for line in sys.stdin:
        request = json.loads(line)
        kind = classes[request["address"]]
        instances = found.get(id(kind), ())
        faults = try_twin(kind, instances, request["names"], request["weak"], request["uses"])
        print(
            json.dumps({"faults": {what: how[:300] for what, how in faults.items()}, "tried": len(instances)}),
            flush=True,
        )


def instances_by_class():
    """Give some instances of each class that the collector knows."""
    result = {}
    for each in gc.get_objects():
        held = result.setdefault(id(type(each)), [])
        if len(held) < EXAMPLES:
            held.append(each)
    return result


def all_classes():
    """Give every class there is."""
    seen = set()
    waiting = [object]
    while waiting:
        kind = waiting.pop()
        if id(kind) not in seen:
            seen.add(id(kind))
            yield kind
            waiting.extend(type.__subclasses__(kind))


main()
