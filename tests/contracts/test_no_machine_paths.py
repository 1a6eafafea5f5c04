"""What is committed names no place that exists on one machine only."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME_OF_ROOT = "/ro" + "ot/"
FORBIDDEN = re.compile(
    "|".join(
        [
            r"(?<![\w.)}])/(?:work|farm)/",
            r"(?<![\w.)}])" + HOME_OF_ROOT,
            r"/tmp/" + "venv",
            r"\bdeb\.debian\.",
            r"\bpypi\.org\b|files\.pythonhosted",
            r"registry\.npmjs",
        ]
    )
)
TEXT_SUFFIXES = {
    "",
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".sh",
    ".c",
    ".h",
    ".cfg",
    ".tcss",
    ".svg",
    ".json",
    ".service",
    ".yml",
}


def tracked_files() -> list[Path]:
    """Return the files that git would commit; without git, everything outside generated folders."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        names = done.stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    skipped = {".venv", ".git", "build", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.parts)]


def test_no_tracked_file_names_a_place_of_one_machine() -> None:
    """No home folders, no scratch folders, no package index hosts."""
    found = []
    for path in tracked_files():
        if path.suffix in TEXT_SUFFIXES and path != Path(__file__).resolve():
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if FORBIDDEN.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


def test_the_pattern_finds_what_it_is_for() -> None:
    """The check itself can fail, and leaves relative paths alone."""
    assert FORBIDDEN.search("see " + HOME_OF_ROOT + ".pyenv")
    assert FORBIDDEN.search("in /work" + "/main")
    assert not FORBIDDEN.search("{base}/work" + "/x and ./work" + "/x")
