"""Owns the small questions: help, where to write a file, whether to quit while a capture runs.

Never does what it asks about; answers go back to the screen that asked.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from heapscope.tui.actions import Scope, bindings_of, help_lines
from heapscope.tui.lines import EMPTY, Line, Lines, Part, line
from heapscope.tui.textfit import pad

FILTER_HELP: tuple[tuple[str, str], ...] = (
    ("app cart", "both words occur in the name"),
    ("!cart", "the word does not occur"),
    ("/^dict/", "a regular expression matches the name"),
    ("count>10k", "also: shallow rec ret grew saves, with > < >= <= ="),
    ("mod:app", "the type is defined in module app or below it"),
    ("slots:safe", "the verdict on __slots__: safe, fixable, check, no"),
)
WORDS_HELP: tuple[tuple[str, str], ...] = (
    ("shallow", "bytes of the objects themselves"),
    ("allocated", "the same, as the allocator rounds it"),
    ("recursive", "with everything reachable from them, each object once;"),
    ("", "sizes of two types overlap, so they do not add up"),
    ("retained", "what would be freed with them: nobody else holds it;"),
    ("", "≥ before it: a lower bound, until it is computed exactly"),
    ("dominators", "a row of the tree alone holds all that is below it"),
    ("root", "what lives by itself: modules, frames, the interpreter"),
    ("garbage", "what no root leads to, until the collector runs"),
    ("pause", "how long the target stood still"),
    ("coverage", "bytes found as objects / bytes in use by Python"),
)
KEYS_WIDTH = 14


def all_help() -> list[Line]:
    """Return the whole help; every action of the registry is in it."""
    lines: list[Line] = []
    for scope in (
        Scope.MAIN,
        Scope.TABLE,
        Scope.OVERVIEW,
        Scope.TREE,
        Scope.TREEMAP,
        Scope.PATHS,
        Scope.INSTANCES,
        Scope.OBJECT,
        Scope.SLOTS,
        Scope.REMEDIES,
        Scope.GROWTH,
        Scope.ADVICE,
        Scope.FILTER,
    ):
        lines += _section(scope.value, help_lines(scope))
    lines += _section("Filter language", list(FILTER_HELP))
    for scope in (Scope.PICKER, Scope.ATTACH, Scope.PATH, Scope.CONFIRM, Scope.HELP, Scope.APP):
        lines += _section(scope.value, help_lines(scope))
    return lines + _section("Words", list(WORDS_HELP))


def _section(title: str, entries: list[tuple[str, str]]) -> list[Line]:
    return [
        line((title, "title")),
        *(line((pad("  " + keys, max(KEYS_WIDTH, cell_len(keys) + 3)), "key"), words) for keys, words in entries),
        EMPTY,
    ]


class _Dialog(ModalScreen[str | bool | None]):
    AUTO_FOCUS: ClassVar[str | None] = None
    DEFAULT_CSS = """
    _Dialog { align: center middle; background: $background 60%; }
    _Dialog > Vertical { width: 76; max-width: 100%; height: auto; border: round $primary; padding: 0 1; background: $surface; }
    _Dialog.-ascii > Vertical { border: ascii $primary; }
    """

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self.ascii_only = ascii_only


class HelpScreen(_Dialog):
    """All keys, derived from the registry."""

    BINDINGS = bindings_of(Scope.HELP)
    DEFAULT_CSS = """
    HelpScreen > Vertical { height: 100%; }
    HelpScreen VerticalScroll { height: 1fr; scrollbar-size: 0 1; }
    """

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with Vertical():
            yield Lines(id="help-title", ascii_only=self.ascii_only)
            with VerticalScroll(can_focus=False):
                yield Lines(id="help-text", ascii_only=self.ascii_only)

    def on_mount(self) -> None:
        """Write the text."""
        self.query_one("#help-title", Lines).show([line(("↑↓", "key"), " scroll   ", ("esc", "key"), " close"), EMPTY])
        self.query_one("#help-text", Lines).show(all_help())

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)

    def action_scroll(self, step: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)


class PathScreen(_Dialog):
    """Ask where to write; answers the path, or None."""

    BINDINGS = bindings_of(Scope.PATH)
    DEFAULT_CSS = """
    PathScreen Input { border: none; height: 1; padding: 0 1; margin: 1 0; background: $panel; }
    """

    def __init__(self, what: str, path: str, formats: tuple[str, ...], *, ascii_only: bool) -> None:
        super().__init__(ascii_only=ascii_only)
        self._what = what
        self._path = path
        self._formats = formats

    def compose(self) -> ComposeResult:
        """What, where, keys."""
        with Vertical():
            yield Lines(id="path-what", ascii_only=self.ascii_only)
            yield Input(self._path, compact=True, select_on_focus=False)
            yield Lines(id="path-keys", ascii_only=self.ascii_only)

    def on_mount(self) -> None:
        """Write the words and take the keys."""
        self.query_one("#path-what", Lines).show([line((self._what, "strong"))])
        keys: list[Part] = [("enter", "key"), " writes a new file, mode 0600   "]
        if len(self._formats) > 1:
            keys += [("tab", "key"), " " + "/".join(self._formats) + "   "]
        self.query_one("#path-keys", Lines).show([line(*keys, ("esc", "key"), " cancels")])
        editor = self.query_one(Input)
        editor.focus()
        editor.cursor_position = len(self._path)

    def action_next_format(self) -> None:
        """Go to the next format by changing the ending."""
        editor = self.query_one(Input)
        stem, dot, ending = editor.value.rpartition(".")
        if not dot or len(self._formats) < 2:
            return
        at = self._formats.index(ending) if ending in self._formats else -1
        editor.value = f"{stem}.{self._formats[(at + 1) % len(self._formats)]}"
        editor.cursor_position = len(editor.value)

    def action_accept(self) -> None:
        """Answer the path."""
        self.dismiss(self.query_one(Input).value.strip() or None)

    def action_close(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class ConfirmScreen(_Dialog):
    """A question with yes and no; answers True or False."""

    BINDINGS = bindings_of(Scope.CONFIRM)

    def __init__(self, question: str, *, ascii_only: bool) -> None:
        super().__init__(ascii_only=ascii_only)
        self._question = question

    def compose(self) -> ComposeResult:
        """Question and keys."""
        with Vertical():
            yield Lines(ascii_only=self.ascii_only)

    def on_mount(self) -> None:
        """Write the words."""
        keys = line(("y", "key"), " yes   ", ("n", "key"), " no")
        self.query_one(Lines).show([line((self._question, "strong")), EMPTY, keys])

    def action_answer(self, answer: bool) -> None:
        """Answer."""
        self.dismiss(answer)
