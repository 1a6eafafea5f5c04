"""Code that used the instance's __dict__ and vars(): the same over slots, or refused."""

from __future__ import annotations

import copy
import pickle

import pytest

from tests.support.patching import change, module_of, patch_of, patched, refusal

NAMES = ("a", "b")
HEAD = """
import copy, json
class C:
    def __init__(self):
        self.a = 1
        self.b = [2]
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return self.__dict__.items()", "return self._attributes().items()"),
        ("return vars(self).keys()", "return self._attributes().keys()"),
        ("return self.__dict__.copy()", "return self._attributes()"),
        ("return dict(self.__dict__)", "return self._attributes()"),
        ("return dict(vars(self), x=1)", "return dict(self._attributes(), x=1)"),
        ("return copy.copy(self.__dict__)", "return copy.copy(self._attributes())"),
        ("return {**self.__dict__, 'x': 1}", "return {**self._attributes(), 'x': 1}"),
        ("return [n for n in self.__dict__]", "return [n for n in self._attributes()]"),
        ("return 'a' in self.__dict__", "return 'a' in self._attributes()"),
        ("return self.__dict__['a']", "return self._attributes()['a']"),
        ("return self.__dict__.get('z', 3)", "return self._attributes().get('z', 3)"),
        ("return json.dumps(self.__dict__)", "return json.dumps(self._attributes())"),
        ("return '{a}'.format(**self.__dict__)", "return '{a}'.format(**self._attributes())"),
        ("return f'{self.__dict__}'", "return f'{self._attributes()}'"),
        ("return sorted(vars(self))", "return sorted(self._attributes())"),
        ("return len(self.__dict__) or not self.__dict__", "return len(self._attributes()) or not self._attributes()"),
        ("return self.__dict__ == C().__dict__", None),
        ("return self.__dict__", "return self._attributes()"),
    ],
)
def test_reads_become_reads_of_a_new_dict(before: str, after: str | None) -> None:
    """With the same result as the original class gives."""
    source = f"{HEAD}    def read(self):\n        {before}\n"
    if after is None:
        source = source.replace("C().__dict__", "vars(self)")
        after = "return self._attributes() == self._attributes()"
    text = patched(source, change(names=NAMES))
    assert f"        {after}\n" in text
    with module_of(source) as original, module_of(text) as module:
        ours, theirs = module.C(), original.C()
        assert not hasattr(ours, "__dict__")
        want, have = theirs.read(), ours.read()
        assert (list(have) == list(want)) if hasattr(want, "mapping") else (have == want)


def test_the_other_side_of_a_comparison_may_be_of_another_class() -> None:
    """It is read by our method, which reads anything."""
    source = f"{HEAD}    def __eq__(self, other): return self.__dict__ == other.__dict__\n"
    text = patched(source, change(names=NAMES))
    assert "self._attributes() == type(self)._attributes(other)" in text
    with module_of(text) as module:

        class Plain:
            def __init__(self) -> None:
                self.a, self.b = 1, [2]

        assert module.C() == module.C() == Plain()
        changed = module.C()
        changed.b = None
        assert changed != module.C()


def test_the_helper_sees_all_slots_of_the_hierarchy() -> None:
    """Base first, private names mangled, unset ones left out, and a __dict__ that a subclass has."""
    source = """
        class B:
            def __init__(self): self.__x = 1
        class C(B):
            def __init__(self, a):
                super().__init__()
                self.a = a
                self.__x = 2
            def show(self): return vars(self).items()
        class D(C):
            def set(self): self.more = 3; return self
    """
    changes = change("app.B", ("_B__x",)), change(names=("a", "_C__x", "unset"))
    with module_of(patched(source, *changes)) as module:
        assert list(module.D(0).set().show()) == [("_B__x", 1), ("a", 0), ("_C__x", 2), ("more", 3)]


STATE = {
    "both, by update": """
    def __getstate__(self):
        state = self.__dict__.copy()
        del state["b"]
        return state
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.b = [2]
""",
    "both, by assignment": """
    def __getstate__(self): return self.__dict__
    def __setstate__(self, state):
        self.__dict__ = state  # as it was
""",
    "only what is written": """
    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "c"}
""",
    "only what is read": """
    def __setstate__(self, state):
        self.__dict__.update(**state)
""",
    "reduce": """
    def __reduce__(self): return (C, (), self.__dict__)
""",
    "a copy of its own": """
    def __copy__(self):
        cls = self.__class__
        new = cls.__new__(cls)
        new.__dict__.update(self.__dict__)
        return new
""",
    "a copy that assigns": """
    def __copy__(self):
        new = C()
        new.__dict__ = dict(self.__dict__)
        return new
""",
}


@pytest.mark.parametrize("name", STATE)
def test_state_methods_work_and_old_pickles_load(name: str) -> None:
    """Copies, pickles, pickles of the original class, and, where that said what it holds, new pickles by old code."""
    source = HEAD + STATE[name]
    text = patched(source, change(names=NAMES), old_pickles=True)
    module_name = "state_module"
    with module_of(source, module_name) as module:
        olds = [pickle.dumps(module.C(), protocol) for protocol in (2, 4, 5)]
    with module_of(text, module_name) as module:
        made = module.C()
        assert not hasattr(made, "__dict__")
        news = [pickle.dumps(made, protocol) for protocol in (2, 4, 5)]
        for again in [copy.copy(made), copy.deepcopy(made), *map(pickle.loads, [*olds, *news])]:
            assert (again.a, again.b) == (1, [2])
    if "state__" in STATE[name] or "reduce" in STATE[name]:
        with module_of(source, module_name):
            assert [vars(pickle.loads(new)) for new in news] == [{"a": 1, "b": [2]}] * 3


def test_old_pickles_of_a_plain_class_load_only_when_asked_for() -> None:
    """A dict alone has nowhere to go without a __setstate__."""
    module_name = "plain_module"
    with module_of(HEAD, module_name) as module:
        old = pickle.dumps(module.C())
    with module_of(patched(HEAD, change(names=NAMES)), module_name), pytest.raises(AttributeError, match="__dict__"):
        pickle.loads(old)
    text = patched(HEAD, change(names=NAMES), old_pickles=True)
    with module_of(text, module_name) as module:
        assert pickle.loads(old).b == [2]
        assert copy.copy(module.C()).a == pickle.loads(pickle.dumps(module.C())).a == 1


def test_old_pickles_find_defaults_and_cached_values() -> None:
    """A default was not in the pickle; a cached value was, under the property's name."""
    source = """
        from functools import cached_property
        class B:
            base = "base default"
            def go(self): self.base = 1
        class C(B):
            a = "default"
            def __init__(self): super().__init__(); self.b = 1
            def go(self): self.a = 2; super().go(); return self
            @cached_property
            def area(self): return [self.b]
    """
    changes = change("app.B", ("base",)), change(names=("a", "b", "area"), cached_properties=("area",))
    module_name = "defaults_module"
    with module_of(__import__("textwrap").dedent(source), module_name) as module:
        made = module.C()
        assert made.area == [1]
        olds = [pickle.dumps(made), pickle.dumps(module.C().go())]
    with module_of(patched(source, *changes, old_pickles=True), module_name):
        loaded = [pickle.loads(old) for old in olds]
        assert [(one.base, one.a, one.b, one.area) for one in loaded] == [
            ("base default", "default", 1, [1]),
            (1, 2, 1, [1]),
        ]


def test_a_slot_written_past_setattr() -> None:
    """A literal name that is a slot: the only write of one attribute that is certain."""
    source = f"{HEAD}    def set(self, v):\n        self.__dict__['a'] = v  # quietly\n"
    text = patched(source, change(names=NAMES))
    assert '        object.__setattr__(self, "a", v)  # quietly\n' in text
    with module_of(text) as module:
        made = module.C()
        made.set(5)
        assert made.a == 5


@pytest.mark.parametrize(
    "use",
    [
        "self.__dict__ = {}",
        "self.__dict__[n] = 1",
        "self.__dict__['z'] = 1",
        "del self.__dict__['a']",
        "self.__dict__.pop('a', None)",
        "self.__dict__.setdefault('a', 1)",
        "self.__dict__.clear()",
        "d = self.__dict__",
        "d = vars(self)",
        "self.__dict__ |= {}",
        "x = [self.__dict__]",
        "x = self.__dict__ is None",
        "return lambda: self.__dict__.pop('a')",
    ],
)
def test_what_has_no_certain_counterpart_is_refused(use: str) -> None:
    """With the line."""
    source = f"{HEAD}    def use(self, n=''):\n        {use}\n"
    assert "use uses the instance's __dict__" in refusal(source, change(names=NAMES))
    (note,) = patch_of(source, change(names=NAMES)).notes
    assert note.line == 8


def test_dicts_of_classes_and_of_others_are_left_alone() -> None:
    """Others may be of the class: a note says so."""
    source = f"""{HEAD}
    def use(self, other):
        other.__dict__.clear()
        return type(self).__dict__, self.__class__.__dict__, C.__dict__, vars(), other.__dict__
"""
    patch = patch_of(source, change(names=NAMES, dict_readers=("use", "app.C.gone")))
    (file,) = patch.files
    assert b"_attributes" not in file.new
    texts = [note.text for note in patch.notes]
    assert sum("reads other.__dict__" in text for text in texts) == 2
    assert any("app.C.gone reads __dict__, but not" in text for text in texts)


def test_the_helper_gets_a_name_that_nobody_uses() -> None:
    """Not in the class, not in the file."""
    source = f"{HEAD}    def use(self): return vars(self).items()\n    def _attributes(self): return 1\n"
    assert "self._slot_attributes().items()" in patched(source, change(names=NAMES))
