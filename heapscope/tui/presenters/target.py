"""Owns the words for a process: its short name, and a line about it.

Pure; a command line is the target's own text and is cleaned here.
"""

from __future__ import annotations

import os
import re
import shlex

from heapscope.tui.textfit import safe_text
from heapscope.units import format_bytes

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?d?")
MAX_WORDS = 64


def short_name(command: str, fallback: str = "") -> str:
    """Name a process by what it runs: the script or module behind an interpreter, else the program."""
    words = _split(command)
    if not words:
        return safe_text(fallback or "?", 60)
    program = os.path.basename(words[0])
    if _PYTHON.fullmatch(program):
        program = _script(words[1:]) or program
    return safe_text(program, 60)


def short_command(command: str, fallback: str = "") -> str:
    """Write a command line without the folder of its program, which is long and tells little."""
    program, space, rest = command.partition(" ")
    if not program:
        return safe_text(fallback or "?")
    return safe_text(os.path.basename(program) + space + rest)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command[:4_000])[:MAX_WORDS]
    except ValueError:
        return command[:4_000].split()[:MAX_WORDS]


def _script(words: list[str]) -> str:
    skip = False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-m":
            return words[at + 1] if at + 1 < len(words) else ""
        elif word == "-c":
            return "python -c"
        elif word in ("-W", "-X"):
            skip = True
        elif not word.startswith("-"):
            return os.path.basename(word)
    return ""


def target_words(python_version: str | None, rss_bytes: int, user: str) -> str:
    """Describe a target in a few words."""
    parts = [f"CPython {safe_text(python_version, 16)}" if python_version else "", f"RSS {format_bytes(rss_bytes)}"]
    if user:
        parts.append(f"user {safe_text(user, 30)}")
    return "  ".join(part for part in parts if part)
