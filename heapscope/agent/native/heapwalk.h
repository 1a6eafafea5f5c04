/* What the parts of the walker share: objects as addresses, the state of the one walk, and who offers what.
 *
 * Nothing here writes to an object, counts a reference or runs code of the target; objects are read through offsets that
 * layout.c has verified, and through two kinds of C functions: tp_traverse and, where a type owns memory that only it knows,
 * __sizeof__ methods written in C.
 */
#ifndef HEAPWALK_H
#define HEAPWALK_H

#include "machine.h"

/* -fvisibility=hidden does not speak of declarations: through them, aarch64 would ask for relocations, which nobody makes. */
#pragma GCC visibility push(hidden)

typedef uintptr_t Object; /* an address; 0 is none */
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

/* Sanitizers (scripts/sanitize) watch the walker's own memory; what the target has freed may be looked at. */
#ifdef __SANITIZE_ADDRESS__
#define OF_TARGET __attribute__((no_sanitize_address))
#else
#define OF_TARGET
#endif

/* One build has the collector's lists at an odd multiple of 4, so no alignment is taken for granted. */
OF_TARGET static inline u64 word_at(Object object, long offset)
{
    u64 value;
    __builtin_memcpy(&value, (const void *)(object + (u64)offset), sizeof value);
    return value;
}
OF_TARGET static inline u32 half_at(Object object, long offset)
{
    u32 value;
    __builtin_memcpy(&value, (const void *)(object + (u64)offset), sizeof value);
    return value;
}
OF_TARGET static inline u8 byte_at(Object object, long offset)
{
    return *(const u8 *)(object + (u64)offset);
}

/* ---- what the host says ---- */

#define SYMBOLS(X)                                                                                                     \
    X(PyType_Type) X(PyBaseObject_Type) X(PyDict_Type) X(PyList_Type) X(PyTuple_Type) X(PySet_Type)                    \
    X(PyFrozenSet_Type) X(PyUnicode_Type) X(PyBytes_Type) X(PyByteArray_Type) X(PyLong_Type) X(PyCode_Type)            \
    X(PyFunction_Type) X(PyModule_Type) X(PyFrame_Type) X(PyRange_Type) X(PyCFunction_Type) X(PyMethodDescr_Type)      \
    X(PyWrapperDescr_Type) X(PyGetSetDescr_Type) X(PyMemberDescr_Type) X(PyClassMethodDescr_Type)                      \
    X(_PyWeakref_RefType) X(PyInterpreterState_Head) X(PyInterpreterState_Next) X(PyInterpreterState_Main)             \
    X(PyImport_GetModuleDict) X(PyErr_Clear) X(_Py_Dealloc) X(PyType_GetDict) X(_Py_HashBytes) X(Py_HashBuffer)

enum {
#define NUMBER(name) SYM_##name,
    SYMBOLS(NUMBER)
#undef NUMBER
        SYMBOL_COUNT
};

struct Options { /* the head of what the host sends; ranges and seeds follow */
    u64 hex_version;
    u64 deadline_ns; /* from now */
    u64 alarm_s;
    u64 max_objects;
    u64 runtime; /* _PyRuntime */
    u64 runtime_size;
    u64 flags; /* OPTION_COUNTS */
    u64 range_count; /* readable mappings: start, end */
    u64 root_range_count; /* static data of the interpreter: start, end */
    u64 seed_words; /* frames: see seeds.c */
    u64 symbol_count;
    u64 symbol[]; /* 0 where the target has none */
};

enum { OPTION_COUNTS = 1 }; /* a census: counts per type instead of rows */

/* ---- flags of the target's types, and offsets in a type object (the same from 3.8 to 3.15) ---- */

enum {
    FLAG_INLINE_VALUES = 1 << 2,
    FLAG_MANAGED_WEAKREF = 1 << 3,
    FLAG_MANAGED_DICT = 1 << 4,
    FLAG_HEAP_TYPE = 1 << 9,
    FLAG_READY = 1 << 12,
    FLAG_HAVE_GC = 1 << 14,
    FLAG_LONG = 1 << 24,
    FLAG_STR = 1 << 28,
    FLAG_DICT = 1 << 29,
};
#define FLAG_TYPE ((u64)1 << 31)

enum {
    TYPE_OF = 8,
    VAR_SIZE = 16,
    TP_NAME = 24,
    TP_BASICSIZE = 32,
    TP_ITEMSIZE = 40,
    TP_FLAGS = 168,
    TP_TRAVERSE = 184,
    TP_WEAKLISTOFFSET = 208,
    TP_MEMBERS = 240,
    TP_BASE = 256,
    TP_DICT = 264,
    TP_DICTOFFSET = 288,
    TP_IS_GC = 328,
    TP_BASES = 336,
    TP_MRO = 344,
    TP_SUBCLASSES = 360,
};

/* ---- the wire (heapscope/wire/protocol.py) ---- */

enum { KIND_HELLO = 1, KIND_TYPES = 2, KIND_ROOTS = 4, KIND_INSTANCES = 5, KIND_PROGRESS = 6, KIND_END = 7, KIND_ERROR = 8, KIND_PACKED = 10, KIND_SHAPES = 11, KIND_NAMES = 12, KIND_CODES = 13, KIND_COUNTS = 14, KIND_CACHES = 15 };
enum {
    ROW_TRACKED = 1 << 0,
    ROW_FROZEN = 1 << 1,
    ROW_IMMORTAL = 1 << 2,
    ROW_IS_TYPE = 1 << 3,
    ROW_WEAKLY_REFERENCED = 1 << 4,
    ROW_OPAQUE = 1 << 5,
    ROW_BOUNDARY = 1 << 6,
    ROW_SYNTHETIC = 1 << 7,
    ROW_DICT_STATE_SHIFT = 8,
    ROW_GENERATION_SHIFT = 11,
    ROW_TEXT_WIDTH_SHIFT = 13,
    ROW_TEXT_CACHES_UTF8 = 1 << 15,
};
enum {
    STATE_NONE,
    STATE_VALUES,
    STATE_INLINE,
    STATE_SPLIT,
    STATE_MATERIALISED,
    STATE_COMBINED,
    STATE_UNKNOWN,
    STATE_COUNT
};
enum { ROOT_MODULE = 1, ROOT_INTERPRETER = 4, ROOT_STATIC_TYPE = 5 };
enum { MAX_NAME = 512, MAX_ATTRIBUTES = 512, MAX_OWN_SIZES = 512, MAX_OWN_NAMES = 1024, MAX_MRO = 1024 };
#define NO_LENGTH UINT64_MAX

/* ---- plans: what is known of a type, found once ---- */

enum EdgeKind {
    EDGES_NONE,
    EDGES_TRAVERSE,
    EDGES_DICT,
    EDGES_DICT_SUBCLASS,
    EDGES_CODE,
    EDGES_TYPE,
    EDGES_MODULE,
    EDGES_ARRAY,
    EDGES_MEMBERS,
    EDGES_DESCRIPTOR,
};
enum SizeKind {
    SIZE_OBJECT,
    SIZE_LIST,
    SIZE_DICT,
    SIZE_STR,
    SIZE_INT,
    SIZE_SET,
    SIZE_BYTEARRAY,
    SIZE_STRUCT,
    SIZE_CALL,
};
enum InstanceMode { INSTANCE_NO, INSTANCE_PLAIN, INSTANCE_INLINE, INSTANCE_VALUES, INSTANCE_POINTER, INSTANCE_UNKNOWN };

typedef int (*Visit)(Object object, void *unused);
typedef int (*Traverse)(Object object, Visit visit, void *unused);
typedef Object (*Method)(Object self, Object unused);
typedef int (*IsGc)(Object object);

struct Figures {
    u64 count, requested, allocated;
};

struct Plan {
    Object type;
    u64 number; /* of the stream, from 1; 0 while no row of this type was sent */
    u64 flags;
    long basicsize, itemsize, weak_offset, dict_offset;
    u32 pre; /* bytes in front of an object: GC head, managed words */
    u32 row_flags;
    enum EdgeKind edges;
    enum SizeKind size;
    enum InstanceMode mode;
    u8 is_heap, is_type, is_dict, is_function, is_frame, is_plain_text, is_text, is_cache, is_ordered, is_met, adds_type; /* adds_type: 2 is unknown yet */
    u8 is_atom; /* its objects refer to nothing, not even to their type */
    long length_offset; /* 0 where the type has none */
    Traverse traverse;
    IsGc is_gc;
    Method sizeof_method;
    Object keys; /* the shared keys table of instances */
    u64 keys_total, keys_count;
    u64 last_shallow, last_allocated, last_flags; /* of the stream */
    /* facts about the instances */
    struct Figures state[STATE_COUNT];
    u64 weakly_referenced, replaced, shapes, names, truncated;
    struct Shape *recent_shape; /* of tallies.c, as the next two, which begin lists */
    u32 first_shape, first_name;
    u32 own_sizes, first_own_size; /* how many different ones, and the list in own_sizes.c */
    u32 slots, first_slot; /* those that tp_traverse shows first, in slots.c; 0 where it need not */
    Object example; /* an instance that has them all filled */
    struct Plan *next; /* plans with tallies */
    /* of a census */
    struct Figures counted;
    struct Plan *next_counted; /* plans with objects */
};

/* ---- the walk ---- */

struct Layout {
    unsigned minor;
    long cached_keys; /* ht_cached_keys; names lie right before it */
    long ascii_data, compact_data, any_data, utf8_length, utf8;
    long tuple_items;
    long function_closure, function_qualname;
    long code_first_line, code_file, code_name;
    long pool_size;
    u64 hooks; /* bytes that a debugging allocator adds to each request */
    u8 instances_known;
};

struct Walk {
    const struct Options *options;
    const u64 *ranges;
    const u64 *root_ranges;
    const u64 *seeds;
    struct Layout layout;
    Object modules;
    u64 objects, references, types, roots;
    u64 small_bytes; /* allocated in blocks that pymalloc serves */
    u64 codes_left_out; /* more than any program should have */
    u64 strays; /* what an object refers to and is none, or belongs to no type */
    u64 deadline;
    const char *failure; /* set: give up, and say so */
    /* references of the object at hand */
    Object current_type;
    u8 saw_type;
    u8 is_census;
};
extern struct Walk walk;

#define SYMBOL(name) ((Object)walk.options->symbol[SYM_##name])
#define TYPE_OF_OBJECT(object) ((Object)word_at(object, TYPE_OF))

static inline int is_gc_object(const struct Plan *plan, Object object)
{
    return (plan->flags & FLAG_HAVE_GC) && (plan->is_gc == NULL || plan->is_gc(object));
}
static inline u64 round_up(u64 size, u64 to)
{
    return (size + to - 1) & ~(to - 1);
}
/* What the allocator uses for one request: a pymalloc class up to 512 bytes, else a glibc chunk. */
static inline u64 allocated_bytes(u64 request)
{
    if (request == 0)
        return 0;
    return request <= 512 ? round_up(request, 16) : round_up(request + 8, 16);
}

/* Where the order bytes say which value came as number ``index``: up to 3.12 they run backwards. */
static inline u64 attribute_place(u64 index, u64 used)
{
    return walk.layout.minor < 13 ? used - 1 - index : index;
}

/* layout.c */
const char *layout_open(void);
int is_readable(Object start, u64 size);
int is_static(Object object); /* in the data of the interpreter's image: no allocator knows it */
int looks_like_type(Object type);
int looks_like_unready_type(Object type);
int looks_like_object(Object object);
int is_subtype(Object type, Object base);
int is_instance_of(Object object, Object base);

/* text.c */
struct Text {
    const void *data;
    u64 length;
    u32 width; /* bytes per character: 1, 2, 4 */
    u8 is_ascii;
};
int is_text(Object object);
int text_of(Object object, struct Text *text); /* 0 when it is no str */
int text_is(Object object, const char *ascii);
int text_is_interned(Object object);
int text_equal(Object left, Object right);
int text_contains(Object object, const char *ascii);
int c_text_is(const char *text, const char *other);
u64 text_hash(Object object);
u64 text_flags(Object object); /* ROW_TEXT bits of a str */
u64 text_bytes(Object object); /* what str.__sizeof__ says of an exact str */
u64 text_encode(Object object, u8 *to, u64 limit); /* UTF-8; returns bytes; 6 bytes of room per character */
u64 text_encode_bytes(Object object, u8 *to, u64 limit); /* the same, at most ``limit`` bytes; 6 bytes of room behind */
u64 c_text_encode(const char *text, u8 *to, u64 limit);

/* dicts.c */
struct Keys {
    Object address, entries;
    u64 references, slots, count, total, capacity, size;
    u32 step, kind;
};
struct DictView {
    struct Keys keys;
    Object values; /* first value of a split dict, 0 otherwise */
    Object block; /* where its values block begins: 3.13+ */
    u64 value_limit;
};
struct Keys keys_at(Object address);
struct DictView dict_view(Object dict);
static inline int dict_entry(const struct DictView *view, u64 index, Object *key, Object *value) /* 0 when that place is empty */
{
    Object entry = view->keys.entries + index * view->keys.step;
    long offset = view->keys.step == 24 ? 8 : 0;
    *key = word_at(entry, offset);
    if (view->values != 0)
        *value = index < view->value_limit ? word_at(view->values, (long)(8 * index)) : 0;
    else
        *value = word_at(entry, offset + 8);
    return *key != 0 && *value != 0;
}
Object dict_get(Object dict, const char *name);
u64 dict_shape(Object dict); /* sum of the hashes of its keys, 0 unless all are exact str */
u64 dict_extra_bytes(Object dict); /* keys table and values block that it alone owns */
u64 values_bytes(u64 capacity);
u64 values_block_bytes(Object values, u64 keys_total, u64 *used);
u64 inline_bytes(u64 capacity, Object block, u64 fixed, int is_early);

/* plans.c */
extern struct Plan *recent_plan[256];
struct Plan *plan_find(Object type);
static inline struct Plan *plan_of(Object type)
{
    struct Plan *recent = recent_plan[type >> 5 & 255];
    return recent != NULL && recent->type == type ? recent : plan_find(type);
}
struct Plan *plan_first_with_tallies(void);
void plan_keep_for_tallies(struct Plan *plan);
Object type_dict(Object type);
Object mro_item(Object type, u64 index);

/* sizes.c */
struct Attributes { /* the values of an instance that has no dict: count places, of which ``used`` hold one, named in order */
    Object values;
    const u8 *order;
    u64 count, used;
};
struct Row {
    u64 shallow, allocated, flags, length, fingerprint;
    struct Attributes attributes;
    u64 small; /* the part of allocated that pymalloc serves */
    Object hidden; /* a dict that tp_traverse does not show */
};
/* Word by word: what compilers make of an initialiser of this size takes longer to begin than the words do. */
static inline void row_clear(struct Row *row)
{
    row->shallow = row->allocated = row->flags = row->length = row->fingerprint = 0;
    row->attributes.values = 0;
    row->attributes.order = NULL;
    row->attributes.count = row->attributes.used = 0;
    row->small = 0;
    row->hidden = 0;
}
void size_row(struct Plan *plan, Object object, struct Row *row);
u64 raw_size(struct Plan *plan, Object object);

/* instances.c */
struct Instance {
    u64 own, values, second; /* bytes: its block, its values block, the second block of its dict */
    u8 state, weak, has_dict;
    Object hidden;
    struct Attributes attributes;
    u64 shape; /* the same for instances of a class with the same attributes in the same order; 0 unknown */
};
void instance_read(struct Plan *plan, Object object, u64 raw, struct Instance *found);
void instance_tally(struct Plan *plan, const struct Instance *found);

/* tallies.c */
/* Count one more of a shape and return its hash, 0 when the table is full. order NULL: the first ``used`` keys. */
u64 tally_shape(struct Plan *plan, Object keys, const u8 *order, u64 used, Object example);
void tally_combined(struct Plan *plan, Object dict);
void tally_send(void);
void shapes_send(void);

/* own_sizes.c */
void own_size_add(struct Plan *plan, u64 bytes);
void own_sizes_put(const struct Plan *plan);

/* slots.c */
void slots_find(struct Plan *plan);
enum { SLOTS_ALL_FILLED = 0, SLOTS_NOT_KNOWN = 1 };
u64 slots_fingerprint(struct Plan *plan, Object object, const Object *shown, u64 count);
void slots_send(void);

/* caches.c */
void caches_add(Object object); /* an lru_cache */
void caches_send(void);

/* edges.c */
void edges_collect(struct Plan *plan, Object object, Visit visit);

/* types.c */
void type_describe(Object type);
void types_flush(u64 least);
u64 type_name(Object type, u8 *to); /* returns bytes; room for 12 * MAX_NAME */

/* collector.c */
const char *collector_open(void);
int collector_each(int (*take)(Object object, unsigned generation));
enum { GENERATION_FROZEN = 3, GENERATION_NONE = 4 };

/* roots.c */
void roots_start(int (*discover)(Object object, void *unused));
void roots_add(int kind, Object object, Object label, const char *text);
void roots_find_interned(void); /* before any dict is read */
void roots_scan(int (*discover)(Object object, void *unused));
void roots_send(void);
int is_module_dict(Object dict);
int is_interned_table(Object dict); /* its references own no count: the strings live without it */

/* seeds.c: executing frames, as the host has read them */
int seeds_open(void); /* -1: they make no sense */
const u64 *seed_of(Object object);
int seeds_each(int (*take)(const u64 *seed));
enum { SEED_ADDRESS, SEED_TYPE, SEED_FLAGS, SEED_COUNT, SEED_TARGETS };
enum { SEED_SYNTHETIC = 1, SEED_REPLACES_EDGES = 2 };

/* stream.c */
void stream_open(void);
void stream_row(struct Plan *plan, Object object, u64 refcount, const struct Row *row, int has_references);
void stream_chunk(const Object *targets, u64 count, int more);
void stream_flush(void);
void stream_check_limits(void); /* sets walk.failure when time is over, or there are too many objects */
void stream_raw(int kind, const void *data, u64 size);
void names_add(Object object); /* the text of an interned name, for naming references later */
void names_flush(void);
void codes_add(Object code); /* codes.c: where it was written */
void codes_flush(void);
void count_row(struct Plan *plan, const struct Row *row); /* counts.c: instead of stream_row */
void counts_send(void);
struct Frame { /* a frame of values under construction */
    u8 *data;
    u64 size, limit;
};
extern struct Frame values;
void values_reset(void);
void values_send(int kind);
void put_none(void);
void put_bool(int value);
void put_unsigned(u64 value);
void put_signed(int64_t value);
void put_text(const char *data, u64 length);
void put_c_text(const char *text);
void put_object_text(Object object); /* at most MAX_NAME characters */
void put_list(u64 count);
void put_dict(u64 count);
u64 values_hole(void); /* space for a count that is known later */
void values_fill(u64 hole, u64 count);
#define PUT_KEY(text) put_text(text, sizeof(text) - 1)

#pragma GCC visibility pop

#endif
