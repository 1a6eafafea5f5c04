#!/usr/bin/env python3
"""Measure how fast the host turns a packed capture stream into a snapshot, in CPU time of one core.

Makes the stream itself: rows as a walker sends them, near addresses mostly, and a given number of references each.

    python scripts/bench_decode.py [--objects 10000000] [--references 3] [--local 0.8]

    decode    frames into columns
    build     columns into the snapshot: references resolved to object indexes
    peak      the process's largest resident set
"""

from __future__ import annotations

import argparse
import resource
import struct
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.model import SnapshotMeta
from heapscope.units import format_bytes, format_count
from heapscope.wire.protocol import NO_LENGTH, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.heap import type_record
from tests.support.packing import PackedRow, PackedWriter, checksum

TYPES = 40
FRAME_ROWS = 5000
SPACING = 96  # bytes of heap per object, on average
BASE = 0x7F00_0000_0000
FIRST_TYPE = 0x55E0_0000_0000


def addresses_of(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return ascending addresses with gaps, the runs of a pool allocator shuffled among each other."""
    address = BASE + np.cumsum(generator.integers(2, SPACING // 8 - 1, count)) * 16
    runs = np.array_split(np.arange(count), max(1, count // 200))
    generator.shuffle(runs)
    return address[np.concatenate(runs)]


def frames_of(address: np.ndarray, references: int, local: float, generator: np.random.Generator) -> list[bytes]:
    """Return PACKED payloads. Types have usual sizes; every eighth object has a length and a fingerprint."""
    count = address.size
    near = np.arange(count)[:, None] + generator.integers(-500, 500, (count, references))
    far = generator.integers(0, count, (count, references))
    target = address[np.where(generator.random((count, references)) < local, np.clip(near, 0, count - 1), far)]
    kinds = generator.zipf(1.3, count) % TYPES
    writer, payloads = PackedWriter(), []
    for start in range(0, count, FRAME_ROWS):
        end = min(count, start + FRAME_ROWS)
        rows = [
            PackedRow(
                at,
                FIRST_TYPE + 1024 * kind,
                64 + 16 * kind,
                64 + 16 * kind,
                1 + number % 3,
                number % 100 if number % 8 == 0 else NO_LENGTH,
                1,
                0x9E37_79B9_7F4A_7C15 * number & NO_LENGTH if number % 8 == 0 else 0,
                [found] if found else [],
            )
            for number, (at, kind, found) in enumerate(
                zip(address[start:end].tolist(), kinds[start:end].tolist(), target[start:end].tolist(), strict=True)
            )
        ]
        payloads += writer.payloads(rows)
    return payloads


def rebased(payload: bytes, shift: int) -> bytes:
    """Return a payload whose first row, and with it everything, lies ``shift`` bytes further on."""
    rows, references, _ = struct.unpack_from("<IIQ", payload)
    value, position, bits = 0, 17, 0
    while True:
        value |= (payload[position] & 0x7F) << bits
        position, bits = position + 1, bits + 7
        if payload[position - 1] < 0x80:
            break
    value += shift >> 2  # zigzag of a positive number, >> 3
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    items = payload[16:17] + bytes(out) + payload[position:]
    return struct.pack("<IIQ", rows, references, checksum(items)) + items


def main() -> None:
    """Make a stream, decode it, build it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--local", type=float, default=0.8, help="share of references that lead near by")
    options = parser.parse_args()
    generator = np.random.default_rng(1)
    # Encoding in Python is slow: one stretch of the heap is made and laid out again and again behind itself.
    stretch = min(options.objects, 500_000)
    address = addresses_of(stretch, generator)
    first = frames_of(address, options.references, options.local, generator)
    width = int(address.max()) - BASE + 4096 & -4096
    copies = options.objects // stretch
    payloads = list(first)
    for copy in range(1, copies):
        payloads += [rebased(payload, copy * width) for payload in first[1:]]  # the first one introduces the types
    size = sum(map(len, payloads))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    builder = SnapshotBuilder()
    builder.feed(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION}))
    records = [type_record(FIRST_TYPE + 1024 * kind, f"m.T{kind}") for kind in range(TYPES)]
    builder.feed(Kind.TYPES, encode_value(records))
    started = time.process_time()
    for payload in payloads:
        builder.feed(Kind.PACKED, payload)
    decoded = time.process_time()
    objects = builder.progress_objects
    columns = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    references = sum(struct.unpack_from("<I", payload, 4)[0] for payload in payloads)
    end = {"objects": objects, "references": references, "types": TYPES, "roots": 0, "warnings": []}
    builder.feed(Kind.END, encode_value(end))
    begun = time.process_time()
    snapshot = builder.build(SnapshotMeta())
    built = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{format_count(objects)} objects, {format_count(references)} references, {size / objects:.1f} bytes of stream"
        f" per object\ndecode {decoded - started:.2f} s, {objects / (decoded - started) / 1e6:.1f} M objects/s,"
        f" {size / (decoded - started) / 1e6:.0f} MB/s\nbuild  {built - begun:.2f} s, references kept"
        f" {format_count(snapshot.reference_count)}\npeak   {format_bytes((columns - before) * 1024)} after decoding,"
        f" {format_bytes((peak - before) * 1024)} after building (stream not counted)"
    )


if __name__ == "__main__":
    main()
