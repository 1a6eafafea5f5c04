"""What there is to say about each part of a memory split, in plain words. Never changes a figure."""

from __future__ import annotations

from collections import Counter

from heapscope.analysis.memory_objects import ObjectBytes
from heapscope.snapshot.memory import MemoryFacts
from heapscope.units import clean_text, format_bytes, format_count

SHOWN_FILES = 3
_MAX_NAME = 60
_WORTH_SAYING = 1 << 20


class Notes:
    """Makes the notes of one split."""

    def __init__(self, facts: MemoryFacts, objects: ObjectBytes | None) -> None:
        """``objects`` is None before a heap walk."""
        self._facts = facts
        self._objects = objects

    def objects(self, large: int) -> tuple[str, ...]:
        """Of the live objects; ``large`` is what of them is outside pymalloc."""
        facts = self._facts
        if self._objects is None:
            where = "mimalloc" if facts.is_free_threaded else "pymalloc"
            return (f"in use by {where}, not walked yet; objects over 512 bytes are malloc's",)
        notes = [f"{format_count(self._objects.count)} objects"]
        if large:
            where = "mimalloc" if facts.is_free_threaded else facts.allocator or "malloc"
            notes.append(f"{format_bytes(large)} of it in {where}'s blocks")
        if facts.pymalloc is not None and facts.pymalloc.attributed_bytes is None:
            notes.append("all of pymalloc's blocks in use: this collector does not say which are objects'")
        return tuple(notes)

    def partly_free(self) -> tuple[str, ...]:
        """Of free room in pools that are used."""
        pymalloc = self._facts.pymalloc
        if pymalloc is None or not pymalloc.sparse_pools:
            return ()
        pools, size = format_count(pymalloc.sparse_pools), format_bytes(pymalloc.sparse_bytes)
        return (f"{size} of it in {pools} pools that are under 20 % full",)

    def empty(self) -> tuple[str, ...]:
        """Of pools that are empty."""
        pymalloc = self._facts.pymalloc
        return (f"{format_count(pymalloc.arenas)} arenas; one is returned when it is empty",) if pymalloc else ()

    def malloc_used(self, numpy: int, other: int) -> tuple[str, ...]:
        """Of what malloc has in use that is no Python object's: numpy's data, and other."""
        used = numpy + other
        malloc, notes = self._facts.malloc, []
        if self._objects is not None and self._objects.numpy_bytes:
            arrays = format_count(self._objects.numpy_arrays)
            notes.append(f"numpy data {format_bytes(numpy)} in {arrays} arrays")
            notes.append(f"other {format_bytes(max(0, other))}")
            untouched = self._objects.numpy_bytes - numpy
            if untouched >= _WORTH_SAYING:
                notes.append(f"{format_bytes(untouched)} more of numpy's is not in memory: never written, or swapped")
        if malloc is None:
            return (*notes, "malloc's own figures are not known")
        if not malloc.is_told_apart:
            notes.append("in use and free; told apart when captured")
        if 0 < malloc.mapped_resident <= used:  # else they are objects' as well
            size = format_bytes(malloc.mapped_resident)
            notes.append(f"{size} in {format_count(malloc.mapped_blocks)} blocks that are mappings of their own")
        return tuple(notes)

    def malloc_free(self) -> tuple[str, ...]:
        """Of what malloc keeps free."""
        malloc = self._facts.malloc
        if malloc is None or not malloc.is_told_apart:
            return ()
        notes = [f"malloc_trim would return up to {format_bytes(malloc.trim_bytes)}"]
        if malloc.arenas > 1:
            notes.append(f"{malloc.arenas} arenas: try MALLOC_ARENA_MAX=2")
        return tuple(notes)

    def private(self) -> tuple[str, ...]:
        """Of private memory that is nobody's who is known here."""
        facts, notes = self._facts, []
        if facts.is_free_threaded:
            notes.append("mimalloc's free memory is in here: not known")
        elif facts.allocator not in ("", "glibc"):
            notes.append(f"what {facts.allocator} has in use, or keeps free, is in here: not known")
        elif facts.malloc is None:
            notes.append("malloc's memory is in here: it cannot be told apart")
        largest = next((each for each in facts.mappings if each.kind == "private" and each.rss_bytes), None)
        if largest is not None:
            name = clean_text(largest.path, _MAX_NAME) or f"{largest.start:#x}"
            notes.append(f"largest {format_bytes(largest.rss_bytes)} {name}")
        return tuple(notes)

    def files(self) -> tuple[str, ...]:
        """Of code and data of files: those that take most."""
        return self._by_file("file")

    def shared(self) -> tuple[str, ...]:
        """Of shared memory."""
        return self._by_file("shared")

    def _by_file(self, kind: str) -> tuple[str, ...]:
        sizes: Counter[str] = Counter()
        for mapping in self._facts.mappings:
            if mapping.kind == kind and mapping.rss_bytes:
                sizes[mapping.path.rpartition("/")[2] or mapping.path] += mapping.rss_bytes
        most = [f"{clean_text(name, _MAX_NAME)} {format_bytes(size)}" for name, size in sizes.most_common(SHOWN_FILES)]
        others = len(sizes) - len(most)
        return (", ".join(most) + (f", {others} others" if others else ""),) if most else ()

    def stacks(self) -> tuple[str, ...]:
        """Of stacks."""
        threads = self._facts.threads
        return (f"{format_count(threads)} thread{'s' if threads > 1 else ''}",) if threads else ()

    def unexplained(self, unnamed: int, lost: int) -> tuple[str, ...]:
        """Of the rest."""
        notes = []
        if unnamed:
            notes.append(f"{format_bytes(unnamed)} in pymalloc's blocks that belong to no object found")
        if lost:
            notes.append(f"{format_bytes(lost)} in malloc's heaps that could not be followed")
        if self._facts.is_even:
            notes.append("which pages are in memory is not told here: mappings count as evenly resident")
        return tuple(notes)
