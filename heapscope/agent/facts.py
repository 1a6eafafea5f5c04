"""Facts about types, read through the base accessors of ``type``: names, sizes, bases, flags.

Never calls what a class or a metaclass defines: no getattr on classes, no hash, no comparison, no user descriptor.
"""

from heapscope.agent.layout import HEAP_TYPE
from heapscope.wire.protocol import MAX_NAME


def _suspended():
    yield


_OWN = type.__dict__
basicsize_of = _OWN["__basicsize__"].__get__
itemsize_of = _OWN["__itemsize__"].__get__
flags_of = _OWN["__flags__"].__get__
dictoffset_of = _OWN["__dictoffset__"].__get__
weakrefoffset_of = _OWN["__weakrefoffset__"].__get__
_bases = _OWN["__bases__"].__get__
_mro = _OWN["__mro__"].__get__
_name = _OWN["__name__"].__get__
_qualname = _OWN["__qualname__"].__get__
_module = _OWN["__module__"].__get__
_mapping = _OWN["__dict__"].__get__
_FUNCTION = type(lambda: None)
FRAME = id(type(_suspended().gi_frame))
_READY = 1 << 12  # Py_TPFLAGS_READY
_DICT_SUBCLASS = 1 << 29
MAX_OWN_NAMES = 1024
MAX_MRO = 1024


def plain_text(value, limit=MAX_NAME):
    """Return a str of exact type and bounded length; "" for anything else."""
    if type(value) is not str:
        if not str.__flags__ & flags_of(type(value)) & (1 << 28):
            return ""
        value = str.__str__(value)
    return value[:limit]


def bases_of(kind):
    """Return the bases; none for a static type that was never made ready (3.8's _asyncio has one): its getter crashes."""
    return _bases(kind) if is_ready(kind) else ()


def is_ready(kind):
    """Whether a type is complete; getters of one that is not may crash."""
    return bool(flags_of(kind) & _READY)


def is_unfinished(kind):
    """Whether a class is being made: its name and its namespace may be missing."""
    return bool(flags_of(kind) & HEAP_TYPE) and not is_ready(kind)


def mro_of(kind):
    """Return the classes that attribute look-up visits; empty while a class is being made."""
    return _mro(kind) or ()


def namespace_of(kind, referents):
    """Return the class's own dict itself (of ctypes a subclass of dict), or an empty one while the class is not ready."""
    try:
        found = referents(_mapping(kind))
    except TypeError:
        return {}
    return found[0] if found and flags_of(type(found[0])) & _DICT_SUBCLASS else {}


def type_name(kind):
    """Return "module.qualname", cleaned of anything that is not plain text; "" for a class that is being made."""
    if is_unfinished(kind):
        return ""
    module = module_of(kind)
    name = plain_text(_qualname(kind))
    return (module + "." + name if module else name)[:MAX_NAME]


def module_of(kind):
    """Return the module that a class names, if it names one."""
    if is_unfinished(kind):
        return ""
    try:
        return plain_text(_module(kind))
    except (AttributeError, ValueError):
        return ""


class TypeDescriber:
    """Builds TYPES records (TYPE_KEYS)."""

    def __init__(self, referents, layout):
        self._referents = referents
        self._layout = layout

    def describe(self, kind):
        """Return one record; runs no code of the class."""
        flags = flags_of(kind)
        is_heap = bool(flags & HEAP_TYPE)
        namespace = namespace_of(kind, self._referents)
        names, kinds = self._own(namespace) if is_heap else (None, None)
        file, line = self._place(namespace) if is_heap else ("", 0)
        keys = self._layout.cached_keys(id(kind)) if is_heap and self._layout.verified else None
        return {
            "address": id(kind),
            "name": type_name(kind) or "?",
            "module": module_of(kind),
            "basicsize": max(0, basicsize_of(kind)),
            "itemsize": itemsize_of(kind),
            "dictoffset": dictoffset_of(kind),
            "weaklistoffset": weakrefoffset_of(kind),
            "tp_flags": flags,
            "is_heap": is_heap,
            "metatype": id(type(kind)),
            "mro": list(map(id, mro_of(kind)[:MAX_MRO])),
            "bases": list(map(id, (bases_of(kind) or ())[:MAX_MRO])),
            "own_names": names,
            "own_kinds": kinds,
            "has_slots": any(type(key) is str and key == "__slots__" for key in dict.keys(namespace))
            if is_heap
            else False,
            "shared_keys_bytes": min(keys.size, 1 << 20) if keys is not None else 0,
            "file": file,
            "line": line,
        }

    def _own(self, namespace):
        names = []
        kinds = []
        for key, value in dict.items(namespace):
            if type(key) is str and len(names) < MAX_OWN_NAMES:
                names.append(key[:MAX_NAME])
                kinds.append(plain_text(_name(type(value))))
        return names, kinds

    def _place(self, namespace):
        file, line = "", 0
        for key, value in dict.items(namespace):
            if type(key) is str and key == "__firstlineno__" and type(value) is int and 0 < value < 1 << 31:
                line = value
            if type(value) is _FUNCTION:
                code = value.__code__
                name = plain_text(code.co_filename)
                if not file or (file == name and code.co_firstlineno < line):
                    file = name
                    line = min(line, code.co_firstlineno) if line else code.co_firstlineno
        return file, max(0, line)
