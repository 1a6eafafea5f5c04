"""Uses of ``self.__dict__`` and ``vars(self)`` in a class, and what each becomes when there is none.

Never guesses: a use whose meaning over slots is not certain refuses the change.

    read of the whole (items, copy, in, ==, **, iteration)   ->  self._attributes(), a new dict of what is set
    x.__dict__.update(state), x.__dict__ = state             ->  a loop that sets each attribute
    self.__dict__["name"] = value                            ->  the slot of that name is set
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import libcst as cst

from heapscope.analysis.patching.context import Context
from heapscope.analysis.patching.dict_shapes import (
    MadeObjects,
    Names,
    constant_key,
    dict_owner,
    is_class,
    is_dict_of,
    is_update,
    items_of,
    set_slot,
    target_of,
)
from heapscope.analysis.patching.nodes import first_parameter, parse_lines, statements_of, with_statements
from heapscope.analysis.patching.uses import is_unbound

Replace = Callable[[cst.CSTNode], cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement]]
_READING_METHODS = frozenset({"items", "keys", "values", "get", "copy"})
_READERS = frozenset(
    {
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "sorted",
        "len",
        "iter",
        "repr",
        "str",
        "bool",
        "any",
        "all",
        "enumerate",
    }
)
STATE_READERS = ("__getstate__", "__reduce__", "__reduce_ex__")
STATE_METHODS = (*STATE_READERS, "__setstate__")


@dataclasses.dataclass(slots=True)
class DictUses:
    """What rewriting found: whether the helper is needed, and whether state methods are involved."""

    helper: str = ""
    methods: list[str] = dataclasses.field(default_factory=list)


def rewrite_dict_uses(node: cst.ClassDef, slots: Sequence[str], context: Context) -> tuple[cst.ClassDef, DictUses]:
    """Rewrite all methods of a class that use the instance's ``__dict__``.

    Raises:
        Refused: one uses it in a way that has no certain counterpart.
    """
    uses = DictUses()
    statements = []
    for statement in statements_of(node):
        edited = statement
        if isinstance(statement, cst.FunctionDef) and not is_unbound(statement):
            planner = _Planner(statement, slots, context, uses)
            statement.visit(planner)
            if planner.plans:
                edited = statement.visit(_Replacer(planner.plans))  # type: ignore[assignment]
                uses.methods.append(statement.name.value)
        statements.append(edited)
    for name in context.change.dict_readers:
        if name.rpartition(".")[2] not in uses.methods:
            context.note(f"{name} reads __dict__, but not as self.__dict__ or vars(self) in the class: look at it")
    return (with_statements(node, statements) if uses.methods else node), uses


def helper_name(uses: DictUses, context: Context) -> str:
    """Give the name of the method that lists what is set; its use makes it necessary."""
    if not uses.helper:
        uses.helper = context.free_name("_attributes", "_slot_attributes", "_attributes_by_name")
    return uses.helper


def _copies(call: cst.BaseExpression, owner: str) -> bool:
    """Tell whether an update takes the attributes of the instance itself."""
    return isinstance(call, cst.Call) and all(is_dict_of(each.value, owner) for each in call.args)


class _Replacer(cst.CSTTransformer):
    def __init__(self, plans: dict[cst.CSTNode, Replace]) -> None:
        super().__init__()
        self._plans = plans

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        plan = self._plans.get(original_node)
        return updated_node if plan is None else plan(updated_node)  # type: ignore[return-value]


class _Planner(cst.CSTVisitor):
    """Walks one method with the chain of nodes above, and plans a replacement for each use."""

    def __init__(self, method: cst.FunctionDef, slots: Sequence[str], context: Context, uses: DictUses) -> None:
        super().__init__()
        self.plans: dict[cst.CSTNode, Replace] = {}
        self._method = method
        self._name = method.name.value
        self._owner = first_parameter(method) or ""
        self._slots = slots
        self._context = context
        self._uses = uses
        self._above: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        receiver = dict_owner(node)
        if isinstance(node, cst.ClassDef):
            return False
        if receiver is not None and isinstance(receiver, cst.Name):
            self._plan(node, receiver.value)
        elif receiver is not None and not is_class(receiver):
            self._context.note(
                f"{self._name} reads the __dict__ of something: look whether it is a changed class", node
            )
        self._above.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._above and self._above[-1] is original_node:
            self._above.pop()

    def _plan(self, use: cst.CSTNode, receiver: str) -> None:
        if receiver == self._owner:
            if not (self._plan_write(use, receiver) or self._plan_read(use)):
                raise self._context.refuse(
                    f"{self._name} uses the instance's __dict__ in a way that slots do not have", use
                )
        elif not (
            self._plan_write(use, receiver) or self._plan_comparison(use, receiver) or self._is_class_name(receiver)
        ):
            self._context.note(
                f"{self._name} reads {receiver}.__dict__: it fails if {receiver} is of a changed class", use
            )

    def _is_class_name(self, receiver: str) -> bool:
        return receiver in ("cls", "klass", self._context.place.bare_name) or receiver[:1].isupper()

    # Reads

    def _plan_read(self, use: cst.CSTNode) -> bool:
        parent, outer = self._above[-1], self._above[-2] if len(self._above) > 1 else None
        if isinstance(parent, cst.Attribute) and isinstance(outer, cst.Call) and outer.func is parent:
            if parent.attr.value == "copy" and not outer.args:
                return self._replace(outer)
            return parent.attr.value in _READING_METHODS and self._replace(use)
        if isinstance(parent, cst.Arg) and isinstance(outer, cst.Call):
            return self._plan_argument(use, parent, outer)
        if isinstance(parent, cst.Subscript) and parent.value is use:
            return self._is_load(parent) and self._replace(use)
        if isinstance(parent, cst.Return):
            if self._name not in STATE_READERS:
                self._context.note(f"{self._name} returns a copy of the attributes, not the __dict__ itself", use)
            return self._replace(use)
        if isinstance(parent, cst.Assign | cst.AnnAssign | cst.Element):
            is_value = not isinstance(parent, cst.Element) and parent.value is use
            is_value = is_value or (isinstance(parent, cst.Element) and isinstance(outer, cst.Tuple))
            return is_value and self._name in STATE_READERS and self._replace(use)
        return self._plan_in_expression(use, parent)

    def _plan_in_expression(self, use: cst.CSTNode, parent: cst.CSTNode) -> bool:
        if isinstance(parent, cst.Comparison | cst.ComparisonTarget):
            operators = [parent] if isinstance(parent, cst.ComparisonTarget) else list(parent.comparisons)
            good = (cst.In, cst.NotIn, cst.Equal, cst.NotEqual)
            return all(isinstance(each.operator, good) for each in operators) and self._replace(use)
        if isinstance(parent, cst.For | cst.CompFor):
            return parent.iter is use and self._replace(use)
        reading = (
            cst.StarredDictElement,
            cst.StarredElement,
            cst.FormattedStringExpression,
            cst.BooleanOperation,
            cst.BinaryOperation,
            cst.If,
            cst.IfExp,
        )
        return isinstance(parent, (*reading, cst.UnaryOperation)) and self._replace(use)

    def _plan_argument(self, use: cst.CSTNode, argument: cst.Arg, call: cst.Call) -> bool:
        if argument.star == "**":
            return self._replace(use)
        name = call.func.value if isinstance(call.func, cst.Name) else ""
        if name == "dict" and len(call.args) == 1 and not argument.star:
            return self._replace(call)
        updates = isinstance(call.func, cst.Attribute) and call.func.attr.value == "update"
        if name not in _READERS and not updates and "copy.copy" not in self._context.module.meanings(call.func):
            self._context.note(f"{self._name} hands a copy of the attributes on, not the __dict__ itself", use)
        return self._replace(use)

    def _is_load(self, subscript: cst.Subscript) -> bool:
        outer = self._above[-2]
        return not (isinstance(outer, cst.AssignTarget | cst.Del | cst.AugAssign) and target_of(outer) is subscript)

    def _replace(self, node: cst.CSTNode) -> bool:
        text = f"{self._owner}.{helper_name(self._uses, self._context)}()"
        self.plans[node] = lambda _: cst.parse_expression(text)
        return True

    def _plan_comparison(self, use: cst.CSTNode, receiver: str) -> bool:
        """``self.__dict__ == other.__dict__``: the other side may be of a class without the helper, so ours reads it."""
        parent, outer = self._above[-1], self._above[-2]
        comparison = parent if isinstance(parent, cst.Comparison) else outer
        if not isinstance(comparison, cst.Comparison) or not isinstance(parent, cst.Comparison | cst.ComparisonTarget):
            return False
        sides = [comparison.left, *(each.comparator for each in comparison.comparisons)]
        if not any(is_dict_of(side, self._owner) for side in sides):
            return False
        text = f"type({self._owner}).{helper_name(self._uses, self._context)}({receiver})"
        self.plans[use] = lambda _: cst.parse_expression(text)
        return True

    # Writes

    def _plan_write(self, use: cst.CSTNode, receiver: str) -> bool:
        small = next((node for node in reversed(self._above) if isinstance(node, cst.BaseSmallStatement)), None)
        line = next((node for node in reversed(self._above) if isinstance(node, cst.SimpleStatementLine)), None)
        if small is None or line is None or len(line.body) != 1 or line.body[0] is not small:
            return False
        if isinstance(small, cst.Expr) and is_update(small.value, use):
            if self._name != "__setstate__" and not _copies(small.value, self._owner):
                self._context.note(
                    f"{self._name} sets attributes by computed names: names without a slot now fail", use
                )
            self.plans[line] = lambda new: self._loop(new, receiver)
            return True
        if not isinstance(small, cst.Assign) or len(small.targets) != 1:
            return False
        target = small.targets[0].target
        if target is use and (self._name == "__setstate__" or self._is_new_object(receiver)):
            self.plans[line] = lambda new: self._loop(new, receiver)
            return True
        key = constant_key(target, use)
        if key is not None and key in self._slots and receiver == self._owner:
            self.plans[line] = lambda new: set_slot(new, self._owner, key)
            return True
        return False

    def _is_new_object(self, receiver: str) -> bool:
        """Tell whether a name holds an instance that this method has just made, by ``__new__`` or a call of the class."""
        finder = MadeObjects(receiver, self._context.place.bare_name)
        self._method.visit(finder)
        if finder.made and not finder.is_empty:
            self._context.note(
                f"{self._name}: what __init__ set on {receiver} stays, unless it is set anew", self._method
            )
        return finder.made and receiver != self._owner

    def _loop(self, line: cst.CSTNode, receiver: str) -> cst.FlattenSentinel[cst.BaseStatement]:
        assert isinstance(line, cst.SimpleStatementLine)
        name, value = self._loop_names()
        text = f"for {name}, {value} in None:\n    {self._context.setter(receiver, name, value)}\n"
        (made,) = parse_lines(text, self._context.tree)
        assert isinstance(made, cst.For)
        loop = made.with_changes(iter=items_of(line.body[0]), leading_lines=line.leading_lines)
        if line.trailing_whitespace.comment is not None:
            assert isinstance(loop.body, cst.IndentedBlock)
            loop = loop.with_changes(body=loop.body.with_changes(header=line.trailing_whitespace))
        return cst.FlattenSentinel([loop])

    def _loop_names(self) -> tuple[str, str]:
        used = Names()
        self._method.visit(used)
        pairs = (("name", "value"), ("attribute", "its_value"), ("slot_name", "slot_value"))
        for pair in pairs:
            if not used.found.intersection(pair):
                return pair
        raise self._context.refuse(f"no name is free in {self._name}", self._method)
