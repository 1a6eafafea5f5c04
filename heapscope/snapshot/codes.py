"""Where the code of the target was written: from CODES frames to a table by object, and to the sections of a file and back.

Never trusts what it reads: lengths, counts, numbers and addresses are bounded and checked. Does no I/O.
"""

from __future__ import annotations

import struct
from array import array

import numpy as np

from heapscope.snapshot import records
from heapscope.snapshot.addresses import NONE, AddressIndex
from heapscope.snapshot.model import NO_CODES, CodeTable, U32Array
from heapscope.wire.protocol import MAX_CODE_FILES, MAX_CODES, MAX_NAME, MAX_PATH

_HEAD = struct.Struct("<QIIH")  # address, first line, file number, length of the name
_LENGTH = struct.Struct("<H")
_MAX_LINE = (1 << 31) - 1


class CodesBuilder:
    """Collects places by address while a stream runs; gives them by object index at its end."""

    def __init__(self) -> None:
        self._addresses = array("Q")
        self._lines = array("I")
        self._file_numbers = array("I")
        self._names: list[str] = []
        self._files: list[str] = []

    def feed(self, payload: bytes) -> None:
        """Take one CODES payload. Raises RecordError."""
        at = 0
        while at < len(payload):
            if at + _HEAD.size > len(payload):
                raise records.RecordError("the place of a code object is cut off")
            address, line, file, length = _HEAD.unpack_from(payload, at)
            name, at = _text(payload, at + _HEAD.size, length, MAX_NAME)
            if file == len(self._files):
                if at + _LENGTH.size > len(payload):
                    raise records.RecordError("the path of a file is cut off")
                (length,) = _LENGTH.unpack_from(payload, at)
                path, at = _text(payload, at + _LENGTH.size, length, MAX_PATH)
                self._files.append(path)
            if file >= len(self._files) or line > _MAX_LINE:
                raise records.RecordError("a code object was written in no known file, or in no line")
            self._addresses.append(address)
            self._lines.append(line)
            self._file_numbers.append(file)
            self._names.append(name)
        if len(self._names) > MAX_CODES or len(self._files) > MAX_CODE_FILES:
            raise records.RecordError("there are too many code objects, or files with code")

    def build(self, index: AddressIndex) -> CodeTable:
        """Give what belongs to objects that were recorded. Raises RecordError."""
        if not self._names:
            return NO_CODES
        objects = index.find(np.array(self._addresses, dtype=np.uint64))
        order = np.argsort(objects, kind="stable")
        order = order[objects[order] != NONE]
        objects = objects[order]
        if bool((objects[1:] == objects[:-1]).any()):
            raise records.RecordError("a code object was written in two places")
        lines, files = (np.array(each, dtype=np.uint32)[order] for each in (self._lines, self._file_numbers))
        names = tuple(self._names[place] for place in order.tolist())
        return _table(objects, lines, files, names, tuple(self._files))


def _text(payload: bytes, start: int, length: int, limit: int) -> tuple[str, int]:
    """Give the text of a length that begins there, and where it ends."""
    end = start + length
    if length > limit or end > len(payload):
        raise records.RecordError("a name or a path is too long, or cut off")
    try:
        return payload[start:end].decode("utf-8"), end
    except UnicodeDecodeError:
        raise records.RecordError("a name or a path is no UTF-8") from None


def _table(
    objects: U32Array, lines: U32Array, files: U32Array, names: tuple[str, ...], paths: tuple[str, ...]
) -> CodeTable:
    for column in (objects, lines, files):
        column.setflags(write=False)
    return CodeTable(objects, lines, files, names, paths)


def codes_record(codes: CodeTable) -> dict[str, records.Value]:
    """Write the texts of a table as plain values; the numbers go into columns."""
    return {"names": list(codes.names), "files": list(codes.files)}


def code_columns(codes: CodeTable) -> tuple[U32Array, U32Array, U32Array]:
    """Give the numbers of a table: objects, first lines, files."""
    return codes.objects, codes.first_line, codes.file


def parse_codes(value: records.Value, columns: tuple[U32Array, U32Array, U32Array], object_count: int) -> CodeTable:
    """Join what codes_record and code_columns gave. Raises RecordError."""
    if not isinstance(value, dict):
        raise records.RecordError("codes are no record")
    names, paths = (
        tuple(records.parse_text(text, what, limit) for text in records.parse_list(value.get(key), key, most))
        for key, what, limit, most in (
            ("names", "name of code", MAX_NAME, MAX_CODES),
            ("files", "path", MAX_PATH, MAX_CODE_FILES),
        )
    )
    objects, lines, files = columns
    if not len(names) == objects.size == lines.size == files.size:
        raise records.RecordError("names, lines and files of code differ in number")
    if objects.size and (int(objects[-1]) >= object_count or bool((objects[1:] <= objects[:-1]).any())):
        raise records.RecordError("code belongs to no object")
    if objects.size and (int(files.max()) >= len(paths) or int(lines.max()) > _MAX_LINE):
        raise records.RecordError("a code object was written in no known file, or in no line")
    return _table(objects, lines, files, names, paths)
