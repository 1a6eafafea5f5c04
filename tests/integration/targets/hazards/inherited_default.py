"""A default in a base class."""


class Base:
    __slots__ = ()
    status = "new"


class Example(Base):
    def go(self):
        self.status = "done"


def build():
    made = [Example(), Example()]
    made[1].go()
    return made


def after():
    class C(Base):
        __slots__ = ("status",)

        def go(self):
            self.status = "done"

    C().status
