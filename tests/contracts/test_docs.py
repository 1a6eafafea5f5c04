"""Every command, option and exit code is documented, and documents name only what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from heapscope.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def root_command() -> click.Command:
    """Return the click tree behind the console script."""
    from heapscope.cli import main as module

    found = [value for value in vars(module).values() if isinstance(value, click.Group)]
    assert len(found) == 1, "the command line has one root group"
    return found[0]


def walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield (words, command) for the whole tree, the root included; hidden commands are left out."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from walk(inner, (*words, name))


def section_of(text: str, words: tuple[str, ...]) -> str:
    """Return the part of docs/cli.md under the heading that names the command."""
    heading = re.compile(rf"^#+ .*`?heapscope {re.escape(' '.join(words))}\b.*$", re.MULTILINE)
    found = heading.search(text)
    assert found, f"docs/cli.md has no heading for: heapscope {' '.join(words)}"
    rest = text[found.end() :]
    level = len(found.group().split(" ", 1)[0])
    following = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def test_every_command_and_option_is_documented() -> None:
    """Each command has a heading in docs/cli.md; each of its options stands below it or among the common ones."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    missing = []
    for words, command in walk(root_command()):
        section = section_of(text, words) if words else text
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                names = [name for name in parameter.opts if name.startswith("--")] or parameter.opts
                missing += [
                    f"{' '.join(words)} {name}"
                    for name in names
                    if name not in section and name not in common_options(text)
                ]
    assert missing == []


def common_options(text: str) -> set[str]:
    """Return the options described once for all commands, under a heading that says so."""
    found = re.search(r"^(#+) [^\n]*(?:[Cc]ommon|[Gg]lobal|[Ee]very command)[^\n]*$", text, re.MULTILINE)
    if not found:
        return set()
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return set(re.findall(r"--[a-z][a-z-]*", rest[: following.start()] if following else rest))


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    """Scripts rely on exit codes: each stands in the table of docs/cli.md."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|\s*`?{int(code)}`?\s*\|", text, re.MULTILINE)


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_exists(document: str) -> None:
    """Paths in backquotes and links point to something."""
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:scripts|docs|systemd|tests|\.ci)/[A-Za-z0-9_./-]*[A-Za-z0-9_]", text))
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_architecture_document_stays_short() -> None:
    """A map that nobody reads to the end is none."""
    assert (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").count("\n") <= 150


def test_architecture_document_names_every_package() -> None:
    """A new package gets a line in the code map."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [path.parent.name for path in sorted((ROOT / "heapscope").glob("*/__init__.py"))]
    assert [name for name in packages if f"{name}/" not in text] == []
