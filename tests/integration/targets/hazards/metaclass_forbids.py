"""A metaclass that does not want slots."""


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        if "__slots__" in namespace:
            raise TypeError("no slots here")
        return super().__new__(mcs, name, bases, namespace)


class Example(metaclass=Meta):
    def __init__(self):
        self.a = 1


def build():
    return [Example()]


def after():
    class C(metaclass=Meta):
        __slots__ = ("a",)
