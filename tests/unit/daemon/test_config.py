"""The configuration is strict, and says where a mistake is and what was perhaps meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.daemon.config import Config
from heapscope.daemon.config_file import example_config, load_config, parse_config
from heapscope.daemon.quantities import parse_amount, parse_duration, parse_ratio, parse_size
from heapscope.errors import UsageError

SMALLEST = 'schema = 1\n[[target]]\nname = "api"\nmatch = { unit = "api.service" }\n'


def test_the_example_is_valid_and_shows_every_default() -> None:
    """What is commented out in the example is the default: with it, nothing changes."""
    text = example_config()
    shown = "\n".join(
        line.removeprefix("#") if line.startswith("#") and " = " in line else line for line in text.splitlines()
    )
    assert parse_config(shown) == parse_config(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SMALLEST + "intervall = '5m'", "target[0]: there is no key 'intervall': did you mean 'interval'?"),
        (
            "schema = 1\n[daemon.retention]\nmax_byte = 3",
            "daemon.retention: there is no key 'max_byte': did you mean 'max_bytes'?",
        ),
        ("schema = 1\n[daemo]", "there is no key 'daemo': did you mean 'daemon'?"),
        (SMALLEST.replace("unit", "unti"), "target[0].match: there is no key 'unti': did you mean 'unit'?"),
        ("schema = 2", "schema must be 1"),
        ("schema = 1\n[capture]\ntimeout = '5 parsecs'", "capture.timeout: '5 parsecs' is no duration"),
        ("schema = 1\n[capture]\ntimeout = 5", "capture.timeout: 5 is no duration: write a unit"),
        (SMALLEST + SMALLEST.removeprefix("schema = 1\n"), "two targets have the same name"),
        (SMALLEST + "interval = '1s'", "interval must be at least 5s"),
        (SMALLEST + "instances = 'largest'", "is not all, largest:N or sample:N"),
        (SMALLEST.replace("api.service", ""), "match needs at least one of"),
        (SMALLEST.replace('unit = "api.service"', 'cmdline = "("'), "target[0].match: cmdline:"),
        (SMALLEST + "[[target.rule]]\nname = 'x'\nwhen = 'rss_rato > 1'", "did you mean rss_ratio?"),
        (
            SMALLEST + "[[target.rule]]\nname = 'x'\nwhen = 'rss > 1G'\nactions = ['command']",
            "action command and the key command",
        ),
        (SMALLEST.replace('"api"', '"../api"'), "is no name for a target"),
        ("schema = 1\n[daemon]\npause_budget = '120%'", "daemon.pause_budget: '120%' is more than the whole"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, wanted: str) -> None:
    """The message has the place, and the key that was perhaps meant."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_config(text)
    assert wanted in str(caught.value)


def test_a_file_that_is_missing_or_no_toml_is_a_usage_error(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(UsageError, match=r"cannot read .*none\.toml"):
        load_config(str(tmp_path / "none.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("schema = = 1")
    with pytest.raises(UsageError, match=r"bad\.toml: .*line 1"):
        load_config(str(bad))


def test_quantities_are_read_as_people_write_them() -> None:
    """Durations, sizes, shares, and amounts that are either."""
    assert [parse_duration(text) for text in ("250ms", "90s", "15m", "2h", "14d", 0)] == [
        0.25,
        90,
        900,
        7200,
        1209600,
        0,
    ]
    assert [parse_size(text) for text in ("1KiB", "1.5G", "2GB", "7", 7)] == [1024, 3 << 29, 2 * 10**9, 7, 7]
    assert [parse_ratio(text) for text in ("75%", "0.75", 1)] == [0.75, 0.75, 1]
    assert parse_amount("10%").of(1000) == 100
    assert parse_amount("5KiB").of(1000) == 5120


@pytest.mark.parametrize("text", ["-1s", "1e9s", "nan", "s", "", "1 2s", "9" * 50 + "s", True, None, -1, float("nan")])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """No guesses, no negative times, no overflow."""
    with pytest.raises(ValueError, match=r"."):
        parse_duration(text)


def test_defaults_keep_pauses_small() -> None:
    """An empty configuration watches nothing, listens nowhere, and may pause for 1 % of the time."""
    config = parse_config("schema = 1")
    assert isinstance(config, Config)
    assert config.target == ()
    assert config.daemon.pause_budget == 0.01
    assert config.daemon.metrics.listen == ""
