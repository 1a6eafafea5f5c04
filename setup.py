"""Compiles the C files of the ``native`` folders into shared libraries; everything else is in pyproject.toml.

No library knows anything of Python, so one wheel (py3-none-<platform>) serves every interpreter.
"""

from __future__ import annotations

import dataclasses
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

ROOT = Path(__file__).parent
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror")
HOST = ("-O2", "-fPIC", "-shared", "-fvisibility=hidden")


@dataclasses.dataclass(frozen=True)
class Library:
    """One shared library: all C files of one folder, compiled at once into that folder."""

    folder: str
    name: str
    flags: tuple[str, ...] = HOST
    takes_cflags: bool = True  # whether the user's $CFLAGS are added


# No libc and nothing from a loader: it is laid into a process of somebody else and runs beside whatever libc that one has.
ALONE = (
    *("-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffreestanding", "-nostdlib", "-fno-stack-protector"),
    *("-fno-tree-loop-distribute-patterns", "-fcf-protection=none", "-Wl,-Bsymbolic", "-Wl,--no-undefined"),
    *("-Wl,-z,noexecstack", "-Wl,-z,norelro", "-Wl,-z,max-page-size=4096", "-Wl,--build-id=none"),
)

LIBRARIES = (
    Library("heapscope/agent/native", "libheapwalk.so", ALONE, takes_cflags=False),
    Library("heapscope/graph/native", "libheapgraph.so"),
    Library("heapscope/snapshot/native", "libheapdecode.so"),
    Library("heapscope/target/native", "libheapmalloc.so"),
)


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


def compile_library(library: Library, root: Path) -> Path:
    """Compile one library into its folder below ``root``; it appears whole or not at all."""
    folder = root / library.folder
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / library.name
    temporary = folder / f".{library.name}.{os.getpid()}"
    sources = sorted(str(path) for path in (ROOT / library.folder).glob("*.c"))
    extra = shlex.split(os.environ.get("CFLAGS", "")) if library.takes_cflags else []
    command = [*find_compiler(), *STRICT, *library.flags, *extra, "-o", str(temporary), *sources]
    try:
        subprocess.run(command, check=True)
        temporary.replace(result)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompileError(f"compiling {library.name} failed: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return result


def compile_libraries(root: Path, only: str | None = None) -> list[Path]:
    """Compile all libraries, or those whose name contains ``only``, below ``root``."""
    return [compile_library(library, root) for library in LIBRARIES if only is None or only in library.name]


class BuildKernels(Command):
    """Compile the kernels into the source tree: ``python setup.py build_kernels [--only NAME]``."""

    description = "compile the kernels in place"
    user_options: ClassVar[list[tuple[str, str | None, str | None]]] = [
        ("only=", None, "compile the libraries with this in their names")
    ]

    def initialize_options(self) -> None:
        """Compile all unless told otherwise."""
        self.only: str | None = None

    def finalize_options(self) -> None:
        """Take the option as it is."""

    def run(self) -> None:
        """Compile."""
        compile_libraries(ROOT, self.only)


class BuildWithKernels(build_py):
    """Build the Python files, then the kernels beside them; for an editable install, in the source tree."""

    def run(self) -> None:
        """Build."""
        super().run()
        compile_libraries(ROOT if self.editable_mode else Path(self.build_lib))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - setuptools' own signature
        """List what was built, for install records."""
        built = [str(Path(self.build_lib) / library.folder / library.name) for library in LIBRARIES]
        return [*super().get_outputs(include_bytecode), *built]


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
