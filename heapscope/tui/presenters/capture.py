"""Owns the words of attaching: the steps with their times, the one-line form, and the error card.

Pure; a pause is always shown as soon as it is known.
"""

from __future__ import annotations

from heapscope.errors import ExitCode, HeapscopeError
from heapscope.tui.lines import EMPTY, Line, Part, line
from heapscope.tui.progress import Progress, Step
from heapscope.tui.textfit import bar, cut_end, safe_text, wrap
from heapscope.units import counted, format_count, format_duration_ns

_SIGNS = {"waiting": ("·", "dim"), "running": ("▶", "title"), "done": ("✔", "good"), "failed": ("✘", "bad")}
BAR_WIDTH = 12
DETAIL_WIDTH = 40
MEANINGS = {
    ExitCode.INTERNAL: "internal error",
    ExitCode.USAGE: "usage",
    ExitCode.TARGET_GONE: "target gone",
    ExitCode.UNSUPPORTED: "not a supported CPython",
    ExitCode.PERMISSION: "permission refused",
    ExitCode.INCONSISTENT: "inconsistent capture",
    ExitCode.BUDGET: "budget exceeded",
    ExitCode.SNAPSHOT_FILE: "snapshot file",
    ExitCode.INTERRUPTED: "cancelled",
}


def steps_lines(progress: Progress, expected_objects: int = 0) -> list[Line]:
    """Write the steps, one a line, then what holds for the target now."""
    lines = [_step_line(step, progress, expected_objects) for step in progress.steps]
    return [*lines, EMPTY, _reassurance(progress)]


def _step_line(step: Step, progress: Progress, expected: int) -> Line:
    sign, style = _SIGNS[step.state]
    elapsed = format_duration_ns(step.elapsed_ns) if step.elapsed_ns and step.state != "waiting" else ""
    detail = cut_end(_detail(step, progress, expected), DETAIL_WIDTH)
    text_style = "dim" if step.state == "waiting" else ""
    return line(
        "  ", (sign, style), (f" {step.title:<21}", text_style), f" {detail:<{DETAIL_WIDTH}}", (f"{elapsed:>9}", "dim")
    )


def _detail(step: Step, progress: Progress, expected: int) -> str:
    if step.key == "clone" and progress.pause_ns is not None:
        return f"paused {format_duration_ns(progress.pause_ns)}, resumed"
    if step.key == "walk" and step.state != "waiting" and progress.objects:
        if expected > 0 and step.state == "running":
            drawn = bar(min(1.0, progress.objects / expected), BAR_WIDTH)
            return f"{drawn:<{BAR_WIDTH}} {format_count(progress.objects)}/~{format_count(expected)}"
        return counted(progress.objects, "object")
    return safe_text(step.detail, 120)


def _reassurance(progress: Progress) -> Line:
    if progress.pause_ns is not None:
        return line(("  The target runs on; only its frozen copy is read.", "dim"))
    return line(("  The target has not been paused yet.", "dim"))


def progress_line(progress: Progress, expected_objects: int = 0) -> Line:
    """Write a running capture in one row, for the bottom of a screen that stays usable."""
    step = next((one for one in progress.steps if one.state == "running"), progress.steps[-1])
    detail = _detail(step, progress, expected_objects)
    pause = f"  pause {format_duration_ns(progress.pause_ns)}" if progress.pause_ns is not None else ""
    return line((" ▶ ", "title"), f"{step.title} {detail}{pause}", ("  ctrl+c", "key"), (" cancels", "dim"))


def error_card(error: HeapscopeError, width: int, *, can_go_back: bool) -> list[Line]:
    """Write an error: what failed, what to do next, the exit code, the keys."""
    code = error.exit_code
    cancelled = code == ExitCode.INTERRUPTED
    lines = [
        line(("✘ ", "bad"), (MEANINGS.get(code, "error"), "bad"), (f"   exit code {int(code)}", "dim")),
        EMPTY,
        *(line(text) for text in wrap(safe_text(error.message, 800).split(), width)),
    ]
    if error.hint and not cancelled:
        lines += [EMPTY, line(("What to do", "strong"))]
        for part in error.hint.splitlines():
            lines += [line(text) for text in wrap(safe_text(part, 800).split(), width, "  ")]
    keys: list[Part] = [("r", "key"), " retry   ", ("y", "key"), " copy   "]
    if can_go_back:
        keys += [("esc", "key"), " back   "]
    return [*lines, EMPTY, line(*keys, ("q", "key"), " quit")]
