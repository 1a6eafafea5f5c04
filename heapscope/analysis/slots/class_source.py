"""Reads the source text of a module: its classes, and what code does to attributes and to ``__dict__``.

Never runs the text, and never reads a file. The text is the target's: its size is bounded, and what cannot be parsed is
None, as absent source is.
"""

from __future__ import annotations

import ast
import dataclasses
import warnings

from heapscope.analysis.slots.source_model import ClassSource, ModuleSource, Receiver, Use, UseKind
from heapscope.analysis.slots.syntax import class_source, is_dict, name_of, owner_of_dict, protocol, targets, text

MAX_TEXT = 4 << 20


def parse_module(source: str, *, is_newer: bool = False) -> ModuleSource | None:
    """Parse the text of a module; None where this Python cannot, or it is too large."""
    if len(source) > MAX_TEXT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings: they are the author's business
            tree = ast.parse(source)
        reader = _Reader()
        reader.read(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    by_owner: dict[str, list[Use]] = {}
    for use in reader.uses:
        by_owner.setdefault(use.owner, []).append(use)
    classes = tuple(
        dataclasses.replace(
            one, uses=tuple(by_owner.get(one.qualname, ())), supers=tuple(reader.supers.get(one.qualname, ()))
        )
        for one in reader.classes
    )
    return ModuleSource(classes, tuple(reader.uses), frozenset(reader.imports), is_newer)


@dataclasses.dataclass(frozen=True, slots=True)
class _Scope:
    """Where the reader is: the class and function around, and the name that ``self`` has there."""

    owner: str = ""
    function: str = ""
    self_name: str = ""
    class_name: str = ""
    is_body: bool = False


class _Reader:
    """Walks a tree once."""

    def __init__(self) -> None:
        self.classes: list[ClassSource] = []
        self.uses: list[Use] = []
        self.imports: set[str] = set()
        self.supers: dict[str, list[str]] = {}
        self._class_names: set[str] = set()
        self._seen: set[ast.AST] = set()  # a ``__dict__`` that is written to: not a read as well

    def read(self, tree: ast.Module) -> None:
        """Read a module."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self._class_names.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                self.imports.update(name.partition(".")[0] for name in names)
        self._visit_all(tree.body, _Scope(), "")

    def _visit_all(self, nodes: list[ast.stmt], scope: _Scope, prefix: str) -> None:
        for node in nodes:
            self._visit(node, scope, prefix)

    def _visit(self, node: ast.AST, scope: _Scope, prefix: str) -> None:
        if isinstance(node, ast.ClassDef):
            self._class(node, prefix)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._function(node, scope, prefix)
        else:
            self._uses_of(node, scope)
            inner = dataclasses.replace(scope, is_body=False) if scope.is_body else scope
            for child in ast.iter_child_nodes(node):
                # A plain expression or a with block around it does not make a statement conditional.
                keeps = isinstance(node, (ast.With, ast.AsyncWith)) and isinstance(child, ast.stmt)
                self._visit(child, scope if keeps else inner, prefix)

    def _class(self, node: ast.ClassDef, prefix: str) -> None:
        qualname = f"{prefix}{node.name}"
        self.classes.append(class_source(node, qualname))
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._function(statement, _Scope(owner=qualname), f"{qualname}.")
            else:
                self._visit(statement, _Scope(owner=qualname, class_name=node.name), f"{qualname}.")

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope, prefix: str) -> None:
        is_method = bool(scope.owner) and not scope.function
        first = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args]][:1] if is_method else []
        kinds = {name_of(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        is_class_method = "classmethod" in kinds or node.name in ("__new__", "__init_subclass__", "__class_getitem__")
        plain = bool(first) and "staticmethod" not in kinds
        inner = _Scope(
            owner=scope.owner,
            function=f"{scope.function or scope.owner}.{node.name}".lstrip("."),
            self_name=(first[0] if plain and not is_class_method else "") if is_method else scope.self_name,
            class_name=(first[0] if plain and is_class_method else "") if is_method else scope.class_name,
            is_body=is_method,
        )
        for outside in [*node.decorator_list, *node.args.defaults]:
            self._visit(outside, scope, prefix)
        self._visit_all(node.body, inner, f"{prefix}{node.name}.")

    # ---- what one node does ----

    def _note(
        self, kind: UseKind, node: ast.expr, scope: _Scope, line: int, *, name: str = "", other: str = ""
    ) -> None:
        receiver = self._receiver(node, scope)
        function = scope.function
        self.uses.append(
            Use(kind, receiver, line, scope.owner, function, name, other, always=scope.is_body and kind is UseKind.SET)
        )

    def _receiver(self, node: ast.expr, scope: _Scope) -> Receiver:
        if isinstance(node, ast.Name):
            if node.id == scope.self_name and scope.self_name:
                return Receiver.SELF
            known = node.id in ("cls", "mcs", "klass") or node.id == scope.class_name or node.id in self._class_names
            return Receiver.CLASS if known or node.id in self.imports else Receiver.OTHER
        if isinstance(node, ast.Call) and name_of(node.func) == "type":
            return Receiver.CLASS
        return Receiver.CLASS if isinstance(node, ast.Attribute) and node.attr == "__class__" else Receiver.OTHER

    def _uses_of(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor, ast.withitem)):
            self._assignment(node, scope)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    self._note(UseKind.DELETE, target.value, scope, target.lineno, name=target.attr)
                elif isinstance(target, ast.Subscript) and is_dict(target.value):
                    self._write(target.value, scope)
        elif isinstance(node, ast.Call):
            self._call(node, scope)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self._attribute(node, scope)

    def _assignment(
        self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.AsyncFor | ast.withitem, scope: _Scope
    ) -> None:
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return
        value = name_of(node.value) if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value else ""
        plain = UseKind.AUGMENT if isinstance(node, ast.AugAssign) else UseKind.SET
        for target in targets(node):
            if isinstance(target, ast.Attribute):
                kind = {"__dict__": UseKind.DICT_REPLACE, "__class__": UseKind.CLASS_ASSIGN}.get(target.attr, plain)
                self._note(kind, target.value, scope, target.lineno, name=target.attr, other=value)
            elif isinstance(target, ast.Subscript) and is_dict(target.value):
                self._write(target.value, scope)

    def _write(self, held: ast.expr, scope: _Scope) -> None:
        self._seen.add(held)
        self._note(UseKind.DICT_WRITE, owner_of_dict(held), scope, held.lineno)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        if node.attr == "__dict__":
            if node not in self._seen:
                self._note(UseKind.DICT_READ, node.value, scope, node.lineno)
        elif self._receiver(node.value, scope) is Receiver.CLASS:
            self._note(
                UseKind.CLASS_ATTRIBUTE, node.value, scope, node.lineno, name=node.attr, other=name_of(node.value)
            )

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        name = name_of(node.func)
        last, line = name.rpartition(".")[2], node.lineno
        if name == "super" and not node.args and scope.owner:
            self.supers.setdefault(scope.owner, []).append(scope.function)
        elif (name == "vars" and len(node.args) == 1) or (name == "getattr" and text(node, 1) == "__dict__"):
            if node not in self._seen:
                self._note(UseKind.DICT_READ, node.args[0], scope, line)
        elif last in ("setattr", "__setattr__") and len(node.args) >= 2:
            self._setattr(node, scope, name)
        elif name == "delattr" and len(node.args) == 2:
            self._note(UseKind.DELETE, node.args[0], scope, line, name=text(node, 1))
        elif last in ("update", "setdefault", "pop", "clear") and is_dict(getattr(node.func, "value", None)):
            assert isinstance(node.func, ast.Attribute)
            self._write(node.func.value, scope)
        elif last in ("ref", "proxy", "finalize", "WeakMethod") and node.args:
            self._note(UseKind.WEAK, node.args[0], scope, line)
        elif last in ("dumps", "dump", "Pickler") and protocol(node, 1 if last == "dumps" else 2) in (0, 1):
            self._note(UseKind.PICKLE_OLD, node.args[0] if node.args else node.func, scope, line)

    def _setattr(self, node: ast.Call, scope: _Scope, name: str) -> None:
        # super().__setattr__(name, value) leaves out the object; object.__setattr__(self, name, value) does not.
        bound = name.endswith("__setattr__") and len(node.args) == 2
        target = ast.Name(scope.self_name or "?", ast.Load()) if bound else node.args[0]
        spelled = text(node, 0 if bound else 1)
        if not spelled:
            self._note(UseKind.SETATTR, target, scope, node.lineno, other=scope.function.rpartition(".")[2])
        elif spelled in ("__class__", "__dict__"):
            kind = UseKind.CLASS_ASSIGN if spelled == "__class__" else UseKind.DICT_REPLACE
            self._note(kind, target, scope, node.lineno, name=spelled)
        else:
            self._note(UseKind.SET, target, scope, node.lineno, name=spelled)
