"""Addresses become object indexes, by table or by search, with the same answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.snapshot.addresses import NONE, AddressIndex, DuplicateAddress

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


@given(st.lists(st.integers(0, 1 << 20), unique=True, min_size=1, max_size=60), st.lists(st.integers(0, 1 << 24)))
def test_aligned_addresses_use_the_table(granules: list[int], others: list[int]) -> None:
    """Objects on 16-byte boundaries over several chunks; what lies between them is not found."""
    addresses = [0x7F00_0000_0000 + 16 * granule for granule in granules]
    index = AddressIndex(np.array(addresses, dtype=np.uint64))
    assert index._has_table
    wanted = addresses + [0x7F00_0000_0000 + other for other in others]
    expected = [addresses.index(address) if address in addresses else int(NONE) for address in wanted]
    assert index.find(np.array(wanted, dtype=np.uint64)).tolist() == expected


def test_addresses_spread_thinly_do_not_make_a_huge_table() -> None:
    """Each in a region of its own: a hostile sender could otherwise cost a page of table per object."""
    addresses = np.arange(1, 6000, dtype=np.uint64) << np.uint64(30)
    index = AddressIndex(addresses)
    assert not index._has_table
    assert index.find(addresses).tolist() == list(range(5999))


def test_same_address_twice_is_refused() -> None:
    """Neither could be told from the other."""
    with pytest.raises(DuplicateAddress):
        AddressIndex(np.array([16, 32, 16], dtype=np.uint64))
