"""Constants of the capture stream: frame kinds, columns, flags, limits.

Runs on both sides, so it keeps to the syntax of Python 3.8 and imports nothing.

Channel. The clone has exactly four descriptors: pipe A (0 read, 1 write) and pipe B (2 read, 3 write).
The host opens A's write end and B's read end through ``/proc/CLONE/fd``, then writes on A:

    u64 length | payload source (UTF-8)        once; the clone then closes 1 and 2
    u64 length | options (a values-encoded dict)  once

and reads frames on B. All integers are little-endian.

    frame:  u32 payload length | u16 kind | u16 sequence (mod 65536) | payload

OBJECTS payload: ``u32 n | u32 m`` then eight u64 columns of n (COLUMNS, in that order), then m u64 addresses: the
references of object 0, of object 1, ... An object's share of m is its ``reference_count``. For a dict, the first
``length`` references are its keys. An object with more references than one frame takes is alone in its OBJECTS frame
(n = 1, m < reference_count); REFERENCES frames (u64 addresses only) follow at once until reference_count is reached.
TYPES, ROOTS, INSTANCES, HELLO and END payloads are one value (values.py) each.

PACKED frames say the same as OBJECTS and REFERENCES in a tenth of the bytes; the compiled walker sends them, and a compiled
kernel decodes them. Payload:

    u32 rows that begin in it | u32 references in it | u64 checksum of the rest | items

    row    u8 of Packed bits
           varint  zigzag((address - address of the row before in this frame, at first 0) >> 3)
           varint  type number; where it is the number of types known so far: varint (address of the type >> 3) follows
           varint  shallow       if SHALLOW, else as the row before of this type (at first 0)
           varint  allocated     if ALLOCATED, else likewise
           varint  refcount      if REFCOUNT, else 1
           varint  length        if LENGTH, else NO_LENGTH
           varint  flags         if FLAGS, else as the row before of this type (at first 0)
           u64     fingerprint   if FINGERPRINT, else 0
           chunks                if REFERENCES, else the object has none
    chunk  varint (count << 1 | more), count times varint zigzag((target - target before) >> 3)

``target before`` is the row's own address for the first reference of a row. While ``more`` is set the next item is another
chunk of the same row, in this frame or at the start of the next PACKED frame. Addresses are multiples of 8. A varint is
LEB128: seven bits a byte, lowest first, at most ten bytes. Type numbers live as long as the stream. The checksum starts
at 0 and takes the items as little-endian u64 words, the last one filled up with zeros:
``sum = (rotate_left(sum, 5) ^ word) * 0x9E3779B97F4A7C15 mod 2**64``.

CODES payloads say where each code object was written, one item behind the other:

    u64 address | u32 first line | u32 file number | u16 length | name (UTF-8)
    u16 length | path (UTF-8)     only where the file number is the number of files known so far

The name is co_qualname, before 3.11 co_name. File numbers live as long as the stream. Both texts are cut between characters
to MAX_NAME and MAX_PATH bytes; a lone surrogate is its backslash escape. A line that is not positive is 0.
"""

PROTOCOL_VERSION = 2

HEADER_SIZE = 8
MAX_FRAME_SIZE = 1 << 26  # one batch of objects; a larger length can only come from a broken or hostile sender
MAX_PAYLOAD_SOURCE_SIZE = 1 << 22


class Kind:
    """What a frame holds. Unknown kinds are an error on the wire."""

    HELLO = 1  # {"protocol", "python_version", "pid", "hexversion", ...}: the first frame
    TYPES = 2  # [{...TYPE_KEYS}, ...]: may come in several frames; every type comes before END
    OBJECTS = 3  # columns, see above
    ROOTS = 4  # [[root kind, address, label], ...]
    INSTANCES = 5  # [{...INSTANCE_KEYS}, ...]: per class with a per-instance dict or slots, what its instances are
    PROGRESS = 6  # {"objects": so far, "phase": name}: may be dropped
    END = 7  # {"objects", "references", "types", "roots", "warnings": [...], "coverage_*"...}: the last frame
    ERROR = 8  # {"code", "message"}: the clone gives up; the last frame
    REFERENCES = 9  # u64 addresses: the rest of the references of the one object of the OBJECTS frame before
    PACKED = 10  # objects and references, see above
    SHAPES = (
        11  # [[address of an instance, [names]], ...]: what its first references are; so for all with its fingerprint
    )
    NAMES = 12  # u64 address | u8 length | ASCII text, repeated: interned strings that are names
    CODES = 13  # where code objects were written, see above
    COUNTS = 14  # [[type name, objects, shallow, allocated], ...]: all that a census says between HELLO and END; names may repeat
    CACHES = 15  # [[address, address of its dict, hits, misses, maxsize], ...] of lru_caches; a maxsize of -1 is none
    PICTURE = 20  # a piece of a picture, UTF-8 text in the dot language; only where the clone draws (agent/drawing.py)


class Packed:
    """Bits of the first byte of a row in a PACKED frame: which fields follow."""

    SHALLOW = 1 << 0
    ALLOCATED = 1 << 1
    REFCOUNT = 1 << 2
    LENGTH = 1 << 3
    FLAGS = 1 << 4
    FINGERPRINT = 1 << 5
    REFERENCES = 1 << 6


COLUMNS = (
    "address",
    "type_address",
    "shallow",
    "allocated",
    "refcount",
    "length",
    "fingerprint",
    "flags_and_references",
)
"""u64 each. ``length`` is NO_LENGTH where the type has none. The last one packs ``flags << 32 | reference_count``.

``shallow`` counts requested bytes, ``allocated`` the same blocks rounded as the allocator rounds them.
``fingerprint`` is equal for equal contents within one snapshot, 0 for none: of exact str and bytes the target's own hash
of them; of an exact dict whose keys are all exact str the sum of the hashes of its keys, mod 2**64 (its *key shape*); of an
instance that keeps its attributes without a dict, or in slots, a hash of which these are, in order (native collector only),
and its first references are these attributes in that order. Where all slots are filled, which is usual, that hash is 0.
"""

NO_LENGTH = (1 << 64) - 1


class Flag:
    """Bits of an object's flags (u32)."""

    TRACKED = 1 << 0  # known to the cyclic collector
    FROZEN = 1 << 1  # in the permanent generation (gc.freeze)
    IMMORTAL = 1 << 2  # PEP 683
    IS_TYPE = 1 << 3
    WEAKLY_REFERENCED = 1 << 4
    OPAQUE = 1 << 5  # references inside cannot be seen
    BOUNDARY = 1 << 6  # recursive sizes stop here: modules, types, code, builtins, module-level functions, frames
    SYNTHETIC = 1 << 7  # no object: stands for an executing frame that has no frame object (3.11+)
    DICT_STATE_SHIFT = 8  # three bits: DictState
    DICT_STATE_MASK = 7 << 8
    GENERATION_SHIFT = 11  # two bits: generation of the collector, of an object that is TRACKED and not FROZEN
    GENERATION_MASK = 3 << 11
    TEXT_WIDTH_SHIFT = 13  # two bits, of a str: 1, 2, 3 for 1, 2, 4 bytes a character; 0 is not known
    TEXT_WIDTH_MASK = 3 << 13
    TEXT_CACHES_UTF8 = 1 << 15  # a str that also keeps its UTF-8, in a block of its own


class DictState:
    """How an instance holds its attributes."""

    NONE = 0  # no per-instance dict possible, or never created
    VALUES = 1  # 3.11, 3.12: values block, no dict object
    INLINE = 2  # 3.13+: values inside the instance, no dict object
    SPLIT = 3  # a dict object that shares its keys with the class
    MATERIALISED = 4  # 3.13+: inline values plus a dict object that points into them
    COMBINED = 5  # a dict object with keys of its own
    UNKNOWN = 6  # the layout of this version could not be verified

    NAMES = ("none", "values", "inline", "split", "materialised", "combined", "unknown")


class RootKind:
    """Why an object lives although nothing seen refers to it."""

    MODULE = 1
    FRAME = 2
    THREAD = 3
    INTERPRETER = 4
    STATIC_TYPE = 5
    NATIVE = 6

    NAMES = ("", "module", "frame", "thread", "interpreter", "static type", "native")


TYPE_KEYS = (
    "address",  # int
    "name",  # "module.qualname", bounded to MAX_NAME
    "module",  # str, "" where unknown
    "basicsize",
    "itemsize",
    "dictoffset",
    "weaklistoffset",
    "tp_flags",
    "is_heap",  # bool
    "metatype",  # address
    "mro",  # [addresses]
    "bases",  # [addresses]
    "own_names",  # names in the class's own namespace (bounded), None for static types
    "own_kinds",  # same length: type name of the value behind each name, e.g. "function", "cached_property"
    "has_slots",  # "__slots__" in the class's own namespace
    "shared_keys_bytes",  # bytes of the shared keys table, charged to the class; 0 if none
    "file",  # source file of the class if a method's code tells, else ""
    "line",  # first line, or 0
)

INSTANCE_KEYS = (
    "type_address",
    "count",
    "states",  # {DictState: [count, requested bytes, allocated bytes]}
    "attributes",  # {name: number of instances that have it}, bounded to MAX_ATTRIBUTES
    "attributes_truncated",  # bool
    "shapes",  # number of different attribute sets seen (bounded count)
    "weakly_referenced",  # number of instances with a weak reference now
    "own_sizes",  # {requested bytes of the own block: instances} where instances have items; {} beyond MAX_OWN_SIZES of them
    "replaced_dicts",  # number of instances whose dict is no exact dict, or is shared with another object
)

MAX_NAME = 512
MAX_PATH = 4096
MAX_CACHES = 1 << 14  # lru_caches of which the counts are known
MAX_CODES = 1 << 20
MAX_CODE_FILES = 1 << 16
MAX_ATTRIBUTES = 512
MAX_OWN_SIZES = 512  # a class whose instances have more different ones is sent without: a part might be believed
OBJECTS_PER_FRAME = 16384
