"""Names of many references at once: what analysis/edge_names.py says of one, as columns.

Never guesses: -1 where a name is not known, and the position of the reference in its holder beside it. No I/O.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.units import clean_text

_MAX_LABEL = 200
_MIX = np.uint64(0x9E3779B97F4A7C15)
Numbers = npt.NDArray[np.int64]


class EdgeLabels:
    """Names by their number in ``texts``. Building is O(names + shapes), 4 bytes per object; a name O(1).

    Known are keys of dicts that are names, and attributes of instances without a dict of their own.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Number the names."""
        self._snapshot = snapshot
        numbers: dict[str, int] = {}
        self._of_text = np.full(snapshot.object_count, -1, dtype=np.int32)
        for index, name in snapshot.naming.names.items():
            self._of_text[index] = numbers.setdefault(clean_text(name, _MAX_LABEL), len(numbers))
        self._is_dict = np.array([info.name == "builtins.dict" for info in snapshot.types], dtype=np.bool_)
        shapes = snapshot.naming.shapes
        examples = np.array([example for example, _ in shapes], dtype=np.int64)
        keys = _mixed(snapshot, examples)
        order = np.argsort(keys, kind="stable")
        self._shape_keys, self._shape_example = keys[order], examples[order]
        chosen = [shapes[at][1] for at in order.tolist()]
        self._shape_start = np.cumsum([0, *map(len, chosen)], dtype=np.int64)
        flat = [numbers.setdefault(clean_text(name, _MAX_LABEL), len(numbers)) for names in chosen for name in names]
        self._shape_names = np.array(flat, dtype=np.int32)
        self.texts = tuple(numbers)

    def of(self, holders: U32Array) -> tuple[Numbers, Numbers]:
        """Give, for the references of some objects behind each other, number of the name or -1, and position in the holder."""
        snapshot = self._snapshot
        wide = holders.astype(np.int64)
        starts = snapshot.reference_offsets[wide].astype(np.int64)
        counts = snapshot.reference_offsets[wide + 1].astype(np.int64) - starts
        total = int(counts.sum())
        positions = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        names = np.full(total, -1, dtype=np.int64)
        self._name_values(holders, starts, counts, positions, names)
        self._name_attributes(wide, counts, positions, names)
        return names, positions

    def _name_values(
        self, holders: U32Array, starts: Numbers, counts: Numbers, positions: Numbers, names: Numbers
    ) -> None:
        """The keys of a dict come first, then its values."""
        length = self._snapshot.length[holders]
        is_dict = self._is_dict[self._snapshot.type_index[holders]] & (length > 0) & (counts >= 2 * length)
        keys = np.repeat(np.where(is_dict, length, 0), counts)
        is_value = (keys > 0) & (positions >= keys) & (positions < 2 * keys)
        at = (np.repeat(starts, counts) + positions - keys)[is_value]
        names[is_value] = self._of_text[self._snapshot.reference_targets[at]]

    def _name_attributes(self, holders: Numbers, counts: Numbers, positions: Numbers, names: Numbers) -> None:
        if not self._shape_keys.size:
            return
        keys = _mixed(self._snapshot, holders)
        place = np.minimum(np.searchsorted(self._shape_keys, keys), self._shape_keys.size - 1)
        example = self._shape_example[place]
        types, fingerprints = self._snapshot.type_index, self._snapshot.fingerprint
        fits = (types[example] == types[holders]) & (fingerprints[example] == fingerprints[holders])
        known = np.where(fits, self._shape_start[place + 1] - self._shape_start[place], 0)
        is_named = positions < np.repeat(known, counts)
        names[is_named] = self._shape_names[(np.repeat(self._shape_start[place], counts) + positions)[is_named]]


def _mixed(snapshot: Snapshot, objects: Numbers) -> npt.NDArray[np.uint64]:
    mixed: npt.NDArray[np.uint64] = snapshot.fingerprint[objects] ^ (
        snapshot.type_index[objects].astype(np.uint64) * _MIX
    )
    return mixed
