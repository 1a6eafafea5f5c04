"""Owns the one list of actions: names, keys, and the words that describe them. Bindings, key bar and help derive from it.

Never holds behaviour: a screen or widget implements ``action_<name>`` for the actions of its scopes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from textual.binding import Binding, BindingType


class Scope(enum.Enum):
    """Where an action can be used; the value is the heading in the help."""

    APP = "Everywhere"
    MAIN = "Looking at a snapshot"
    TABLE = "Tables"
    OVERVIEW = "Overview"
    TREE = "Dominators"
    TREEMAP = "Treemap"
    REMEDIES = "Other remedies"
    GROWTH = "Growth"
    PATHS = "Paths"
    INSTANCES = "All instances"
    OBJECT = "One object"
    SLOTS = "Slots"
    ADVICE = "Slots of one class"
    FILTER = "Filter line"
    PICKER = "Choosing a process"
    ATTACH = "Attaching"
    HELP = "Help"
    PATH = "Writing a file"
    CONFIRM = "Questions"


class View(enum.Enum):
    """The tabs. The value is the tab's number, and the key that opens it."""

    OVERVIEW = 1
    TYPES = 2
    GROWTH = 3
    DOMINATORS = 4
    RSS = 5
    SLOTS = 6
    SNAPS = 7

    @property
    def title(self) -> str:
        """The tab's name."""
        return self.name if self is View.RSS else self.name.capitalize()

    @property
    def short_title(self) -> str:
        """The name where space is short."""
        return {View.OVERVIEW: "Over", View.DOMINATORS: "Doms"}.get(self, self.title)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do. ``footer`` is its short name in the key bar, "" to leave it out there."""

    name: str
    scope: Scope
    keys: tuple[str, ...]
    help: str
    footer: str = ""
    footer_sign: str = ""
    priority: bool = False


_KEY_SIGNS = {
    "enter": "⏎",
    "slash": "/",
    "question_mark": "?",
    "less_than_sign": "<",
    "comma": ",",
    "full_stop": ".",
    "greater_than_sign": ">",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "escape": "esc",
    "shift+tab": "shift+tab",
}

ACTIONS: tuple[Action, ...] = (
    Action("cancel_job", Scope.APP, ("ctrl+c",), "cancel the running capture; never quits", priority=True),
    Action("quit", Scope.APP, ("ctrl+q",), "quit; asks only while a capture runs", priority=True),
    Action("command_palette", Scope.APP, ("ctrl+p",), "command palette: theme, screenshot, every command by name"),
    Action("view(1)", Scope.MAIN, ("1",), "Overview: figures, biggest types, warnings"),
    Action("view(2)", Scope.MAIN, ("2",), "Types: every type with its count and sizes"),
    Action("view(3)", Scope.MAIN, ("3",), "Growth: what grew since the baseline, and who holds it"),
    Action("view(4)", Scope.MAIN, ("4",), "Dominators: who holds the memory, as a tree"),
    Action("view(5)", Scope.MAIN, ("5",), "RSS: where the resident memory is"),
    Action("view(6)", Scope.MAIN, ("6",), "Slots: what __slots__ would save, class by class"),
    Action("view(7)", Scope.MAIN, ("7",), "Snaps: the snapshots of this session and of the folder"),
    Action("next_view(1)", Scope.MAIN, ("tab",), "next tab"),
    Action("next_view(-1)", Scope.MAIN, ("shift+tab",), "previous tab"),
    Action("filter", Scope.MAIN, ("slash",), "filter as you type", "Filter"),
    Action("sort_left", Scope.MAIN, ("less_than_sign",), "sort by the column to the left", "Sort", "<>"),
    Action("sort_right", Scope.MAIN, ("greater_than_sign",), "sort by the column to the right"),
    Action("reverse_sort", Scope.MAIN, ("r",), "reverse the order; a click on a column head sorts too"),
    Action("paths", Scope.MAIN, ("p",), "paths from the roots to the row's objects", "Paths"),
    Action("inspect", Scope.MAIN, ("i",), "inspect the row's object, the largest of several", "Inspect"),
    Action("instances", Scope.MAIN, ("I",), "all objects of the row, one a line"),
    Action("recapture", Scope.MAIN, ("n",), "capture again and show what changed", "New"),
    Action("set_baseline", Scope.MAIN, ("b",), "the snapshot, in Snaps that of the row, as the baseline", "Base"),
    Action("pair(-1)", Scope.MAIN, ("comma",), "compare the pair of snapshots before this one"),
    Action("pair(1)", Scope.MAIN, ("full_stop",), "compare the pair of snapshots after this one"),
    Action("copy_row", Scope.MAIN, ("y",), "copy the row, or the __slots__ line, to the clipboard", "Copy"),
    Action("copy_summary", Scope.MAIN, ("Y",), "copy the answer as text for an incident channel"),
    Action("copy_command", Scope.MAIN, ("c",), "copy the command that shows the same on the command line"),
    Action("export_view", Scope.MAIN, ("e",), "export this view to a csv, json or md file", "Export"),
    Action("write_snapshot", Scope.MAIN, ("w",), "write the snapshot to a file", "Write"),
    Action("toggle_exact", Scope.MAIN, ("u",), "switch between 1.5M and exact bytes", "Units"),
    Action("back", Scope.MAIN, ("escape",), "one step back; never quits"),
    Action("app.show_help", Scope.MAIN, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.MAIN, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action("cursor(-1)", Scope.TABLE, ("up", "k"), "one row up"),
    Action("cursor(1)", Scope.TABLE, ("down", "j"), "one row down"),
    Action("page(-1)", Scope.TABLE, ("pageup",), "one page up"),
    Action("page(1)", Scope.TABLE, ("pagedown",), "one page down"),
    Action("first", Scope.TABLE, ("home", "g"), "first row"),
    Action("last", Scope.TABLE, ("end", "G"), "last row"),
    Action("select", Scope.TABLE, ("enter",), "open the row", "Open"),
    Action("retry_report", Scope.OVERVIEW, ("R",), "after an error or a cancel: judge again"),
    Action("open", Scope.TREE, ("right", "l"), "open the row; of an open one: its first child", "Open", "→←"),
    Action("close", Scope.TREE, ("left", "h"), "close the row; of a closed one: what holds it"),
    Action("toggle_merge", Scope.TREE, ("m",), "children of one type as one row, or each for itself", "Merge"),
    Action("treemap", Scope.TREE, ("t",), "draw what the row retains as a treemap", "Treemap"),
    Action("retry_holders", Scope.TREE, ("R",), "after an error or a cancel: compute again"),
    Action("move(-1, 0)", Scope.TREEMAP, ("left", "h"), "the cell on the left"),
    Action("move(1, 0)", Scope.TREEMAP, ("right", "l"), "the cell on the right"),
    Action("move(0, -1)", Scope.TREEMAP, ("up", "k"), "the cell above"),
    Action("move(0, 1)", Scope.TREEMAP, ("down", "j"), "the cell below", "Move", "↑↓"),
    Action("enter", Scope.TREEMAP, ("enter",), "divide the cell among what it holds", "Divide"),
    Action("back", Scope.TREEMAP, ("escape", "backspace"), "out of the cell; at last back to the tree", "Out"),
    Action("paths", Scope.TREEMAP, ("p",), "paths from the roots to the cell's objects", "Paths"),
    Action("inspect", Scope.TREEMAP, ("i",), "inspect the cell's object, the largest of several", "Inspect"),
    Action("show_place", Scope.TREEMAP, ("d",), "show the cell in the dominator tree", "Dominators"),
    Action("toggle_exact", Scope.TREEMAP, ("u",), "switch between 1.5M and exact bytes"),
    Action("retry", Scope.TREEMAP, ("R",), "after an error: try again"),
    Action("app.show_help", Scope.TREEMAP, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.TREEMAP, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action("other_remedies", Scope.REMEDIES, ("o",), "what else than __slots__ would save memory, and back", "Other"),
    Action("retry_waste", Scope.REMEDIES, ("R",), "after an error or a cancel: search again"),
    Action("other_growth", Scope.GROWTH, ("o",), "types that grew instead of what holds them, and back", "Types"),
    Action("other_table", Scope.PATHS, ("tab",), "from the paths to the steps, and back", "Steps"),
    Action("back", Scope.PATHS, ("escape",), "take back an exclusion, else go back; cancels the search", "Back"),
    Action("inspect", Scope.PATHS, ("i",), "inspect the step: its attributes, items, referrers", "Inspect"),
    Action("show_place", Scope.PATHS, ("d",), "show the step in the dominator tree", "Dominators"),
    Action("exclude", Scope.PATHS, ("x",), "search again without the reference to the step", "Exclude"),
    Action("copy_path", Scope.PATHS, ("y",), "copy the path", "Copy"),
    Action("copy_command", Scope.PATHS, ("c",), "copy the command that shows the same on the command line"),
    Action("export_view", Scope.PATHS, ("e",), "export paths and steps to a csv, json or md file", "Export"),
    Action("toggle_exact", Scope.PATHS, ("u",), "switch between 1.5M and exact bytes", "Units"),
    Action("retry", Scope.PATHS, ("R",), "after an error: try again"),
    Action("app.show_help", Scope.PATHS, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.PATHS, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action("inspect", Scope.INSTANCES, ("i",), "inspect the object; so does enter", "Inspect"),
    Action("paths", Scope.INSTANCES, ("p",), "paths from the roots to the object", "Paths"),
    Action("show_place", Scope.INSTANCES, ("d",), "show the object in the dominator tree", "Dominators"),
    Action("sort_left", Scope.INSTANCES, ("less_than_sign",), "sort by the column to the left", "Sort", "<>"),
    Action("sort_right", Scope.INSTANCES, ("greater_than_sign",), "sort by the column to the right"),
    Action("reverse_sort", Scope.INSTANCES, ("r",), "reverse the order"),
    Action("copy_row", Scope.INSTANCES, ("y",), "copy the row", "Copy"),
    Action("copy_command", Scope.INSTANCES, ("c",), "copy the command that shows the object on the command line"),
    Action("export_view", Scope.INSTANCES, ("e",), "export the first 10,000 rows to a csv, json or md file", "Export"),
    Action("toggle_exact", Scope.INSTANCES, ("u",), "switch between 1.5M and exact bytes"),
    Action("retry", Scope.INSTANCES, ("R",), "after an error: try again"),
    Action("back", Scope.INSTANCES, ("escape",), "back to the table", "Back"),
    Action("app.show_help", Scope.INSTANCES, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.INSTANCES, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action("inspect", Scope.OBJECT, ("i",), "walk on to the object of the row; so does enter"),
    Action(
        "other_table", Scope.OBJECT, ("tab",), "from what it refers to, to what refers to it, and back", "Referrers"
    ),
    Action("paths", Scope.OBJECT, ("p",), "paths from the roots to the object on the screen", "Paths"),
    Action("show_place", Scope.OBJECT, ("d",), "show the object in the dominator tree", "Dominators"),
    Action("sort_left", Scope.OBJECT, ("less_than_sign",), "sort by the column to the left", "Sort", "<>"),
    Action("sort_right", Scope.OBJECT, ("greater_than_sign",), "sort by the column to the right"),
    Action("reverse_sort", Scope.OBJECT, ("r",), "reverse the order"),
    Action("copy_object", Scope.OBJECT, ("y",), "copy what is known of the object", "Copy"),
    Action("copy_command", Scope.OBJECT, ("c",), "copy the command that shows the same on the command line"),
    Action("export_view", Scope.OBJECT, ("e",), "export the table to a csv, json or md file", "Export"),
    Action("toggle_exact", Scope.OBJECT, ("u",), "switch between 1.5M and exact bytes"),
    Action("retry", Scope.OBJECT, ("R",), "after an error: try again"),
    Action("back", Scope.OBJECT, ("escape",), "the object before, else the screen before", "Back"),
    Action("app.show_help", Scope.OBJECT, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.OBJECT, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action(
        "next_verdict", Scope.SLOTS, ("v",), "only classes of one verdict: safe, fixable, check, no, all", "Verdict"
    ),
    Action("scroll(-1)", Scope.ADVICE, ("up", "k"), "scroll up"),
    Action("scroll(1)", Scope.ADVICE, ("down", "j"), "scroll down", "Scroll", "↑↓"),
    Action("scroll(-10)", Scope.ADVICE, ("pageup",), "scroll a page up"),
    Action("scroll(10)", Scope.ADVICE, ("pagedown",), "scroll a page down"),
    Action("neighbour(-1)", Scope.ADVICE, ("left", "h"), "the class before, in the order of the table"),
    Action("neighbour(1)", Scope.ADVICE, ("right", "l"), "the next class", "Next", "→"),
    Action("copy_change", Scope.ADVICE, ("y",), "copy the change", "Copy"),
    Action("toggle_exact", Scope.ADVICE, ("u",), "switch between 1.5M and exact bytes", "Units"),
    Action("back", Scope.ADVICE, ("escape",), "back to the table", "Back"),
    Action("app.show_help", Scope.ADVICE, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.ADVICE, ("q",), "quit; asks only while a capture runs", "Quit"),
    Action("keep", Scope.FILTER, ("enter",), "keep the filter and go back to the table", "Keep"),
    Action("clear", Scope.FILTER, ("escape",), "clear the filter", "Clear"),
    Action("leave(1)", Scope.FILTER, ("down",), "keep the filter, go down in the table"),
    Action("leave(-1)", Scope.FILTER, ("up",), "keep the filter, go up in the table"),
    Action("filter", Scope.PICKER, ("slash",), "filter as you type", "Filter"),
    Action("refresh_list", Scope.PICKER, ("f5", "R"), "read the list of processes again", "Refresh", "R"),
    Action("sort_left", Scope.PICKER, ("less_than_sign",), "sort by the column to the left", "Sort", "<>"),
    Action("sort_right", Scope.PICKER, ("greater_than_sign",), "sort by the column to the right"),
    Action("reverse_sort", Scope.PICKER, ("r",), "reverse the order"),
    Action("back", Scope.PICKER, ("escape",), "clear the filter; never quits"),
    Action("app.show_help", Scope.PICKER, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.PICKER, ("q",), "quit", "Quit"),
    Action("cancel", Scope.ATTACH, ("escape",), "cancel the capture; after an error: one step back", "Cancel or back"),
    Action("retry", Scope.ATTACH, ("r",), "after an error: try again"),
    Action("copy_hint", Scope.ATTACH, ("y",), "after an error: copy message and hint"),
    Action("app.show_help", Scope.ATTACH, ("question_mark",), "this help", "Help"),
    Action("app.quit", Scope.ATTACH, ("q",), "quit; asks while a capture runs", "Quit"),
    Action("close", Scope.HELP, ("escape", "question_mark", "q"), "close the help", "Close"),
    Action("scroll(-1)", Scope.HELP, ("up", "k"), "scroll up"),
    Action("scroll(1)", Scope.HELP, ("down", "j"), "scroll down"),
    Action("scroll(-10)", Scope.HELP, ("pageup",), "scroll a page up"),
    Action("scroll(10)", Scope.HELP, ("pagedown",), "scroll a page down"),
    Action("next_format", Scope.PATH, ("tab",), "another format", "Format", priority=True),
    Action("accept", Scope.PATH, ("enter",), "write", "Write", priority=True),
    Action("close", Scope.PATH, ("escape",), "do not write", "Cancel"),
    Action("answer(True)", Scope.CONFIRM, ("y", "enter"), "yes"),
    Action("answer(False)", Scope.CONFIRM, ("n", "escape"), "no"),
)


def key_sign(key: str) -> str:
    """Write a key as it looks on the keyboard."""
    return _KEY_SIGNS.get(key, key)


def actions_of(scope: Scope) -> tuple[Action, ...]:
    """Return the actions of one scope, in order."""
    return tuple(action for action in ACTIONS if action.scope is scope)


def bindings_of(scope: Scope) -> list[BindingType]:
    """Return Textual bindings for one scope."""
    return [
        Binding(key, action.name, action.help, show=False, priority=action.priority)
        for action in actions_of(scope)
        for key in action.keys
    ]


def help_lines(scope: Scope) -> list[tuple[str, str]]:
    """Return (keys, words) of one scope for the help screen."""
    return [(" ".join(map(key_sign, action.keys)), action.help) for action in actions_of(scope)]


def footer_items(*scopes: Scope) -> list[tuple[str, str, str]]:
    """Return (key sign, short name, action name) for the key bar."""
    return [
        (action.footer_sign or key_sign(action.keys[0]), action.footer, action.name)
        for scope in scopes
        for action in actions_of(scope)
        if action.footer
    ]
