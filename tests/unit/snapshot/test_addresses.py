"""Addresses become object indexes, by table or by search, with the same answer."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.snapshot import kernels
from heapscope.snapshot.addresses import NONE, AddressIndex, DuplicateAddress
from heapscope.snapshot.columns import GrowableColumn

ADDRESSES = st.one_of(
    st.integers(1, 1 << 12),
    st.integers(0x7F00_0000_0000, 0x7F00_0010_0000),
    st.integers(1, (1 << 64) - 1),
)


@given(st.lists(ADDRESSES, unique=True, max_size=60), st.lists(ADDRESSES, max_size=60))
def test_every_address_is_found_and_no_other(addresses: list[int], others: list[int]) -> None:
    """Dense, sparse and hostile addresses alike."""
    index = AddressIndex(np.array(addresses, dtype=np.uint64))
    wanted = addresses + others
    expected = [addresses.index(address) if address in addresses else int(NONE) for address in wanted]
    assert index.find(np.array(wanted, dtype=np.uint64)).tolist() == expected


@given(st.lists(st.integers(0, 1 << 21), unique=True, min_size=1, max_size=60), st.lists(st.integers(0, 1 << 24)))
def test_aligned_addresses_use_the_table(granules: list[int], others: list[int]) -> None:
    """Objects on 8-byte boundaries over several chunks; what lies between them is not found."""
    addresses = [0x7F00_0000_0000 + 8 * granule for granule in granules]
    index = AddressIndex(np.array(addresses, dtype=np.uint64))
    assert index.has_table
    wanted = addresses + [0x7F00_0000_0000 + other for other in others]
    expected = [addresses.index(address) if address in addresses else int(NONE) for address in wanted]
    assert index.find(np.array(wanted, dtype=np.uint64)).tolist() == expected


def test_processors_that_do_not_count_bits_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of x86-64: the kernels count by hand there, which no other test on a newer machine comes to."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    sources = sorted(kernels._LIBRARY.parent.glob("*.c"))
    built = tmp_path / "libheapdecode.so"
    flags = ("-std=c11", "-O1", "-fPIC", "-shared", "-DHEAPINDEX_COUNTS_ITSELF")
    subprocess.run([compiler, *flags, "-o", built, *sources], check=True)
    monkeypatch.setattr(kernels, "_LIBRARY", built)
    monkeypatch.setattr(kernels, "library", kernels.library.__wrapped__)
    granules = np.random.default_rng(5).choice(1 << 16, 20_000, replace=False).astype(np.uint64)
    addresses = np.uint64(0x7F00_0000_0000) + np.uint64(8) * granules
    index = AddressIndex(addresses)
    assert index.has_table
    assert np.array_equal(index.find(addresses), np.arange(addresses.size))
    assert (index.find(addresses + np.uint64(1)) == NONE).all()


def test_addresses_spread_thinly_do_not_make_a_huge_table() -> None:
    """Each in a region of its own: a hostile sender could otherwise cost a page of table per object."""
    addresses = np.arange(1, 6000, dtype=np.uint64) << np.uint64(30)
    index = AddressIndex(addresses)
    assert not index.has_table
    assert index.find(addresses).tolist() == list(range(5999))


@pytest.mark.parametrize("addresses", [[16, 32, 16], [17, 32, 17], [8, 1 << 40, 1 << 40]])
def test_same_address_twice_is_refused(addresses: list[int]) -> None:
    """Neither could be told from the other, however they are looked up."""
    with pytest.raises(DuplicateAddress):
        AddressIndex(np.array(addresses, dtype=np.uint64))


@given(st.lists(ADDRESSES, unique=True, min_size=1, max_size=40), st.data())
def test_references_are_resolved_in_place(addresses: list[int], data: st.DataObject) -> None:
    """As looked up one by one; those that lead nowhere are counted and left out."""
    targets = st.lists(st.one_of(st.sampled_from(addresses), ADDRESSES), max_size=5)
    lists = [data.draw(targets) for _ in addresses]
    references = GrowableColumn("<u8")
    references.extend(np.array([target for one in lists for target in one], dtype=np.uint64))
    counts = np.array([len(one) for one in lists], dtype=np.uint32)
    index = AddressIndex(np.array(addresses, dtype=np.uint64))
    offsets, found, dangling = index.resolve(references, counts)
    expected = [[addresses.index(target) for target in one if target in addresses] for one in lists]
    assert [found[start:end].tolist() for start, end in itertools.pairwise(offsets.tolist())] == expected
    assert dangling == sum(map(len, lists)) - found.size
    assert found.dtype == np.uint32


@pytest.mark.parametrize("counts", [[1, 1], [2, 2], [0, 0], [0xFFFF_FFFF, 0]])
def test_counts_that_do_not_add_up_are_refused(counts: list[int]) -> None:
    """Neither fewer nor more references than there are."""
    references = GrowableColumn("<u8")
    references.extend(np.array([16, 32, 16], dtype=np.uint64))
    with pytest.raises(ValueError, match="add up"):
        AddressIndex(np.array([16, 32], dtype=np.uint64)).resolve(references, np.array(counts, dtype=np.uint32))
