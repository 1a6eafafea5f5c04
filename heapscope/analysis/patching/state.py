"""Methods that pickle and copy call, and the helper that lists the attributes: written over slots.

Never changes what a pickle holds where the class said it itself: a plain dict stays a plain dict, in both directions.
"""

from __future__ import annotations

import libcst as cst

from heapscope.analysis.patching.context import DATACLASS, Context
from heapscope.analysis.patching.dict_uses import STATE_METHODS, STATE_READERS, DictUses, helper_name
from heapscope.analysis.patching.nodes import append_methods, bound_names

_HELPER = '''\
def {name}(self):
    """Return the attributes that are set, by name: in slots, and in __dict__ if there is one."""
    found = {{}}
    for cls in reversed(type(self).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = "_" + cls.__name__.lstrip("_") + name
            if name not in ("__dict__", "__weakref__"):
                try:
                    found[name] = object.__getattribute__(self, name)
                except AttributeError:
                    pass
    found.update(getattr(self, "__dict__", ()))
    return found
'''
_GETSTATE = '''\
def __getstate__(self):
    """Return what is set, as one dict: what __dict__ was."""
    return self.{name}()
'''
_SETSTATE = '''\
def __setstate__(self, state):
    """Set what __getstate__ gave."""
    for name, value in state.items():
        {set}
'''
_SETSTATE_OLD = '''\
def __setstate__(self, state):
    """Restore a pickle: a pair of dicts, or one dict from before the class had slots."""
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in (part or {{}}).items():
            {set}
'''
_SETSTATE_AFTER_BASE = '''\
def __setstate__(self, state):
    """Have defaults for what an old pickle does not hold."""
    super().__setstate__(state)
'''


def add_state_methods(node: cst.ClassDef, uses: DictUses, context: Context, *, has_defaults: bool) -> cst.ClassDef:
    """Add what the class needs so that copies and pickles work without a ``__dict__``."""
    bound, bases = bound_names(node), _base_names(context)
    rewritten = any(name in STATE_METHODS for name in uses.methods)
    inherited = any(name in bases for name in STATE_METHODS)
    frozen_slots = context.is_frozen and "__slots__" in bound
    setter = context.setter("self", "name", "value")
    if rewritten or (frozen_slots and not inherited):
        if "__setstate__" not in bound and "__setstate__" not in bases:
            node = append_methods(node, _SETSTATE.format(set=setter), context.tree)
        if not any(name in bound or name in bases for name in STATE_READERS):
            node = append_methods(node, _GETSTATE.format(name=helper_name(uses, context)), context.tree)
    elif context.options.old_pickles:
        node = _add_for_old_pickles(node, context, setter, has_defaults=has_defaults)
    if uses.helper:
        node = append_methods(node, _HELPER.format(name=uses.helper), context.tree)
    return node


def _add_for_old_pickles(node: cst.ClassDef, context: Context, setter: str, *, has_defaults: bool) -> cst.ClassDef:
    bound, bases = bound_names(node), _base_names(context)
    if any(name in bound for name in STATE_METHODS):
        return node  # it says itself how it is restored
    if any(name in bases for name in STATE_METHODS):
        return node
    if _base_gets_setstate(context):
        return append_methods(node, _SETSTATE_AFTER_BASE, context.tree) if has_defaults else node
    if context.is_frozen and context.decorated_by(DATACLASS):
        return _frozen_dataclass(node, context, setter)
    return append_methods(node, _SETSTATE_OLD.format(set=setter), context.tree)


def _frozen_dataclass(node: cst.ClassDef, context: Context, setter: str) -> cst.ClassDef:
    """dataclass(slots=True) gives a frozen class state methods that hold a list, which read an old dict wrongly."""
    if context.options.version < (3, 11):
        raise context.refuse(
            "old pickles of a frozen dataclass: before Python 3.11 the decorator replaces __setstate__"
        )
    text = (
        'def __getstate__(self):\n    """Return the fields as one dict: what __dict__ was."""\n'
        "    return {name: getattr(self, name) for name in self.__dataclass_fields__ if hasattr(self, name)}\n"
    )
    node = append_methods(node, text, context.tree)
    return append_methods(node, _SETSTATE.format(set=setter), context.tree)


def _base_names(context: Context) -> set[str]:
    return {name for base in context.ancestors() for name in bound_names(base.place.node)}


def _base_gets_setstate(context: Context) -> bool:
    """Tell whether a base changes with this class, and so gets a ``__setstate__`` for old pickles."""
    return any(base.place in context.changed for base in context.ancestors())
