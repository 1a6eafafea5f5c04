"""A dataclass that becomes a dict."""

import dataclasses
import sys

AVAILABLE = sys.version_info >= (3, 10)


@dataclasses.dataclass
class Example:
    x: int


def build():
    return [Example(1)]


def after():
    @dataclasses.dataclass(slots=True)
    class C:
        x: int = 1

    assert dataclasses.asdict(C()) == {"x": 1}
    assert dataclasses.replace(C(), x=2) == C(2)
