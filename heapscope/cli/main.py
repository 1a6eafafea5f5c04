"""The command line's frame: the list of commands, and the one place where errors become messages and exit codes.

Never loads a command that is not run: each lives in a module of its own, imported when it is named.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from heapscope import __version__
from heapscope.cli.talk import Talk, talk
from heapscope.errors import ExitCode, HeapscopeError
from heapscope.units import clean_text

# name: one line of help. The module heapscope.cli.command_<name> holds the click command ``command``.
COMMANDS = {
    "ps": "List the running CPython processes, and whether a capture of each can work.",
    "doctor": "Say what stands in the way of a capture, and the command that removes it.",
    "attach": "Open the terminal UI on a running process (--demo: on a service to try it on).",
    "snapshot": "Capture a process into a snapshot file.",
    "open": "Open the terminal UI on a snapshot file.",
    "report": "Say in one sentence what holds the memory, and who may be holding too much of it.",
    "types": "List types by count and size.",
    "dominators": "Show who holds the memory: the tree of objects that hold others alone.",
    "paths": "Show the ways from the roots to the objects of a type, or to one object.",
    "object": "Say everything that is known about one object.",
    "growth": "Show what grew between snapshots, or while a process is watched: who holds it, and its types.",
    "export": "Write a heap for other programs: pprof, Parquet, Chrome's developer tools, and more.",
    "sql": "Ask a question in SQL over the objects of a heap.",
    "rss": "Say where the resident memory is: objects, allocators, buffers, files, stacks.",
    "ctl": "Ask the daemon: what it watches, what it keeps, what happened; have it capture.",
    "slots": "List classes that __slots__ would make smaller.",
    "daemon": "Watch services, keep their heap history, act before the memory is full.",
    "waste": "List other remedies than __slots__: what they save, where, and the change to make.",
}


class LazyGroup(click.Group):
    """A group that imports a command only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"heapscope.cli.command_{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="heapscope")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour of tables and messages; auto obeys NO_COLOR.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="The terminal UI draws with ASCII characters only.")
@click.pass_context
def heapscope(context: click.Context, *, quiet: bool, verbose: bool, color: str, ascii_only: bool) -> object:
    """Look at the memory of running CPython processes that nobody prepared.

    Without a command: choose a process, then attach to it.
    """
    context.obj = Talk(quiet=quiet, verbose=verbose, color=color, ascii_only=ascii_only)
    if context.invoked_subcommand is not None:
        return None
    attach = heapscope.get_command(context, "attach")
    assert attach is not None
    return context.invoke(attach)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. The only place that catches everything."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = heapscope.main(args=arguments, prog_name="heapscope", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        talk().error("interrupted")
        return ExitCode.INTERRUPTED
    except HeapscopeError as error:
        _show_debug()
        talk().error(error.message, error.hint)
        return error.exit_code
    except SystemExit as error:
        # With standalone_mode off, click exits by itself in one case only: a broken pipe, as code 1.
        if error.code != 1:
            raise
        return ExitCode.BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the boundary: whatever escaped is reported, with a log
        return _report_internal(error)
    return result if isinstance(result, int) else ExitCode.OK


def _show_debug() -> None:
    if os.environ.get("HEAPSCOPE_DEBUG"):
        import traceback  # noqa: PLC0415 - only for debugging

        traceback.print_exc(file=sys.stderr)


def _report_internal(error: Exception) -> int:
    from heapscope.cli.log import write_error_log  # noqa: PLC0415 - only when something went wrong

    _show_debug()
    path = write_error_log(error)
    what = f"{type(error).__name__}: {clean_text(str(error))}"
    talk().error(f"internal error: {what}", f"details are in {path}" if path else "run again with HEAPSCOPE_DEBUG=1")
    return ExitCode.INTERNAL
