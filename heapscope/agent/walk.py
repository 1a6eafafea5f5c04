"""The reference walker: closes the early list of objects over references and streams a row per object.

Never recurses, never runs code of the target, and holds no reference to an object but the one list it waits in, so that
reference counts can be read.

Objects of one type are handled together, many at a time, by functions written in C (map, id, get_referents); Python code
runs per object only for instances. Time O(n + m); about 100 bytes per object for the set of addresses seen.
"""

from heapscope.agent import facts
from heapscope.agent.caches import CacheCounts
from heapscope.agent.codes import CODE, CodePlaces
from heapscope.agent.layout import FREE_THREADED
from heapscope.agent.plans import RANK_DICTS, RANK_TYPES
from heapscope.agent.references import with_dict
from heapscope.agent.sizes import RowSizes
from heapscope.agent.stream import PACKED, REFERENCES_PER_FRAME, pack_words
from heapscope.wire.protocol import NO_LENGTH, OBJECTS_PER_FRAME, Flag, Kind

GROUPING_STEP = 1 << 16
IMMORTAL = 1 << 30
DEFERRED = (1 << 63) - 1 >> 3  # _Py_REF_DEFERRED: without a GIL added to the counts of functions, types, code
TYPES_PER_FRAME = 128
_NO_LENGTH = PACKED[NO_LENGTH]
_FUNCTION = type(lambda: None)
_OWN_KINDS = frozenset((id(dict), id(list), id(set), facts.FRAME))  # kinds of the bootstrap's own objects
_MODULE_DICT = type(facts).__dict__["__dict__"].__get__  # type: ignore[index]


class DeadlineReached(Exception):
    """The time that the options allow is used up."""


class TooManyObjects(Exception):
    """More objects than the options allow."""


class Walker:
    """One walk over one heap; run() once."""

    def __init__(self, tools, stream, memory, plans, describer, roots, young, middle):
        self._referents = tools.referents
        self._refcount = tools.refcount
        self._check = tools.check
        self._own_refcount = tools.own_refcount
        self._stream = stream
        self._memory = memory
        self._plan_maker = plans
        self._describer = describer
        self._roots = roots
        self._plans = {}
        self._seen = set()
        self._pending = []
        self._types = []
        self.codes = CodePlaces(stream, plans.minor)
        self.caches = CacheCounts(stream, memory)
        self.type_count = 0
        self._sizes = RowSizes(tools, roots.executing, young, middle)
        self._unfrozen = tools.unfrozen
        self._can_read_lists = False

    def run(self, early, excluded):
        """Walk. ``early`` is emptied; ``excluded`` are ids of our own objects."""
        self._seen.update(map(id, early))
        if self._unfrozen is not None:
            self._sizes.frozen = self._seen - self._unfrozen
        # Frames that the list does not have came into being when the roots were collected.
        self._sizes.young.update(set(map(id, self._roots.objects)) - self._seen)
        self._seen.update(excluded)
        probe = [early, self, 3]
        self._can_read_lists = self._memory is not None and self._memory.list_addresses(probe) == pack_words(
            map(id, probe)
        )
        groups = {}
        while early:
            part = early[-GROUPING_STEP:]
            del early[-GROUPING_STEP:]
            self._group(part, groups)
        part = None
        self._leave_out(groups, excluded)
        self._start_from_roots()
        self._process(groups)
        while self._pending:
            part = self._pending
            self._pending = []
            self._group(part, groups)
            del part
            self._process(groups)
        self._send_types(1)
        self.codes.flush()
        self.caches.flush()
        self._stream.flush()

    def readers(self):
        """Return the instance readers of every class seen."""
        return [plan.reader for plan in self._plans.values() if plan.reader is not None and plan.reader.tally]

    def _group(self, objects, groups):
        for item in objects:
            try:
                groups[id(type(item))].append(item)
            except KeyError:
                groups[id(type(item))] = [item]

    def _leave_out(self, groups, excluded):
        for group in groups.values():
            if id(type(group[0])) in _OWN_KINDS:
                group[:] = [item for item in group if id(item) not in excluded]
            elif type(group[0]) is _FUNCTION:
                # 3.11+: exec() runs a function made for it, which holds the bootstrap's namespace.
                group[:] = [item for item in group if id(item.__globals__) not in excluded]
        for address in [address for address, group in groups.items() if not group]:
            del groups[address]

    def _start_from_roots(self):
        self._discover(self._roots.objects)
        self._sizes.module_dicts.update(
            id(_MODULE_DICT(item))
            for item in self._roots.objects
            if id(type(facts)) in map(id, facts.mro_of(type(item)))
        )
        self._roots.objects = []

    def _process(self, groups):
        """Empty the groups: types first, while nothing else refers to them; dicts after the instances that own them."""
        for kind_of_types in (True, False):
            ranked = []
            for address, group in groups.items():
                kind = type(group[0])
                if kind_of_types and not facts.flags_of(kind) >> 31 & 1:
                    continue
                ranked.append((self._plan(kind).rank, address))
            ranked.sort()
            for _, address in ranked:
                self._process_group(self._plans[address], groups.pop(address))
        groups.clear()

    def _plan(self, kind):
        plan = self._plans.get(id(kind))
        if plan is None:
            plan = self._plans[id(kind)] = self._plan_maker.make(kind)
            if id(kind) not in self._seen:
                self._discover([kind])
        return plan

    def _process_group(self, plan, group):
        step = 512 if plan.references is not None and plan.rank != RANK_DICTS else OBJECTS_PER_FRAME
        while group:
            self._check(self._stream.objects)
            part = group[-step:]
            del group[-step:]
            self._process_part(plan, part)

    def _process_part(self, plan, objects):
        refcounts = list(map(self._refcount, objects))
        if FREE_THREADED:
            refcounts = [count - DEFERRED if count >= DEFERRED >> 1 else count for count in refcounts]
        own = self._own_refcount
        if plan.rank == RANK_TYPES:
            self._take_types(objects)
        elif plan.address == CODE:
            self.codes.take(objects)
        elif plan.is_cache:
            self.caches.take(objects)
        raw = None if plan.fixed_size is not None else list(map(plan.sizeof, objects))
        flags, requested, allocated = self._sizes.columns(plan, objects, raw)
        if plan.length is None:
            lengths = _NO_LENGTH * len(objects)
            items = None
        else:
            items = list(map(plan.length, objects))
            lengths = pack_words(items)
        if max(refcounts) >= IMMORTAL:
            flags = [flag | Flag.IMMORTAL if count >= IMMORTAL else flag for flag, count in zip(flags, refcounts)]
        counts = pack_words([count - own if count < IMMORTAL else count for count in refcounts])
        columns = [plan.packed_address * len(objects), requested, allocated, counts, lengths]
        columns.append(plan.fingerprints(objects))
        self._emit(plan, objects, columns, flags, items)
        if plan.reader is not None:
            plan.reader.dict_objects = {}  # held longer, they would count as references

    def _emit(self, plan, objects, columns, flags, items):
        """Send the rows with their references; follow the references."""
        if plan.references is None and not plan.sees_references and not plan.is_heap:
            packed_flags = pack_words([flag << 32 for flag in flags])
            self._stream.add_objects(len(objects), [self._addresses(objects), *columns, packed_flags], b"", 0)
            return
        counts, found = self._references(plan, objects, items)
        if sum(counts) > REFERENCES_PER_FRAME:
            del found
            self._emit_split(plan, objects, columns, flags, items)
            return
        self._send_rows(objects, columns, flags, counts, found)

    def _send_rows(self, objects, columns, flags, counts, found):
        packed_flags = pack_words([flag << 32 | count for flag, count in zip(flags, counts)])
        columns = [self._addresses(objects), *columns, packed_flags]
        if len(found) > REFERENCES_PER_FRAME:
            pieces = (
                self._addresses(found[start : start + REFERENCES_PER_FRAME])
                for start in range(0, len(found), REFERENCES_PER_FRAME)
            )
            self._stream.add_huge_object(columns, pieces)
        else:
            self._stream.add_objects(len(objects), columns, self._addresses(found), len(found))
        for start in range(0, len(found), REFERENCES_PER_FRAME):
            self._discover(found[start : start + REFERENCES_PER_FRAME])

    def _emit_split(self, plan, objects, columns, flags, items):
        """The references do not fit one frame: send the same rows one object at a time."""
        for index, item in enumerate(objects):
            row = [column[8 * index : 8 * index + 8] for column in columns]
            counts, found = self._references(plan, [item], None if items is None else [items[index]], index)
            self._send_rows([item], row, [flags[index]], counts, found)

    def _references(self, plan, objects, items, first_index=0):
        """Return (number of references of each object, all references in order); an empty list when they are too many."""
        referents = self._referents
        if plan.rank == RANK_DICTS:
            counts = [2 * count for count in items]
            found = []
            if len(objects) == 1 or sum(counts) <= REFERENCES_PER_FRAME:
                for item in objects:
                    found += item
                    found += item.values()
            return counts, found
        hidden = plan.reader.dict_objects if plan.reader is not None else None
        if plan.adds_type is None:
            plan.adds_type = (
                plan.is_heap
                and plan.rank != RANK_TYPES
                and plan.address not in map(id, (plan.references or referents)(objects[0]))
            )
        if plan.references is None and not hidden and not plan.adds_type:
            counts = list(map(len, map(referents, objects)))
            if len(objects) > 1 and sum(counts) > REFERENCES_PER_FRAME:
                return counts, []
            return counts, referents(*objects)
        return self._repaired(plan, objects, hidden or {}, first_index)

    def _repaired(self, plan, objects, hidden, first_index):
        find = plan.references or self._referents
        counts = []
        found = []
        for index, item in enumerate(objects, first_index):
            own = find(item)
            if plan.adds_type:
                own.append(type(item))
            if index in hidden:
                own = with_dict(own, hidden[index])
            counts.append(len(own))
            if len(objects) == 1 or len(found) <= REFERENCES_PER_FRAME:
                found += own
        return counts, found

    def _addresses(self, objects):
        if self._can_read_lists:
            packed = self._memory.list_addresses(objects)
            if packed is not None:
                return packed
        return pack_words(map(id, objects))

    def _discover(self, found):
        """Queue the objects that were not seen before."""
        # Not "-=": that walks the larger set.
        addresses = set(map(id, found)) - self._seen
        if addresses:
            self._seen |= addresses
            if len(addresses) == len(found):
                self._pending += found
            else:
                by_address = dict(zip(map(id, found), found))
                self._pending += map(by_address.__getitem__, addresses)

    def _take_types(self, types):
        for kind in types:
            record = self._describer.describe(kind)
            if not record["is_heap"]:
                self._roots.add_static_type(kind, record["name"])
            self._types.append(record)
            self._send_types(TYPES_PER_FRAME)

    def _send_types(self, least):
        if len(self._types) >= least:
            self._stream.send_value(Kind.TYPES, self._types)
            self.type_count += len(self._types)
            self._types = []
