"""Descriptors and __setattr__ that write into __dict__."""


class Field:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return instance.__dict__[self.name]

    def __set__(self, instance, value):
        instance.__dict__[self.name] = value


class Example:
    x = Field()


class Writer:
    def __setattr__(self, name, value):
        self.__dict__[name] = value


def build():
    made = Example()
    made.x = 1
    other = Writer()
    other.a = 1
    return [made, other]


def after():
    class C:
        __slots__ = ("y",)
        x = Field()

    C().x = 1
