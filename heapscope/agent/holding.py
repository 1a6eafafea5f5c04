"""How one object refers to another, in words: attribute, key, position, variable. For drawings, where every name is wanted at once.

Never calls code of the target: exact types only, comparisons by identity, instances read from memory. "" where not known.
"""

from heapscope.agent import facts, references
from heapscope.agent.layout import INLINE_VALUES, MANAGED_DICT, MAX_SHARED_KEYS, round8

MAX_SEARCHED = 1 << 20  # entries of one container
MAX_NAME = 100
DICT_SUBCLASS = 1 << 29
TYPE_SUBCLASS = 1 << 31
_FUNCTION = type(lambda: None)
_MEMBER = type(_FUNCTION.__dict__["__closure__"])
_MEMBER_GET = _MEMBER.__dict__["__get__"]


def _make_closure(value):
    return lambda: value


_CELL = type((_make_closure(None).__closure__ or (None,))[0])


def plain_name(value):
    """Return a str of exact type that is an identifier; "" for anything else: other texts are data."""
    return value if type(value) is str and len(value) <= MAX_NAME and value.isidentifier() else ""


class Holding:
    """Names references. ``memory`` and ``layout`` are the walker's; without the first, attributes in values have no names."""

    def __init__(self, sys, referents, memory, layout):
        self._referents = referents
        self._memory = memory
        self._layout = layout
        self._minor = sys.version_info[1]
        self._frame_type = type(sys._getframe(0))
        self._module_type = type(sys)
        self._names = {}  # id of a class -> names in its shared keys
        self._members = {}  # id of a class -> [(name, descriptor)]

    def name(self, source, target):
        """Say how ``source`` refers to ``target``."""
        kind = type(source)
        if facts.flags_of(kind) & DICT_SUBCLASS:
            return self._key(source, target)
        if kind is list or kind is tuple:
            return self._position(source, target)
        if kind is self._frame_type:
            return self._variable(source, target)
        if kind is _CELL:
            return "cell_contents"
        if type(target) is dict and self._is_namespace(source, target):
            return "__dict__"
        return self._attribute(source, target) or self._member(source, target)

    def _key(self, source, target):
        for number, (key, value) in enumerate(dict.items(source)):
            if value is target:
                name = plain_name(key)
                return name or "[%s]" % facts.type_name(type(key)).replace("builtins.", "")
            if number >= MAX_SEARCHED:
                return ""
        return "key" if any(key is target for key in dict.keys(source)) else ""

    def _position(self, source, target):
        for number, value in enumerate(source):
            if value is target:
                return "[%d]" % number
            if number >= MAX_SEARCHED:
                break
        return ""

    def _variable(self, frame, target):
        for name, value in self.variables(frame):
            if value is target:
                return name
        if target is frame.f_globals:
            return "f_globals"
        if target is frame.f_code:
            return "f_code"
        return "f_back" if target is frame.f_back else ""

    def variables(self, frame):
        """Return (name, value) of the local variables of a function; nothing where reading them would write elsewhere."""
        code = frame.f_code
        if self._minor < 13 and not code.co_flags & references._OPTIMIZED:
            return []
        names = frame.f_locals
        if names is frame.f_globals or not (type(names) is dict or type(names).__name__ == "FrameLocalsProxy"):
            return []
        return [(plain_name(name), value) for name, value in names.items()]

    def _is_namespace(self, source, target):
        if type(source) is self._module_type or facts.flags_of(type(source)) & TYPE_SUBCLASS:
            return True
        if self._memory is None:
            return False
        flags = facts.flags_of(type(source))
        offset = -24 if self._minor >= 11 and flags & MANAGED_DICT else facts.dictoffset_of(type(source))
        return bool(offset) and self._memory.word(id(source) + offset) == id(target)

    def _attribute(self, source, target):
        """An attribute whose value lies in the instance, or in a block of its own (3.11 and newer)."""
        kind = type(source)
        if self._memory is None or not self._layout.verified:
            return ""
        flags = facts.flags_of(kind)
        if self._minor < 11 or not flags & MANAGED_DICT:
            return ""
        names = self._names.get(id(kind))
        if names is None:
            keys = self._layout.cached_keys(id(kind))
            names = self._names[id(kind)] = self._layout.names(keys) if keys is not None else []
        word = self._memory.word
        if self._minor == 11:
            values = word(id(source) - 32)
        elif self._minor == 12:
            values = word(id(source) - 24)
            values = values + 1 if values & 1 else 0  # the mark is one below the address
        else:
            values = id(source) + round8(facts.basicsize_of(kind)) + 8 if flags & INLINE_VALUES else 0
        if not values:
            return ""
        for number in range(min(len(names), MAX_SHARED_KEYS)):
            if word(values + 8 * number) == id(target):
                return plain_name(names[number])
        return ""

    def _member(self, source, target):
        """Slots, and members that C types offer: their descriptors are C code, and make no reference to others."""
        kind = type(source)
        members = self._members.get(id(kind))
        if members is None:
            members = self._members[id(kind)] = [
                (plain_name(name), value)
                for base in facts.mro_of(kind)
                if facts.is_ready(base)
                for name, value in dict.items(facts.namespace_of(base, self._referents))
                if type(value) is _MEMBER
            ]
        for name, descriptor in members:
            try:
                value = _MEMBER_GET(descriptor, source, kind)
            except (AttributeError, TypeError, SystemError, ValueError):
                continue
            if value is target:
                return name
        return ""
