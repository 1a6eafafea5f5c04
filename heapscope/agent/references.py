"""References that the collector does not show: dict keys, members of code and ranges, static types' dicts, numpy objects.

Never calls an override: dict subclasses are read with the methods of dict, arrays only where the type is exactly numpy's.
"""

from heapscope.agent import facts

_KEYS = dict.keys
_VALUES = dict.values
_CODE_MEMBERS = ("co_consts", "co_names", "co_filename", "co_name", "co_qualname", "co_linetable", "co_exceptiontable")
_OLD_CODE_MEMBERS = ("co_varnames", "co_freevars", "co_cellvars", "co_code")
_OPTIMIZED = 1  # CO_OPTIMIZED: the code of a function
_NAME = type.__dict__["__name__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_BASE = type.__dict__["__base__"].__get__
_MRO = type.__dict__["__mro__"].__get__
_MODULE_DICT = vars(type(facts))["__dict__"].__get__
HEAP_TYPE = 1 << 9


def dict_references(items):
    """Return the keys, then the values, of an exact dict."""
    result = list(items)
    result += items.values()
    return result


def make_dict_subclass(referents):
    """Return a function: keys, values, then whatever else an instance of a dict subclass refers to."""

    def references(instance):
        keys = list(_KEYS(instance))
        values = list(_VALUES(instance))
        seen = referents(instance)
        count = len(keys)
        pairs = [item for pair in zip(values, keys) for item in pair]
        # dict's own traverse comes last: values alone for text keys, value and key in turn otherwise.
        if count and list(map(id, seen[-2 * count :])) == list(map(id, pairs)):
            rest = seen[: -2 * count]
        else:
            rest = seen[: len(seen) - count]
        return keys + values + rest

    return references


def make_code(minor):
    """Return a function: what a code object holds."""

    def references(code):
        result = [getattr(code, name) for name in _CODE_MEMBERS if minor >= 11 or name in ("co_consts", "co_names")]
        if minor >= 11:
            # These tuples are made on demand; their items are what the code object holds.
            result += code.co_varnames + code.co_freevars + code.co_cellvars
        else:
            result += [code.co_filename, code.co_name]
            result += [getattr(code, name) for name in _OLD_CODE_MEMBERS]
            # 3.10 makes co_lnotab on demand: the one it makes here is not in the target.
            result.append(code.co_linetable if minor == 10 else code.co_lnotab)
        return result

    return references


def make_module(referents, version):
    """Return a function for modules, or None where the collector's view will do.

    Visiting 3.12.0-3.12.5's ``_asyncio`` a second time never ends: its traverse makes its free list a ring (gh-122695).
    """
    if not (3, 12, 0) <= tuple(version)[:3] <= (3, 12, 5):
        return None

    def references(module):
        namespace = _MODULE_DICT(module)
        name = namespace.get("__name__") if type(namespace) is dict else None
        if type(name) is str and name == "_asyncio":
            return [namespace]
        return referents(module)

    return references


def range_references(value):
    """Return the three members of a range."""
    return [value.start, value.stop, value.step]


def make_type(referents):
    """Return a function: what a type holds; static types are not seen by the collector at all."""

    def references(kind):
        if facts.flags_of(kind) & HEAP_TYPE:
            if facts.is_unfinished(kind):
                return referents(kind)
            return [*referents(kind), _NAME(kind), _QUALNAME(kind)]
        if not facts.is_ready(kind):
            return []
        result = [item for item in (_MRO(kind), facts.bases_of(kind), _BASE(kind)) if item is not None]
        result.append(facts.namespace_of(kind, referents))
        return result

    return references


def make_array(array_type):
    """Return a function for exact numpy arrays: the base, the dtype, and the items of object arrays."""
    base_of = array_type.__dict__["base"].__get__
    dtype_of = array_type.__dict__["dtype"].__get__
    flatten = array_type.__dict__["ravel"]
    to_list = array_type.__dict__["tolist"]

    def references(array):
        dtype = dtype_of(array)
        base = base_of(array)
        result = [dtype] if base is None else [dtype, base]
        if base is None and dtype.kind == "O":
            result += to_list(flatten(array, "K"))
        return result

    return references


def make_frame(referents, executing, minor):
    """Return a function for frames. On 3.11+ the collector sees nothing of an executing frame."""

    def references(frame):
        if minor < 11 or id(frame) not in executing:
            return referents(frame)
        result = [frame.f_code, frame.f_globals, frame.f_builtins]
        if frame.f_back is not None:
            result.append(frame.f_back)
        code = frame.f_code
        if minor < 13 and not code.co_flags & _OPTIMIZED and (code.co_cellvars or code.co_freevars):
            return result  # reading would write cells into the namespace of a class body, which may be user code
        names = frame.f_locals
        if names is frame.f_globals:
            return result
        if type(names) is dict or type(names).__name__ == "FrameLocalsProxy":
            result += list(names.values())
        else:
            result.append(names)
        return result

    return references


def with_dict(referents, attributes):
    """Return the referents of an instance whose inline values have a dict object: the dict, and not its values too.

    3.13.0 shows the values, newer releases the dict.
    """
    if id(attributes) in map(id, referents):
        return referents
    shown = list(map(id, attributes.values()))
    result = []
    for item in referents:
        if id(item) in shown:
            shown.remove(id(item))
        else:
            result.append(item)
    result.append(attributes)
    return result
