"""Where the given files use a name of a class: from the class itself, as a target, in the class's own scope.

Never proves anything about other files.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.nodes import first_parameter, statements_of


class _ScopeNames(cst.CSTVisitor):
    """Reads of a name in a class body's own scope: not in bodies of functions, but in their decorators and defaults."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.found: list[cst.CSTNode] = []
        self._name = name

    def visit_Name(self, node: cst.Name) -> None:
        if node.value == self._name:
            self.found.append(node)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return not isinstance(node.target, cst.Name)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        node.annotation.visit(self)
        if node.value is not None:
            node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)  # not the keyword
        return False

    def visit_Param(self, node: cst.Param) -> bool:
        if node.default is not None:
            node.default.visit(self)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        node.params.visit(self)
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for part in (*node.decorators, node.params):
            part.visit(self)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        for part in (*node.decorators, *node.bases, *node.keywords):
            part.visit(self)
        return False


def names_in_class_scope(node: cst.ClassDef, name: str) -> list[cst.CSTNode]:
    """Give the reads of a name in the scope of the class body."""
    finder = _ScopeNames(name)
    for statement in statements_of(node):
        statement.visit(finder)
    return finder.found


class _Attributes(cst.CSTVisitor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.found: list[cst.Attribute] = []
        self._name = name

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if node.attr.value == self._name:
            self.found.append(node)


def _attributes(node: cst.CSTNode, name: str) -> Iterator[cst.Attribute]:
    finder = _Attributes(name)
    node.visit(finder)
    yield from finder.found


def class_reads(context: Context, name: str) -> str | None:
    """Say where an attribute is read from the class itself; None if nowhere in the files."""
    relatives = [context.located, *context.hierarchy.subclasses(context.located)]
    bare = {located.place.bare_name for located in relatives}
    for module in context.hierarchy.modules.values():
        if name not in module.source.text:
            continue
        for use in _attributes(module.tree, name):
            owner = use.value
            named = owner.attr if isinstance(owner, cst.Attribute) else owner
            if _is_type_of(owner) or (isinstance(named, cst.Name) and named.value in bare):
                return f"line {module.line_of(use)}"
    for located in relatives:
        for statement in statements_of(located.place.node):
            if isinstance(statement, cst.FunctionDef) and _is_classmethod(statement):
                owner_name = first_parameter(statement)
                for use in _attributes(statement, name):
                    if isinstance(use.value, cst.Name) and use.value.value == owner_name:
                        return f"line {located.module.line_of(use)}"
    return None


def _is_type_of(owner: cst.BaseExpression) -> bool:
    """``type(self)`` or ``self.__class__``, of whatever object: one of this class may be meant."""
    if isinstance(owner, cst.Call):
        return isinstance(owner.func, cst.Name) and owner.func.value == "type"
    return isinstance(owner, cst.Attribute) and owner.attr.value == "__class__"


def _is_classmethod(function: cst.FunctionDef) -> bool:
    names = [each.decorator.value for each in function.decorators if isinstance(each.decorator, cst.Name)]
    return "classmethod" in names or function.name.value in ("__new__", "__init_subclass__", "__class_getitem__")


def assigned_attributes(context: Context, name: str) -> bool:
    """Tell whether any of the files assigns or deletes an attribute of that name, of whatever object."""
    for module in context.hierarchy.modules.values():
        if name in module.source.text:
            finder = _Targets(name)
            module.tree.visit(finder)
            if finder.found:
                return True
    return False


def deleted_from_instance(node: cst.ClassDef, name: str) -> cst.CSTNode | None:
    """Find ``del self.name`` in a class."""
    finder = _Targets(name)
    node.visit(finder)
    return finder.deleted


class _Targets(cst.CSTVisitor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.found = False
        self.deleted: cst.CSTNode | None = None
        self._name = name

    def _is_it(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Attribute) and node.attr.value == self._name

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self.found = self.found or self._is_it(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self.found = self.found or self._is_it(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self.found = self.found or self._is_it(node.target)

    def visit_Del(self, node: cst.Del) -> None:
        targets = (
            [element.value for element in node.target.elements] if isinstance(node.target, cst.Tuple) else [node.target]
        )
        if any(self._is_it(target) for target in targets):
            self.found = True
            self.deleted = node


def is_unbound(function: cst.FunctionDef) -> bool:
    """Tell whether the first parameter of a method is no instance."""
    names = [each.decorator.value for each in function.decorators if isinstance(each.decorator, cst.Name)]
    return "staticmethod" in names or _is_classmethod(function)


def assigned_order(node: cst.ClassDef) -> list[str]:
    """Give the attributes that methods of a class set on their instance, in the order of the text, ``__init__`` first."""
    functions = [each for each in statements_of(node) if isinstance(each, cst.FunctionDef) and not is_unbound(each)]
    functions.sort(key=lambda function: function.name.value != "__init__")
    order: list[str] = []
    for function in functions:
        finder = _SelfTargets(first_parameter(function) or "")
        function.visit(finder)
        order += [name for name in finder.found if name not in order]
    return order


class _SelfTargets(cst.CSTVisitor):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._owner = owner

    def _take(self, target: cst.BaseExpression) -> None:
        if (
            isinstance(target, cst.Attribute)
            and isinstance(target.value, cst.Name)
            and target.value.value == self._owner
        ):
            self.found.append(target.attr.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._take(element.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._take(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._take(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._take(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._take(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._take(node.name)
