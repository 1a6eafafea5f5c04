"""Values of every built-in type, and of those of the standard library that own memory or hide references.

What a version does not have is left out.
"""

import array
import asyncio
import collections
import contextvars
import datetime as dt
import decimal
import enum
import fractions
import functools
import gc
import io
import itertools
import operator
import re
import struct
import sys
import threading
import types
import uuid
import weakref

from native_classes import Plain, SubError, hold


class Descriptors:
    """Things that stand in a class."""

    @property
    def value(self):
        """One."""
        return 1

    @staticmethod
    def static():
        """One."""
        return 1

    @classmethod
    def of_class(cls):
        """The class."""
        return cls

    method = functools.partialmethod(operator.add, 1)
    nested = type("Nested", (), {"x": 1})


class Colour(enum.Enum):
    """An enum."""

    RED = 1
    GREEN = "green"


class Bits(enum.IntFlag):
    """A flag."""

    ONE = 1
    TWO = 2


Named = collections.namedtuple("Named", "x y")  # noqa: PYI024 - another way to make a class


def numbers_and_constants():
    """Numbers of one digit and of many, and what exists once."""
    made = [0, 1, -1, 255, 256, 257, 1 << 30, 1 << 60, -(1 << 90), 7**400, True]
    return [*made, 1.5, 2j, None, Ellipsis, NotImplemented, object()]


def texts():
    """Each width, long and short, interned, with a cached UTF-8 form; bytes; buffers with room to spare."""
    cached_form = type("named \u20ac", (), {}).__name__  # making a class asks for the UTF-8 form
    hash("hashed \u20ac")
    made = ["", "a", "ascii text", "é" * 9, "\u20ac" * 9, "\U0001f600" * 9, "x" * 100000, "\ud800 lone", cached_form]
    made += [sys.intern("interned é \u20ac"), b"", b"b", b"by" * 999]
    halved = bytearray(b"y" * 4000)
    del halved[:3000]
    made += [halved, bytearray(), bytearray(b"x" * 999), bytearray(b"abc")[1:], array.array("d", [1.0] * 99)]
    return [*made, memoryview(b"view"), memoryview(bytearray(b"v" * 99))[5:]]


def containers():
    """Empty, full, grown, with holes."""
    grown = [None]
    grown.extend(range(100))
    del grown[50:]
    holes = {n: str(n) for n in range(200)}
    for number in range(0, 200, 3):
        del holes[number]
    text_holes = {"t%d" % n: n for n in range(99)}
    for number in range(50):
        del text_holes["t%d" % number]
    made = [grown, holes, text_holes, [], [1], list(range(1000)), [[[]]], (), (1,), (1, (2, (3, ())))]
    made += [set(), {1}, set(range(1000)), frozenset(), frozenset([1, "a"]), {frozenset([2])}, {}, {"a": 1}]
    made += [{n: n for n in range(1000)}, {"k%d" % n: [n] for n in range(99)}, types.MappingProxyType({"p": [1]})]
    return [*made, {}.keys(), {1: 2}.items(), {3: 4}.values(), type(sys.implementation)(a=1, b=[2])]


def iterators_and_callables():
    """What refers to others by members written in C."""
    made = [range(5), range(10**30, 10**31, 7), slice(1, [2], None), iter([1]), iter(()), iter({1: 2}), iter("text")]
    made += [zip([1], [2]), map(str, [1]), filter(None, [1]), enumerate([1]), reversed([1, 2]), iter({1})]
    made += [itertools.chain([1], [2]), itertools.count(10**30), itertools.tee([1, 2])[0], itertools.groupby([1])]
    made += [len, [].append, "a".join, list.append, list.__len__, int.__add__, (5).__add__, dict.fromkeys]
    return [
        *made,
        types.MethodType(hold, 5),
        staticmethod(hold),
        classmethod(hold),
        property(hold),
        super(Plain, Plain(1)),
    ]


def plain_values():
    """All of built-in types."""
    return [numbers_and_constants(), texts(), containers(), iterators_and_callables()]


def library_values():
    """Values of types of the standard library that own memory or hide references."""
    deque = collections.deque(range(1000))
    ordered = collections.OrderedDict((n, [n]) for n in range(50))
    for number in range(10):
        ordered.pop(number)
    context = contextvars.copy_context()
    variable = contextvars.ContextVar("variable", default=(1,))
    variable.set({"in": "context"})
    made = [
        deque,
        collections.deque([1, 2], 2),
        ordered,
        collections.defaultdict(list, a=[1]),
        collections.Counter("hello"),
    ]
    made += [collections.ChainMap({1: 2}, {}), Named(1, [2]), context, variable, contextvars.copy_context()]
    made += [
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
        dt.date(2020, 1, 1),
        dt.timedelta(5),
    ]
    made += [
        decimal.Decimal("1.5"),
        decimal.Decimal(10) ** 400,
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        struct.Struct("iid"),
    ]
    made += [
        re.compile("a(b)?(?P<c>d)"),
        re.compile(b"x"),
        re.match("(a)", "a"),
        functools.partial(hold, 1, k=[2]),
        Colour.RED,
        Descriptors(),
        Bits.ONE,
    ]
    made += [io.BytesIO(b"z" * 5000), io.StringIO("text"), operator.itemgetter(1, 2), operator.attrgetter("a.b")]
    made += [weakref.WeakValueDictionary(), weakref.WeakKeyDictionary(), weakref.WeakSet(), threading.local()]
    target = hold(Plain(77))
    made += [
        weakref.ref(target),
        weakref.proxy(target),
        weakref.ref(target, hold),
        weakref.WeakMethod(Plain(1).__init__),
    ]
    made[-5].attribute = [1]
    made += [cached(n) for n in range(20)] + [cached, bounded] + [bounded(n) for n in range(200)][-1:]
    return made


@functools.lru_cache(maxsize=None)
def cached(number):
    """Every result is kept."""
    return [number]


@functools.lru_cache(maxsize=64)
def bounded(number):
    """Some results are kept."""
    return {number: str(number)}


def closure(value):
    """A function that holds a cell."""
    unset = later = value

    def inner(argument=[value]):  # noqa: B006
        return value, argument, later

    del unset
    return inner


def generator(value):
    """Waits with locals on its frame."""
    local = {"value": value}
    for item in [value, [value]]:
        yield item, local


async def coroutine(future):
    """Waits for ever."""
    local = object()
    await future
    return local


async def async_generator(value):
    """Suspended after its first value."""
    yield value
    yield [value]


def suspended():
    """Generators and coroutines in each state: not begun, suspended, ended."""
    made = [generator(1), generator([2]), coroutine(None), async_generator(3)]
    next(made[1])
    ended = generator(3)
    list(ended)
    deeper = (each for each in generator([4]))
    next(deeper)
    started = async_generator([5])
    try:
        started.asend(None).send(None)
    except StopIteration:
        pass
    return [*made, ended, deeper, started]


def failures():
    """Exceptions with tracebacks, causes and frames."""
    made = []
    for wrong in ([], {}):
        try:
            try:
                hold(wrong)
                wrong["missing"]
            except (KeyError, TypeError) as error:
                raise SubError("again", error) from error
        except SubError as error:
            error.note = [wrong]
            made.append(error)
    return made


def tasks():
    """An event loop with tasks that wait, not running."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    future = loop.create_future()
    made = [loop.create_task(coroutine(future)) for _ in range(5)]
    loop.run_until_complete(asyncio.sleep(0))
    loop.call_later(10**6, hold, "later")
    return [loop, future, *made]


def modern():
    """What newer versions added."""
    source = ["import dataclasses", "@dataclasses.dataclass", "class Record:", "    a: int", "    b: str = 'x'"]
    source += ["records = [Record(n) for n in range(40)]"]
    if sys.version_info >= (3, 10):
        source += [
            "@dataclasses.dataclass(slots=True)",
            "class SlotRecord:",
            "    a: int = 1",
            "slots = [SlotRecord() for _ in range(9)]",
        ]
    if sys.version_info >= (3, 12):
        source += [
            "type Alias[T] = list[T]",
            "def generic[T](x: T) -> T: return x",
            "class Generic[T]: pass",
            "g = Generic[int]()",
        ]
    if sys.version_info >= (3, 9):
        source += ["alias = list[int]", "union = dict[str, 'later']"]
    if sys.version_info >= (3, 10):
        source += ["either = int | str"]
    if sys.version_info >= (3, 11):
        source += ["group = ExceptionGroup('g', [ValueError(1)])", "group.add_note('note')"]
    namespace = {"__name__": "modern"}
    exec("\n".join(source), namespace)
    module = types.ModuleType("modern")
    module.__dict__.update(namespace)
    sys.modules["modern"] = module
    return [namespace]


def frozen_values():
    """Objects in the permanent generation."""
    made = [Plain(n) for n in range(20)] + [[n] for n in range(20)]
    gc.collect()
    gc.freeze()
    return made
