"""The kernels built with AddressSanitizer and UndefinedBehaviorSanitizer take damaged input without a complaint."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.packing import PackedRow, PackedWriter

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "heapscope" / "snapshot" / "native"
DRIVER = ROOT / "tests" / "support" / "native" / "fuzz_heapdecode.c"
FLAGS = [
    "-std=c11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover",
]
ROUNDS = 40_000


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the driver, which contains the decoder, with the index and the memory kernels."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("sanitized")
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    if subprocess.run([compiler, *FLAGS, "-o", folder / "probe", probe], capture_output=True, check=False).returncode:
        pytest.skip("the C compiler has no sanitizers")
    others = [path for path in sorted(NATIVE.glob("*.c")) if path.name != "heapdecode.c"]
    result = folder / "fuzz"
    subprocess.run([compiler, *FLAGS, f"-I{NATIVE}", "-o", result, DRIVER, *others], check=True)
    return result


def payloads(seed: int) -> list[bytes]:
    """Payloads of a small stream that uses all of the format."""
    generator = random.Random(seed)
    at = [0x7F00_0000_0000 + 8 * generator.randrange(1 << 12) for _ in range(40)]
    at += [8 * generator.randrange(1 << 61) for _ in range(4)]
    rows = [
        PackedRow(
            address,
            0x55E0_0000_0000 + 64 * generator.randrange(6),
            shallow=generator.choice((16, 64, 1 << 40)),
            allocated=generator.choice((16, 64, 1 << 63)),
            refcount=generator.choice((1, 2, 1 << 32)),
            length=generator.choice((0, 5, (1 << 64) - 1)),
            flags=generator.choice((0, 1, (1 << 32) - 1)),
            fingerprint=generator.choice((0, generator.randrange(1 << 64))),
            chunks=[generator.choices(at, k=generator.randrange(4)) for _ in range(generator.randrange(4))],
        )
        for address in dict.fromkeys(at)
    ]
    return PackedWriter().payloads(rows, generator.sample(range(1, 60), 4))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_damaged_streams_never_make_the_kernels_misbehave(driver: Path, tmp_path: Path, seed: int) -> None:
    """Out of bounds, overflow, use of freed memory or a leak would end the driver with a report."""
    stream = tmp_path / "stream"
    stream.write_bytes(b"".join(len(payload).to_bytes(4, "little") + payload for payload in payloads(seed)))
    done = subprocess.run([driver, stream, str(ROUNDS), str(seed)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > ROUNDS // 10, "hardly anything was decoded: the damage is too great to find anything"
