"""Which attributes the instances of one class have: tallied by shape while they are read, turned into names at the end.

Never creates a ``__dict__`` and keeps no reference to an instance.

A *shape* is what instances with the same attributes in the same order have in common: the order bytes of their values,
or (address of the keys table, order bytes or count) for a split dict.
"""

from heapscope.wire.protocol import MAX_ATTRIBUTES

MAX_SHAPES = 1 << 14


class AttributeTally:
    """Counts shapes and the names in unshared dicts. ``keys`` are the class's shared Keys, or None."""

    def __init__(self, layout, keys):
        self.layout = layout
        self.keys = keys
        self.shapes = {}
        self.split_keys = {}  # address of a keys table -> Keys
        self.combined = {}
        self.combined_shapes = set()
        self.truncated = False

    def shape_count(self):
        """Return how many different sets of attributes there are, at least."""
        return len(self.shapes) + len(self.combined_shapes)

    def count_shape(self, shape):
        """Note one more instance of a shape."""
        self.shapes[shape] = self.shapes.get(shape, 0) + 1

    def count_combined(self, names):
        """Note one more instance whose own dict has these names."""
        counts = self.combined
        known = []
        for name in names:
            if type(name) is not str:
                continue
            if len(known) >= MAX_ATTRIBUTES or (name not in counts and len(counts) >= MAX_ATTRIBUTES):
                self.truncated = True
                break
            counts[name] = counts.get(name, 0) + 1
            known.append(name)
        if len(self.combined_shapes) < MAX_SHAPES:
            self.combined_shapes.add(hash(frozenset(known)))

    def counts_by_name(self):
        """Return {name: number of instances that have it}; bounded, sets ``truncated``."""
        counts = dict(self.combined)
        names_of = {}
        for shape, number in self.shapes.items():
            table, order = shape if type(shape) is tuple else (0, shape)
            if table not in names_of:
                keys = self.split_keys.get(table) if table else self.keys
                names_of[table] = self.layout.names(keys) if keys is not None else []
            names = names_of[table]
            for position in self._positions(order):
                name = names[position] if position < len(names) else None
                if name is None:
                    continue
                if name in counts or len(counts) < MAX_ATTRIBUTES:
                    counts[name] = counts.get(name, 0) + number
                else:
                    self.truncated = True
        return counts

    def _positions(self, order):
        if type(order) is bytes:
            return order
        if order >> 64:
            return (order & (1 << 64) - 1).to_bytes(8, "little")[: order >> 64]
        return range(min(order, MAX_ATTRIBUTES))
