"""Classes of real libraries: how instances are made, and what must work the same before and after a patch.

Runs under the libraries' interpreter, with a copy of the libraries first on its path. Never imports heapscope.

    library_classes.py hold CASES      make instances of all cases, say ready, wait for the end of stdin
    library_classes.py measure CASE    print what one instance costs, and what the smoke test gave, as JSON
    library_classes.py where PACKAGE   print the folder of a package
    library_classes.py cases           print the names of the cases
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import importlib
import json
import pickle
import pkgutil
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

from library_smoke import (
    cookies_works,
    email_works,
    h11_works,
    jinja_works,
    lark_works,
    networkx_works,
    pygments_works,
    rich_works,
    sorted_works,
    sympy_works,
    textual_works,
    werkzeug_works,
)

COUNT = 2000
WARM_UP = 64  # the first instances of a class are laid out otherwise than the rest


@dataclasses.dataclass(frozen=True)
class Case:
    """A class, one instance of it, and what else its library must still do."""

    type_name: str
    make: Callable[[], Any]
    smoke: Callable[[], Any]
    tests: tuple[str, ...] = ()
    copies: bool = True

    @property
    def package(self) -> str:
        """The top-level package to copy."""
        return self.type_name.partition(".")[0]


def _load(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _called(name: str, *arguments: Any, **more: Any) -> Callable[[], Any]:
    """Make instances by a call, the class looked up once."""
    found: list[Any] = []

    def make() -> Any:
        if not found:
            found.append(_load(name))
        return found[0](*arguments, **more)

    return make


def _cookie() -> Any:
    make = _called(
        "http.cookiejar.Cookie",
        0,
        "name",
        "value",
        None,
        False,
        "example.org",
        True,
        False,
        "/",
        True,
        False,
        None,
        True,
        None,
        None,
        {},
    )
    return make()


def _position() -> Any:
    """Make what a parser with propagate_positions leaves on each tree."""
    made = _META()
    made.empty = False
    for name in ("line", "column", "start_pos", "end_line", "end_column", "end_pos"):
        setattr(made, name, 1)
        setattr(made, f"container_{name}", 1)
    return made


_META = _called("lark.tree.Meta")


CASES = (
    Case("email.message.Message", _called("email.message.Message"), email_works),
    Case("http.cookiejar.Cookie", _cookie, cookies_works),
    Case("lark.tree.Tree", _called("lark.tree.Tree", "rule", []), lark_works),
    Case("lark.tree.Meta", _position, lark_works),
    Case("h11._receivebuffer.ReceiveBuffer", _called("h11._receivebuffer.ReceiveBuffer"), h11_works),
    Case("h11._state.ConnectionState", _called("h11._state.ConnectionState"), h11_works, copies=False),
    Case("jinja2.idtracking.Symbols", _called("jinja2.idtracking.Symbols"), jinja_works),
    Case("jinja2.compiler.MacroRef", _called("jinja2.compiler.MacroRef", None), jinja_works),
    Case("rich.table.Column", _called("rich.table.Column"), rich_works),
    Case("rich.table.Row", _called("rich.table.Row"), rich_works),
    Case("rich.tree.Tree", _called("rich.tree.Tree", "label"), rich_works),
    Case("werkzeug.sansio.multipart.Field", _called("werkzeug.sansio.multipart.Field", "n", None), werkzeug_works),
    Case(
        "werkzeug.routing.rules.RulePart",
        _called("werkzeug.routing.rules.RulePart", "a", True, False, False, None),
        werkzeug_works,
    ),
    Case("pygments.lexer.LexerContext", _called("pygments.lexer.LexerContext", "text", 0), pygments_works),
    Case("textual.binding.Binding", _called("textual.binding.Binding", "q", "quit"), textual_works),
    Case("sortedcontainers.sortedlist.SortedList", _called("sortedcontainers.sortedlist.SortedList"), sorted_works),
    Case(
        "networkx.utils.union_find.UnionFind",
        _called("networkx.utils.union_find.UnionFind"),
        networkx_works,
        tests=("networkx.utils.tests.test_unionfind",),
    ),
    Case(
        "networkx.utils.mapped_queue.MappedQueue",
        _called("networkx.utils.mapped_queue.MappedQueue"),
        networkx_works,
        tests=("networkx.utils.tests.test_mapped_queue",),
    ),
    Case(
        "sympy.core.facts.Prover",
        _called("sympy.core.facts.Prover"),
        sympy_works,
        tests=("sympy.core.tests.test_facts",),
    ),
)


def hold(names: list[str]) -> None:
    """Have instances of the cases until stdin ends."""
    chosen = [case for case in CASES if case.type_name in names]
    for case in chosen:
        _warm_up(case)
    kept = [[case.make() for _ in range(COUNT)] for case in chosen]
    print("ready", flush=True)
    sys.stdin.read()
    assert all(kept)


def _warm_up(case: Case) -> None:
    for _ in range(WARM_UP):
        case.make()


def measure(name: str) -> dict[str, Any]:
    """Measure one instance, and run what must give the same before and after."""
    case = next(case for case in CASES if case.type_name == name)
    _warm_up(case)
    kept: list[Any] = [None] * COUNT
    gc.collect()
    gc.disable()
    free = [
        ({"a": number}, {}, [number], {number}, float(number), (number,)) for number in range(1000)
    ]  # of the free lists
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for index in range(COUNT):
        kept[index] = case.make()
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    gc.enable()
    assert free
    return {
        "type": name,
        "file": sys.modules[type(kept[0]).__module__].__file__,
        "is_type": f"{type(kept[0]).__module__}.{type(kept[0]).__qualname__}" == name,
        "bytes": round(size / COUNT),
        "remainder": size - COUNT * round(size / COUNT),
        "has_dict": hasattr(kept[0], "__dict__"),
        "copies": _copies(kept[0]) if case.copies else [],
        "smoke": case.smoke(),
        "imports": _imports(case.package),
        "tests": [_run_tests(module) for module in case.tests],
    }


def _copies(instance: Any) -> list[str]:
    made = [copy.copy(instance), copy.deepcopy(instance)]
    made += [pickle.loads(pickle.dumps(instance, protocol)) for protocol in (2, pickle.HIGHEST_PROTOCOL)]
    names = sorted(
        {*getattr(instance, "__dict__", ()), *(name for cls in type(instance).__mro__ for name in _slots(cls))}
    )
    return [repr([(name, getattr(one, name, "absent")) for name in names]) for one in made]


def _slots(cls: type) -> list[str]:
    found = cls.__dict__.get("__slots__", ())
    names = [found] if isinstance(found, str) else list(found)
    return [
        f"_{cls.__name__.lstrip('_')}{name}" if name.startswith("__") else name for name in names if name[-2:] != "__"
    ]


def _imports(package: str) -> list[str]:
    """Import every module of a package, and give those that fail: they must fail alike."""
    failed = []
    top = importlib.import_module(package)
    if package in ("sympy", "textual", "pygments"):  # hundreds of modules: what the smoke test imports will do
        return []
    for module in pkgutil.walk_packages(top.__path__, f"{package}.", onerror=failed.append):
        if ".tests" not in module.name and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except Exception as error:  # noqa: BLE001 - whatever a library raises
                failed.append(f"{module.name}: {type(error).__name__}")
    return sorted(failed)


def _run_tests(module: str) -> str:
    import pytest

    path = importlib.import_module(module).__file__
    with warnings.catch_warnings():
        code = pytest.main(
            [
                "-q",
                "--noconftest",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:warnings",
                "--no-header",
                "-o",
                "addopts=",
                str(path),
            ]
        )
    return f"{module}: {code.name if hasattr(code, 'name') else code}"


def main(words: list[str]) -> None:
    """Do what the first word says."""
    if words[0] == "hold":
        hold(words[1:])
    elif words[0] == "measure":
        print("RESULT " + json.dumps(measure(words[1]), default=repr))
    elif words[0] == "where":
        print(importlib.import_module(words[1]).__path__[0])
    else:
        print(*(case.type_name for case in CASES), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
