"""What some libraries must still do when a class of theirs has slots: small uses whose result is compared as text.

Runs under the libraries' interpreter. Never imports a library before its use.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any


def email_works() -> Any:
    """Say what came out: a message is written, and read again."""
    import email
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText

    outer = MIMEMultipart()
    outer["Subject"] = "a subject"
    outer.attach(MIMEText("body\n"))
    outer.set_boundary("xxx")
    parsed = email.message_from_string(outer.as_string())
    return [outer.as_string(), parsed.is_multipart(), parsed.get_payload(0).get_payload(), parsed["subject"]]


def cookies_works() -> Any:
    """Say what came out: a jar sends a cookie."""
    import http.cookiejar
    import urllib.request

    jar = http.cookiejar.CookieJar()
    jar.set_cookie(
        http.cookiejar.Cookie(
            0, "name", "value", None, False, "example.org", True, False, "/", True, False, None, True, None, None, {}
        )
    )
    request = urllib.request.Request("http://example.org/")
    jar.add_cookie_header(request)
    return [request.get_header("Cookie"), [repr(cookie) for cookie in jar]]


def lark_works() -> Any:
    """Say what came out: two parsers give trees with positions."""
    import lark

    grammar = 'start: item+\nitem: WORD "," | NUMBER\n%import common.WORD\n%import common.NUMBER\n%ignore " "\n'
    parser = lark.Lark(grammar, propagate_positions=True)
    tree = parser.parse("one, two, 3 4")
    lalr = lark.Lark(grammar, parser="lalr", maybe_placeholders=False).parse("one, 2")
    return [
        tree.pretty(),
        tree.meta.line,
        tree.meta.end_column,
        repr(lalr),
        tree == copy.deepcopy(tree),
        hash(tree) == hash(tree),
    ]


def h11_works() -> Any:
    """Say what came out: a request is read and answered."""
    import h11

    connection = h11.Connection(our_role=h11.SERVER)
    connection.receive_data(b"GET /path HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n\r\nabc")
    events = [repr(connection.next_event()) for _ in range(3)]
    sent = connection.send(h11.Response(status_code=200, headers=[("Content-Length", "2")]))
    sent += connection.send(h11.Data(data=b"ok"))
    sent += connection.send(h11.EndOfMessage())
    connection.start_next_cycle()
    return [events, sent.decode(), repr(connection.states)]


def jinja_works() -> Any:
    """Say what came out: templates are compiled and rendered."""
    import jinja2

    text = "{% macro m(x) %}<{{ x }}>{% endmacro %}{% for a in b recursive %}{{ loop.index }}{{ m(a) }}{% if loop.last %}.{% endif %}{% endfor %}"
    environment = jinja2.Environment(autoescape=True)
    template = environment.from_string(text + "{% set z = 3 %}{% filter upper %}a{{ z }}{% endfilter %}")
    nested = environment.from_string(
        "{% for i in range(2) %}{% set ns = i %}{% for j in [i] %}{{ ns }}{{ j }}{% endfor %}{% endfor %}"
    )
    return [template.render(b=["x&", "y"]), nested.render(), environment.compile(text, raw=True)]


def rich_works() -> Any:
    """Say what came out: a table and a tree are drawn."""
    from rich.console import Console
    from rich.table import Table
    from rich.tree import Tree

    table = Table("one", "two", title="t")
    table.add_column("three", justify="right", footer="f")
    table.add_row("a", "b", "c")
    tree = Tree("root")
    tree.add("leaf").add("[b]deep[/b]")
    console = Console(width=60, file=open("/dev/null", "w"), record=True)  # noqa: SIM115 - ends with the process
    console.print(table, tree, console.options.update(width=20).max_width, console.options.copy().encoding)
    return console.export_text()


def werkzeug_works() -> Any:
    """Say what came out: URLs are matched and built, a form is read."""
    from werkzeug.routing import Map, Rule
    from werkzeug.sansio.multipart import MultipartDecoder

    urls = Map(
        [
            Rule("/<int:year>/<name>", endpoint="page"),
            Rule("/<path:rest>", endpoint="rest"),
            Rule("/", endpoint="index"),
        ]
    )
    bound = urls.bind("example.org")
    decoder = MultipartDecoder(b"x")
    decoder.receive_data(b'\r\n--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nvalue\r\n--x--')
    events = [repr(decoder.next_event()).partition(" at 0x")[0] for _ in range(4)]
    return [bound.match("/2024/x"), bound.match("/a/b"), bound.build("page", {"year": 1, "name": "n"}), events]


def pygments_works() -> Any:
    """Say what came out: two languages are tokenised."""
    from pygments import highlight
    from pygments.formatters import NullFormatter
    from pygments.lexer import LexerContext
    from pygments.lexers import RubyLexer, YamlLexer

    context = LexerContext("text", 1)
    return [repr(context), *(highlight("a: [1, 'b']\n", lexer(), NullFormatter()) for lexer in (YamlLexer, RubyLexer))]


def textual_works() -> Any:
    """Say what came out: bindings are made and merged."""
    from textual.binding import Binding, BindingsMap

    bindings = BindingsMap([("ctrl+a,b", "do", "Do it"), Binding("x", "exit", "Exit", show=False)])
    made = [repr(binding) for _, binding in bindings]
    return [
        made,
        repr(dataclasses.replace(Binding("q", "quit"), description="d")),
        sorted(BindingsMap.merge([bindings]).key_to_bindings),
    ]


def sorted_works() -> Any:
    """Say what came out: lists and dicts stay sorted."""
    from sortedcontainers import SortedDict, SortedKeyList, SortedList

    numbers = SortedList(range(5000, 0, -1))
    numbers.update([3, 4])
    numbers.discard(77)
    by_key = SortedKeyList(["bb", "a"], key=len)
    mapping = SortedDict(b=1, a=2)
    return [
        len(numbers),
        numbers[50],
        numbers.bisect(70),
        list(by_key),
        repr(mapping),
        pickle.loads(pickle.dumps(numbers)) == numbers,
    ]


def networkx_works() -> Any:
    """Say what came out: a spanning tree and a path are found."""
    import networkx as nx

    union = nx.utils.UnionFind("abc")
    union.union("a", "b")
    graph = nx.path_graph(6)
    graph[2][3]["weight"] = 3
    tree = nx.minimum_spanning_tree(graph)
    return [sorted(map(sorted, union.to_sets())), sorted(tree.edges), nx.shortest_path(graph, 0, 5)]


def sympy_works() -> Any:
    """Say what came out: an integral, a determinant, a product."""
    import sympy
    from sympy.combinatorics import Permutation

    x = sympy.Symbol("x", positive=True)
    matrix = sympy.Matrix([[1, 2], [3, 4]])
    permutation = Permutation([1, 0, 2])
    return [
        str(sympy.integrate(x**2, x)),
        x.is_negative,
        str(matrix.det()),
        str(permutation * permutation),
        str(sympy.factor(x**2 - 1)),
    ]
