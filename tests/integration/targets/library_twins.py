"""Builds the slotted twin of a class for real, and tries whether instances survive what instances of the class survive.

Never changes a class or an instance that was there before. Runs in the target, after the capture.
"""

import copy
import dataclasses
import pickle
import sys
import types
import weakref

TWIN = "__twin"
LEFT_OUT = ("__dict__", "__weakref__", "__slots__", "__slotnames__", "__static_attributes__", "__firstlineno__")


def gives_dict(kind):
    """Tell whether the class's own statement gives instances a __dict__."""
    return "__dict__" in kind.__dict__


def with_cell(value, old, new):
    """Return a function that closes over the twin where the original closes over the class, as ``super()`` does."""
    if isinstance(value, (classmethod, staticmethod)):
        return type(value)(with_cell(value.__func__, old, new))
    if type(value) is property:
        return property(*[part and with_cell(part, old, new) for part in (value.fget, value.fset, value.fdel)])
    if type(value) is not types.FunctionType or not value.__closure__:
        return value
    cells = []
    for cell in value.__closure__:
        try:
            cells.append(new if cell.cell_contents is old else cell)
        except ValueError:
            cells.append(cell)
    made = types.FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, tuple(cells))
    made.__kwdefaults__ = value.__kwdefaults__
    made.__dict__.update(value.__dict__)
    made.__qualname__ = value.__qualname__
    return made


def make_twin(kind, names, weak):
    """Build the twin of a class and of every class above it that gives a __dict__; only the class itself gets names."""
    twins = {}
    for old in reversed(kind.__mro__):
        if old is kind or gives_dict(old) or any(base in twins for base in old.__bases__):
            wanted = tuple(names) + (("__weakref__",) if weak else ()) if old is kind else own_slots(old)
            twins[old] = copy_class(old, tuple(twins.get(base, base) for base in old.__bases__), wanted)
    return twins[kind]


def own_slots(kind):
    """Return the slots that a class declares itself, without those for a __dict__ or for weak references."""
    found = kind.__dict__.get("__slots__", ())
    found = (found,) if isinstance(found, str) else tuple(found)
    return tuple(name for name in found if name not in ("__dict__", "__weakref__"))


def copy_class(kind, bases, slots):
    """Make one class again, with other bases and with slots."""
    cell = types.CellType()
    declared = set(own_slots(kind))
    mangled = {name for name, value in kind.__dict__.items() if type(value) is types.MemberDescriptorType}
    namespace = {
        name: with_cell(value, kind, cell)
        for name, value in kind.__dict__.items()
        if name not in LEFT_OUT and name not in mangled
    }
    is_dataclass = "__dataclass_fields__" in namespace and not mangled and sys.version_info >= (3, 10) and slots
    if not is_dataclass:
        # Slots that it has for now stay, spelled as the class's own namespace has them.
        namespace["__slots__"] = tuple(dict.fromkeys([*slots, *(mangled if declared else ())]))
        namespace["__slots__"] = tuple(name for name in namespace["__slots__"] if not is_spelled_twice(name, mangled))
    made = type(kind)(kind.__name__, bases, namespace)
    made.__qualname__ = kind.__qualname__ + TWIN
    if is_dataclass:
        frozen = kind.__dataclass_params__.frozen
        weak = ("__weakref__" in slots,) if sys.version_info >= (3, 11) else ()
        made = dataclasses._add_slots(made, frozen, *weak)
    cell.cell_contents = made
    return made


def is_spelled_twice(name, mangled):
    """Tell whether a private name is among the slots in its mangled form as well."""
    return name.startswith("__") and not name.endswith("__") and any(each.endswith(name) for each in mangled)


def bare(kind):
    """Make an instance without running code of the class."""
    native = next(base for base in kind.__mro__ if not base.__flags__ & (1 << 9))
    if issubclass(kind, BaseException):
        native = BaseException
    return native.__new__(kind)


def fill(instance, original):
    """Give an instance all attributes of another one."""
    for name in attributes_of(original):
        object.__setattr__(instance, name, getattr_plain(original, name))
    if isinstance(original, dict):
        dict.update(instance, original)
    elif isinstance(original, list):
        list.extend(instance, original)
    elif isinstance(original, set):
        set.update(instance, original)


def attributes_of(instance):
    """List the attributes of an instance, in its __dict__ and in slots."""
    found = list(getattr(instance, "__dict__", ()))
    for kind in type(instance).__mro__:
        for name, value in kind.__dict__.items():
            if type(value) is types.MemberDescriptorType and kind.__flags__ & (1 << 9):
                try:
                    value.__get__(instance)
                except AttributeError:
                    continue
                found.append(name)
    return list(dict.fromkeys(found))


def getattr_plain(instance, name):
    """Return an attribute without running code of the class."""
    held = getattr(instance, "__dict__", {})
    return held[name] if name in held else object.__getattribute__(instance, name)


USES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda item: pickle.loads(pickle.dumps(item, 4)),
    "weakref": weakref.ref,
}


def survives(use, instance, kind):
    """Try one use. A pickle finds a twin by its name, beside the class, of which its attributes may be. Returns the failure."""
    module, name = sys.modules.get(kind.__module__), kind.__qualname__
    is_named = module is not None and name.endswith(TWIN)
    try:
        if is_named:
            setattr(module, name, kind)
        result = USES[use](instance)
        missing = set()
        if use != "weakref":
            missing = set(attributes_of(instance)) - set(attributes_of(result))
        return "loses %s" % sorted(missing) if missing else ""
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)
    finally:
        if is_named:
            delattr(module, name)


def try_twin(kind, instances, names, weak, uses):
    """Return what the twin cannot do and the class can; {} if nothing."""
    try:
        twin = make_twin(kind, names, weak)
    except Exception as error:
        return {"build": "%s: %s" % (type(error).__name__, error)}
    if any("__dict__" in each.__dict__ for each in twin.__mro__):
        return {"build": "still has a __dict__"}
    faults = {}
    for original in instances[:20]:
        instance = None
        try:
            instance = bare(twin)
            fill(instance, original)
        except Exception as error:
            faults["fill"] = "%s: %s" % (type(error).__name__, error)
            continue
        for use in uses:
            found = survives(use, instance, twin)
            if found and not survives(use, original, kind):
                faults[use] = found
    return faults
