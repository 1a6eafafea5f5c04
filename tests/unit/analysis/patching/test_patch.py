"""Finding the class statement, what belongs together, and texts that come back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.analysis.patching.diff import common_base, unified_diff
from heapscope.analysis.patching.model import FilePatch, PatchOptions
from heapscope.analysis.patching.patch import patch_classes
from tests.support.patching import apply_by_hand, apply_with, change, patch_of, patched, refusal, refusals

OPTIONS = PatchOptions((3, 12))
TWICE = """
if X:
    class C:
        def f(self): pass
else:
    class C:
        def g(self): pass
"""


def test_a_line_tells_classes_of_one_name_apart() -> None:
    """The line is that of the statement or of any method."""
    assert "several class statements" in refusal(TWICE)
    assert '__slots__ = ("a",)\n\n        def g' in patched(TWICE, change(line=7))
    assert '__slots__ = ("a",)\n\n        def f' in patched(TWICE, change(line=3))


def test_the_module_part_of_the_name_decides() -> None:
    """``app.C`` of app.py is not the ``C`` inside of ``app``."""
    source = "class app:\n    class C: pass\nclass C: pass\n"
    assert patched(source, change("pkg.app.C")).endswith('class C:\n    __slots__ = ("a",)\n')
    assert "    class C:\n        __slots__" in patched(source, change("app.app.C"))
    assert "    class C:\n        __slots__" in patched(source, change("__main__.app.C"))


def test_a_moved_class_is_found_with_a_note() -> None:
    """The file is newer than the process; the name is enough if it is the only one."""
    patch = patch_of("\n\n\nclass C: pass\n", change(line=1))
    assert patch.files
    assert "has changed since" in patch.notes[0].text


def test_a_plan_is_done_as_a_whole_or_not_at_all() -> None:
    """A base class that keeps its __dict__ makes slots of its subclass a loss."""
    source = "class B:\n    def a(self): pass\nclass C(B): pass\n"
    both = change("app.B"), change(names=("x",))
    patch = patch_of(source, *both)
    assert not patch.files
    assert [note.type_name for note in patch.notes] == ["app.B", "app.C"]
    assert "because app.B cannot be changed" in patch.notes[1].text
    alone = patch_of(source, *both, together=False)
    assert alone.type_names == ("app.C",)


def test_a_base_that_two_plans_need_is_changed_once() -> None:
    """With the names of both."""
    source = "class B: pass\nclass C(B): pass\nclass D(B): pass\n"
    plans = [(change("app.B", ("x",)), change()), (change("app.B", ("y",)), change("app.D", ()))]
    (file,) = patch_classes(plans, {"/srv/app.py": source.encode()}, OPTIONS).files
    assert b'class B:\n    __slots__ = ("x", "y")\n' in file.new
    assert b"class D(B):\n    __slots__ = ()\n" in file.new
    assert file.type_names == ("app.B", "app.C", "app.D")


def test_bases_in_other_files_are_found_by_their_import() -> None:
    """Relative and absolute; then what they define is known."""
    base = b"class Base:\n    def __init__(self, x): self.x = x\n"
    for line in ("from .base import Base", "from pkg.base import Base as Base", "import pkg.base as b"):
        name = "b.Base" if line.endswith("b") else "Base"
        source = f"{line}\nclass C({name}):\n    a = None\n    def go(self): self.a = 1\n".encode()
        sources = {"/srv/pkg/base.py": base, "/srv/pkg/app.py": source}
        plan = (
            change("pkg.base.Base", ("x",), file="/srv/pkg/base.py"),
            change("pkg.app.C", file="/srv/pkg/app.py"),
        )
        patch = patch_classes([plan], sources, OPTIONS)
        assert patch.type_names == ("pkg.base.Base", "pkg.app.C"), patch.notes
        assert b"super().__init__(*args, **kwargs)" in patch.files[1].new


def test_nested_classes_that_both_change() -> None:
    """The inner change is part of the outer one."""
    source = "class A:\n    class B:\n        def f(self): return vars(self).items()\n    def g(self): self.x = 1\n"
    text = patched(source, change("app.A", ("x",)), change("app.A.B", ("y",)))
    assert text.startswith('class A:\n    __slots__ = ("x",)\n\n    class B:\n        __slots__ = ("y",)\n')
    assert "        def _attributes(self):\n" in text


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: latin-1\nNAME = '\xe9'\nclass C: pass\n",
        b"\xef\xbb\xbfclass C: pass\n",
        b"class C: pass\r\nX = 1\r\n",
        b"class C:\r\n    x = 1\r\n\r\nX = '''a\r\nb'''\r\n",
        b"X = 1\n\x0c\nclass C: pass\n",
        b"class C: pass",
        b"class C:\n\tx = '\xc3\xa9'\n\ty = 2",
        b"class C[T]: pass\ntype X = int\nx = f'{'a' + \"b\"}'\n",
        b"class C:\n    pass\n  # odd comment\nx = \\\n  1\n",
    ],
)
def test_the_rest_of_a_file_is_the_same_to_the_byte(data: bytes, tmp_path: Path) -> None:
    """Encodings, marks, line ends, form feeds, files without a last line end: both tools apply the diff."""
    (file,) = patch_classes([(change(),)], {"/srv/app.py": data}, OPTIONS).files
    assert file.old == data
    diff = unified_diff([file])
    assert apply_by_hand(data, diff) == file.new
    old, new = data.split(b"\n"), file.new.split(b"\n")
    assert [line for line in old if line not in new and b"class C" not in line and b"pass" not in line] == []
    assert b"__slots__" in file.new
    assert (b"\r\n" in data) == (b'("a",)\r\n' in file.new or b"('a',)\r\n" in file.new)
    for command in (["git", "apply", "-"], ["patch", "-p1", "--binary"]):
        target = tmp_path / command[0] / "srv" / "app.py"
        target.parent.mkdir(parents=True)
        target.write_bytes(data)
        apply_with(command, tmp_path / command[0], diff)
        assert target.read_bytes() == file.new


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"# coding: nonsense\nclass C: pass\n", "encoding"),
        (b"class C: pass\nx = '\xff'\n", "encoding"),
        (b"class C: pass\n" + b"#" * (4 << 20), "too large"),
        (b"class C: pass\n\0", "parse"),
    ],
)
def test_what_is_no_source_is_refused(data: bytes, reason: str) -> None:
    """A file of a target is hostile."""
    patch = patch_classes([(change(),)], {"/srv/app.py": data}, OPTIONS)
    assert not patch.files
    assert reason in refusals(patch)[0]


def test_a_source_that_is_not_at_hand_is_a_note() -> None:
    """And nothing else."""
    patch = patch_classes([(change(),)], {}, OPTIONS)
    assert refusals(patch) == ["its source is not at hand"]


def test_names_of_files_are_relative_where_they_can_be() -> None:
    """Below the folder, or from the root."""
    assert common_base(["/srv/a/x.py", "/srv/a/b/y.py"], "/srv/a") == "/srv/a/"
    assert common_base(["/srv/a/x.py", "/srv/ab/y.py"], "/srv/a") == "/"
    diff = unified_diff([FilePatch("/srv/a/x.py", b"1\n", b"2\n")], "/srv/a/")
    assert diff == b"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-1\n+2\n"


@pytest.mark.parametrize("name", ["a b.py", "\u00e9.py", 'qu"ote.py', "back\\slash.py", "new\nline.py", "\x1b[31m.py"])
def test_odd_names_of_files_are_quoted_as_git_does(name: str, tmp_path: Path) -> None:
    """No name can end its line, and both tools find the file."""
    diff = unified_diff([FilePatch(f"/{name}", b"1\n", b"2\n")])
    assert diff.count(b"\n") == 5
    assert b"\x1b" not in diff
    for command in (["git", "apply", "-"], ["patch", "-p1"]):
        if command[0] == "patch" and "\n" in name:
            continue  # it refuses such names
        (tmp_path / name).write_bytes(b"1\n")
        apply_with(command, tmp_path, diff)
        assert (tmp_path / name).read_bytes() == b"2\n"


def test_an_unchanged_file_has_no_diff() -> None:
    """Not even its name."""
    assert unified_diff([FilePatch("/x.py", b"1\n", b"1\n")]) == b""
