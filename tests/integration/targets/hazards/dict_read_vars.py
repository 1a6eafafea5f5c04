"""A class that reads its own __dict__, and one that others read."""

import json


class Example:
    def __init__(self):
        self.a = 1

    def to_json(self):
        return json.dumps(self.__dict__)


class Read:
    def __init__(self):
        self.a = 1


def show(item):
    return vars(item)


def build():
    made = [Example(), Read()]
    made[0].to_json()
    assert show(made[1])
    return made


def after():
    class C:
        __slots__ = ("a",)

        def __init__(self):
            self.a = 1

    vars(C())
