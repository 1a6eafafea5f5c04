"""Compiles the kernels in heapscope/graph/native into one shared library; everything else is in pyproject.toml.

The library knows nothing of Python, so one wheel (py3-none-<platform>) serves every interpreter.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

SOURCE = Path(__file__).parent / "heapscope" / "graph" / "native"
LIBRARY = "libheapgraph.so"
FLAGS = ["-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]


def find_compiler() -> list[str]:
    """Give the command of the C compiler: $CC, else cc, gcc or clang."""
    chosen = shlex.split(os.environ.get("CC", ""))
    if chosen:
        return chosen
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    message = (
        "heapscope needs a C compiler to build its kernels, and found none (cc, gcc, clang, $CC).\n"
        "Install one (Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; Alpine: apk add gcc musl-dev) and try again."
    )
    raise CompileError(message)


def compile_kernels(folder: Path) -> Path:
    """Compile the kernels into a folder; the library appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / LIBRARY
    temporary = folder / f".{LIBRARY}.{os.getpid()}"
    sources = sorted(str(path) for path in SOURCE.glob("*.c"))
    command = [*find_compiler(), *FLAGS, *shlex.split(os.environ.get("CFLAGS", "")), "-o", str(temporary), *sources]
    try:
        subprocess.run(command, check=True)
        temporary.replace(library)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompileError(f"compiling the kernels failed: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return library


class BuildKernels(Command):
    """Compile the kernels into the source tree: ``python setup.py build_kernels``."""

    description = "compile the kernels in place"
    user_options: ClassVar[list[tuple[str, str | None, str | None]]] = []

    def initialize_options(self) -> None:
        """Have no options."""

    def finalize_options(self) -> None:
        """Have no options."""

    def run(self) -> None:
        """Compile."""
        compile_kernels(SOURCE)


class BuildWithKernels(build_py):
    """Build the Python files, then the kernels beside them; for an editable install, in the source tree."""

    def run(self) -> None:
        """Build."""
        super().run()
        compile_kernels(SOURCE if self.editable_mode else self._built_folder())

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - setuptools' own signature
        """List what was built, for install records."""
        return [*super().get_outputs(include_bytecode), str(self._built_folder() / LIBRARY)]

    def _built_folder(self) -> Path:
        return Path(self.build_lib) / "heapscope" / "graph" / "native"


class KernelWheel(bdist_wheel):
    """A wheel for one platform and every Python 3."""

    def finalize_options(self) -> None:
        """Mark the wheel as bound to the platform."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        """Name the platform, but no interpreter."""
        return "py3", "none", super().get_tag()[2]


class KernelDistribution(Distribution):
    """A distribution that is not pure Python, so that it is installed beside others of its platform."""

    def has_ext_modules(self) -> bool:
        """Say that there is compiled code."""
        return True


COMMANDS: dict[str, Any] = {
    "build_kernels": BuildKernels,
    "build_py": BuildWithKernels,
    "bdist_wheel": KernelWheel,
}

if __name__ == "__main__":
    setup(
        cmdclass=COMMANDS,
        distclass=KernelDistribution,
    )
