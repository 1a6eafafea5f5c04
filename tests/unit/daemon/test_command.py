"""The command line of the daemon: what it says without its packages, and what check-config shows."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.main import main
from heapscope.daemon import checking
from heapscope.daemon.model import Process
from heapscope.daemon.processes import Seen


def test_without_its_packages_the_command_that_installs_them_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, no traceback."""
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> Any:
        return None if name == "msgspec" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    assert main(["daemon", "run", "--config", "nowhere.toml"]) == 2
    assert "-m pip install 'heapscope[daemon]'" in capsys.readouterr().err


class FakeTable:
    """Two processes of the api, one of something else."""

    def scan(self) -> list[Seen]:
        """Look at nothing."""
        api = [
            Process(pid, pid, 0.0, parent, 1000, "python", "api\x1b[31m worker")
            for pid, parent in ((2**22 + 1, 1), (2**22 + 2, 2**22 + 1))
        ]
        return [Seen(api[0], 100), Seen(api[1], 200), Seen(Process(2**22 + 3, 1, 0.0, command="other"), 5)]


def test_check_config_shows_what_matches_and_what_would_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON; foreign text is cleaned; exit code 3, as neither of the two can be captured."""
    monkeypatch.setattr(checking, "ProcessTable", FakeTable)
    config = tmp_path / "heapscope.toml"
    config.write_text(
        f'schema = 1\n[daemon]\nstate_dir = "{tmp_path}/state"\n[[target]]\nname = "api"\nmatch = {{ cmdline = "api" }}\n'
        'interval = "5m"\n[[target.rule]]\nname = "big"\nwhen = "rss > 1G"\n[[target]]\nname = "none"\nmatch = { cmdline = "nobody" }\n'
    )
    assert main(["daemon", "check-config", "--config", str(config), "--format", "json"]) == 3
    value = json.loads(capsys.readouterr().out)
    api, none = value["targets"]
    assert [(row["pid"] - 2**22, row["slot"], row["obstacle"]) for row in api["processes"]] == [
        (2, 0, "gone"),
        (1, None, "gone"),
    ]
    assert api["processes"][0]["command"] == "api\\x1b[31m worker"
    assert (api["families"], api["interval_s"], api["rules"]) == (
        1,
        300.0,
        [{"name": "big", "when": "rss > 1G", "actions": ["snapshot"]}],
    )
    assert (none["processes"], none["warnings"]) == ([], ["no process matches now"])
    assert main(["daemon", "check-config", "--config", str(config)]) == 3
    assert "api: 2 processes in 1 family, largest:1" in capsys.readouterr().out


def test_a_configuration_that_is_wrong_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file and place."""
    config = tmp_path / "heapscope.toml"
    config.write_text("schema = 1\n[daemon]\nsokcet = 1")
    assert main(["daemon", "check-config", "--config", str(config)]) == 2
    assert "heapscope.toml: daemon: there is no key 'sokcet': did you mean 'socket'?" in capsys.readouterr().err


def test_the_example_is_written_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """To be redirected into the file."""
    assert main(["daemon", "example-config"]) == 0
    assert capsys.readouterr().out.startswith("# heapscope.toml")


@pytest.mark.slow
def test_the_daemon_loads_nothing_that_only_its_workers_need() -> None:
    """Numpy and whole heaps are for the processes that end after a capture."""
    code = "import sys, heapscope.daemon.run; print([name for name in ('numpy', 'psutil', 'textual', 'click') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
