"""What objgraph gets in place of modules and built-in functions, so that nothing of the target runs while it draws.

Never imports: files would be read, and locks waited for that nobody releases. objgraph's search and its dot stay its own;
what would look at an object by way of ``repr``, ``len``, ``getattr`` or ``==`` is replaced.
"""

from heapscope.agent import facts
from heapscope.agent.holding import TYPE_SUBCLASS, plain_name
from heapscope.agent.layout import HEAP_TYPE

MAX_LABEL = 160
_CODE = type((lambda: None).__code__)
_FUNCTION = type(lambda: None)
_BUILTIN = type(len)
namespace_of_module = vars(type(facts))["__dict__"].__get__
_METHOD = type(facts.TypeDescriber(None, None).describe)
_LENGTHS = (list, tuple, dict, set, frozenset, str, bytes, bytearray)
_SAFE = (
    "id", "type", "issubclass", "set", "list", "tuple", "dict", "str", "float", "sorted", "map", "zip", "max", "min", "sum",
    "any", "all", "range", "enumerate", "object", "int", "bool", "ValueError", "AttributeError", "Exception", "NameError",
    "ImportError", "TypeError", "KeyError", "StopIteration", "staticmethod", "property", "__build_class__",
)  # fmt: skip


class _Namespace:
    """A stand-in for a module: nothing but the attributes given."""

    def __init__(self, **names):
        self.__dict__.update(names)


class Describer:
    """What a box says of an object, besides its type: a name or a length, never a value."""

    def __init__(self, sys, namespaces):
        self._module = type(sys)
        self._namespaces = namespaces
        self._frame = type(sys._getframe(0))

    def type_words(self, item):
        """Name an object's type."""
        name = facts.type_name(type(item)) or "?"
        return name[9:] if name.startswith("builtins.") else name

    def words(self, item):
        """Name the object, or count its items."""
        kind = type(item)
        if facts.flags_of(kind) & TYPE_SUBCLASS:
            return facts.type_name(item)
        if kind is self._module:
            return module_name(item)
        if kind is _BUILTIN:
            return plain_name(item.__name__)
        if kind is _FUNCTION:
            return _place(item.__code__, item.__code__.co_firstlineno)
        if kind is _METHOD and type(item.__func__) is _FUNCTION:
            return plain_name(item.__func__.__name__)
        if kind is _CODE:
            return _place(item, item.co_firstlineno)
        if kind is self._frame:
            return _place(item.f_code, item.f_lineno)
        if kind is dict and id(item) in self._namespaces:
            return "names of module " + module_name(self._namespaces[id(item)])
        return _length(item, kind)


def _length(item, kind):
    for base in _LENGTHS:
        if kind is base:
            unit = "characters" if base is str else "bytes" if base in (bytes, bytearray) else "items"
            return "%d %s" % (base.__len__(item), unit)
    return ""


def module_name(module):
    """Return what an exact module calls itself."""
    for name, value in dict.items(namespace_of_module(module)):
        if type(name) is str and name == "__name__":
            return facts.plain_text(value, MAX_LABEL)
    return ""


def _place(code, line):
    path = facts.plain_text(code.co_filename, 4096)
    parts = path.split("/")[-2:]
    return "%s %s:%s" % (facts.plain_text(code.co_name, 60), "/".join(parts)[-80:], line)


def modules_for(sys, gc):
    """Return the stand-ins for what objgraph imports; a name that is not here cannot be imported."""
    module_type = type(sys)
    empty = ("codecs", "collections", "itertools", "operator", "subprocess", "tempfile")
    found = {name: _Namespace() for name in empty}
    found["gc"] = gc
    found["sys"] = _Namespace(_getframe=sys._getframe, modules={}, getrefcount=sys.getrefcount)
    found["inspect"] = _Namespace(ismodule=lambda item: type(item) is module_type)
    found["os"] = _Namespace(environ={}, path=_Namespace(), defpath="", pathsep=":")
    found["re"] = _Namespace(compile=lambda pattern, flags=0: _Namespace(match=plain_name))
    found["types"] = _Namespace()
    found["io"] = _Namespace(StringIO=None)
    return found


def builtins_for(real, modules, referents):
    """Return the only built-in functions that objgraph can reach. ``referents`` finds the references of one object."""
    found = {name: real[name] for name in _SAFE if name in real}

    def import_stand_in(name, _globals=None, _locals=None, _fromlist=(), _level=0):
        if name not in modules:
            raise ImportError(name)
        return modules[name]

    found["__import__"] = import_stand_in
    found["getattr"] = safe_getattr
    found["hasattr"] = lambda kind, name: name == "__del__" and has_finalizer(kind, referents)
    found["len"] = safe_len
    found["repr"] = found["print"] = found["dir"] = forbidden
    return found


def forbidden(*_arguments, **_keywords):
    """Stand in for what would run code of the target."""
    raise RuntimeError("objgraph asked for what it must not have")


def safe_len(item):
    """Count the items of an exact built-in container."""
    if type(item) in _LENGTHS:
        return len(item)
    return forbidden()


def safe_getattr(item, name, *default):
    """Answer the one question that objgraph's search asks of an object: its class."""
    if name == "__class__":
        return type(item)
    return default[0] if default else forbidden()


def has_finalizer(kind, referents):
    """Whether a class, or one that it derives from, defines a finalizer in Python."""
    if not facts.flags_of(type(kind)) & TYPE_SUBCLASS:
        return False
    for base in facts.mro_of(kind):
        if facts.is_ready(base) and facts.flags_of(base) & HEAP_TYPE:
            for key in dict.keys(facts.namespace_of(base, referents)):
                if type(key) is str and key == "__del__":
                    return True
    return False
