"""Reading sections and blocks of a file that is open. Never believes a size before it has checked it.

Safe to use from several threads at once: every read says where from.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot import blocks, layout
from heapscope.snapshot.contents import ContentsError
from heapscope.snapshot.layout import Block, Encoding, LayoutError, Section, Transform
from heapscope.snapshot.transforms import Unsigned

Against = Callable[[int, int], Unsigned | None]
Run = Callable[[Callable[[int], None], range], object]

_PIECE = 1 << 20


class SectionReader:
    """The sections of an open file. ``version`` is that of its format."""

    def __init__(self, descriptor: int) -> None:
        """Read header and section table; the descriptor stays the caller's. Raises LayoutError and OSError."""
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise LayoutError("it is no regular file")
        header = self._read(0, layout.HEADER.size)
        self.version, section_count = layout.decode_header(header, status.st_size)
        head = header + self._read(len(header), layout.table_end(section_count) - len(header))
        self.sections: Mapping[str, Section] = layout.decode_table(head, self.version, section_count, status.st_size)
        self._index = cache(self._read_index)

    def _read(self, offset: int, size: int) -> bytes:
        """Read as many bytes as there are, at most ``size``, which is at most the size of the file."""
        parts = []
        while size:
            part = os.pread(self._descriptor, min(size, 1 << 30), offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _section(self, name: str) -> Section:
        if name not in self.sections:
            raise ContentsError(f"its section {name} is missing")
        return self.sections[name]

    def read_bytes(self, name: str, limit: int = layout.MAX_RAW_SIZE) -> bytes:
        """Read and check a section that is no column of blocks. Raises LayoutError, ContentsError, OSError."""
        section = self._section(name)
        if section.encoding == Encoding.BLOCKS:
            raise ContentsError(f"its section {name} is a column")
        if section.raw_size > limit:
            raise ContentsError(f"its section {name} is too large")
        return blocks.decode_bytes(section, self._read(section.offset, section.stored_size))

    def check(self, name: str) -> None:
        """Check the checksums of a section that nobody reads. Raises LayoutError and OSError."""
        section = self.sections[name]
        pieces = [(section.offset, section.stored_size, section.crc32)]
        if section.encoding == Encoding.BLOCKS:
            pieces = [(block.offset, block.stored_size, block.crc32) for block in self._index(name)]
        for offset, size, checksum in pieces:
            if self._checksum(offset, size) != checksum:
                raise LayoutError(f"the checksum of its section {name} is wrong")

    def _checksum(self, offset: int, size: int) -> int:
        checksum = 0
        for start in range(0, size, _PIECE):
            checksum = layout.crc32(self._read(offset + start, min(_PIECE, size - start)), checksum)
        return checksum

    def value_count(self, name: str, dtype: np.dtype[Any]) -> int:
        """Give how many values a column has, from the section table. Raises ContentsError."""
        section = self._section(name)
        if section.encoding == Encoding.BLOCKS and section.item_size != dtype.itemsize:
            raise ContentsError(f"its column {name} has values of another size")
        if section.raw_size % dtype.itemsize:
            raise ContentsError(f"its column {name} is cut off")
        return section.raw_size // dtype.itemsize

    def read_column(
        self, name: str, dtype: np.dtype[Any], transform: Transform, against: Against, run: Run
    ) -> npt.NDArray[Any]:
        """Read a column whose blocks are PLAIN or of one other transform.

        ``run`` maps over the blocks, with threads or without. Raises LayoutError, ContentsError, OSError, MemoryError.
        """
        count = self.value_count(name, dtype)
        section = self.sections[name]
        if section.encoding != Encoding.BLOCKS:
            return np.frombuffer(self.read_bytes(name), dtype=dtype)
        index = self._index(name)
        if any(block.transform not in (Transform.PLAIN, transform) for block in index):
            raise LayoutError(f"its column {name} has an unexpected kind of block")
        out = np.zeros(count, dtype=dtype)

        def decode(number: int) -> None:
            block = index[number]
            start, stop = layout.block_range(section, number)
            stored = self._read(block.offset, block.stored_size)
            compared = against(start, stop) if block.transform != Transform.PLAIN else None
            blocks.decode_block(block, stored, out[start:stop], compared, f"block {number} of its column {name}")

        run(decode, range(section.block_count))
        return out

    def _read_index(self, name: str) -> list[Block]:
        section = self.sections[name]
        return layout.decode_index(section, self._read(*layout.index_position(section)))
