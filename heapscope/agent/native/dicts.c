/* Reading dicts and keys tables where they lie, split ones and values inside instances included.
 *
 *     dict       16 used, 32 keys, 40 values (split)
 *     keys       3.8-3.10  0 references, 8 slots, 16 look-up, 24 usable, 32 entries in use, 40 index, then entries of 24 bytes
 *                3.11+     0 references, 8 u8 log2(slots), 9 u8 log2(index bytes), 10 u8 kind, 16 usable, 24 entries in use,
 *                          32 index, then entries: (hash, key, value), or (key, value) where all keys are str
 *     values     3.8-3.10  an array;  3.11, 3.12  array, u8 size at -2, u8 prefix at -1, order bytes before
 *                3.13+     u8 capacity, u8 size, u8 embedded, u8 valid, array at 8, order bytes behind
 */
#include "heapwalk.h"

enum { DICT_USED = 16, DICT_KEYS = 32, DICT_VALUES = 40 };

/* Into its place: what is stored by words and copied by pairs of them at once makes the processor wait. */
static inline void read_keys(Object address, struct Keys *to)
{
    struct Keys keys;
    u64 header, index;
    keys.address = address;
    keys.references = word_at(address, 0);
    keys.kind = 0;
    if (walk.layout.minor < 11) {
        keys.slots = word_at(address, 8);
        index = keys.slots * (keys.slots <= 0xFF ? 1 : keys.slots <= 0xFFFF ? 2 : keys.slots <= 0xFFFFFFFF ? 4 : 8);
        keys.total = word_at(address, 24);
        keys.count = word_at(address, 32);
        header = 40;
        keys.step = 24;
    } else {
        keys.slots = (u64)1 << (byte_at(address, 8) & 63);
        index = (u64)1 << (byte_at(address, 9) & 63);
        keys.kind = byte_at(address, 10);
        keys.total = word_at(address, 16);
        keys.count = word_at(address, 24);
        header = 32;
        keys.step = keys.kind == 0 ? 24 : 16;
        keys.references &= walk.layout.minor < 12 ? UINT64_MAX : 0xFFFFFFFF;
    }
    keys.total += keys.count;
    keys.capacity = (keys.slots << 1) / 3;
    keys.entries = address + header + index;
    keys.size = keys.slots > 1 ? header + index + keys.capacity * keys.step : 0;
    if (keys.count > keys.capacity)
        keys.count = 0; /* the shared empty table of 3.8-3.10 has one slot and no entry */
    to->address = keys.address;
    to->entries = keys.entries;
    to->references = keys.references;
    to->slots = keys.slots;
    to->count = keys.count;
    to->total = keys.total;
    to->capacity = keys.capacity;
    to->size = keys.size;
    to->step = keys.step;
    to->kind = keys.kind;
}

struct Keys keys_at(Object address)
{
    struct Keys keys;
    read_keys(address, &keys);
    return keys;
}

struct DictView dict_view(Object dict)
{
    struct DictView view;
    read_keys(word_at(dict, DICT_KEYS), &view.keys);
    view.values = word_at(dict, DICT_VALUES);
    view.block = 0;
    view.value_limit = view.keys.count;
    if (view.values != 0 && walk.layout.minor >= 13) {
        view.block = view.values;
        u64 capacity = byte_at(view.block, 0);
        view.value_limit = view.keys.count < capacity ? view.keys.count : capacity;
        view.values += 8;
    }
    return view;
}

Object dict_get(Object dict, const char *name)
{
    Object key, value;
    if (dict == 0)
        return 0;
    struct DictView view = dict_view(dict);
    for (u64 i = 0; i < view.keys.count; i++)
        if (dict_entry(&view, i, &key, &value) && text_is(key, name))
            return value;
    return 0;
}

/* Bytes of a values array: a block of its own up to 3.12, inline or behind a dict later. */
u64 values_bytes(u64 capacity)
{
    if (walk.layout.minor < 11)
        return 8 * capacity;
    if (walk.layout.minor < 13)
        return round_up(capacity + 2, 8) + 8 * capacity;
    return 8 * (capacity + 1) + round_up(capacity, 8);
}

/* What the pool header says about a block of pymalloc; 0 where it says nothing sensible. */
static u64 pool_block_bytes(Object block)
{
    Object pool = block & ~(u64)(walk.layout.pool_size - 1);
    if (!is_readable(pool, 48))
        return 0;
    u64 size_class = half_at(pool, 36);
    u64 size = (size_class + 1) << 4;
    return size_class < 32 && block >= pool + 48 && (block - pool - 48) % size == 0 ? size : 0;
}

/* 3.11, 3.12: the prefix gives the capacity only within 8; the pool decides among the candidates. */
u64 values_block_bytes(Object values, u64 keys_total, u64 *used)
{
    u64 prefix = byte_at(values, -1);
    *used = byte_at(values, -2);
    u64 block_bytes = pool_block_bytes(values - prefix);
    u64 first = 0;
    for (u64 capacity = prefix > 9 ? prefix - 9 : 1; capacity + 1 < prefix; capacity++) {
        if (round_up(capacity + 2, 8) != prefix || capacity < keys_total)
            continue;
        if (first == 0)
            first = capacity;
        if (allocated_bytes(values_bytes(capacity)) == block_bytes)
            return values_bytes(capacity);
    }
    return values_bytes(first != 0 ? first : keys_total);
}

/* 3.13+: early instances, made while the class's keys had room for more, have one slot more than their capacity says.
 * Of the last of them only the pool knows. */
u64 inline_bytes(u64 capacity, Object block, u64 fixed, int is_early)
{
    u64 size = values_bytes(capacity), larger = values_bytes(capacity + 1);
    u64 usual = allocated_bytes(fixed + size), early = allocated_bytes(fixed + larger);
    u64 found = early != usual && fixed + size <= 512 ? pool_block_bytes(block) : 0;
    if (found != 0 && (found == usual || found == early))
        return found == early ? larger : size;
    return is_early ? larger : size;
}

u64 dict_extra_bytes(Object dict)
{
    struct DictView view = dict_view(dict);
    u64 used;
    if (view.values == 0)
        return view.keys.references == 1 ? view.keys.size : 0;
    if (walk.layout.minor < 11) /* keys that the class has given up are the dict's alone */
        return values_bytes(view.keys.capacity) + (view.keys.references == 1 ? view.keys.size : 0);
    if (walk.layout.minor < 13)
        return values_block_bytes(view.values, view.keys.total, &used);
    return byte_at(view.block, 2) ? 0 : values_bytes(byte_at(view.block, 0));
}

u64 dict_shape(Object dict)
{
    struct DictView view = dict_view(dict);
    Object key, value;
    u64 sum = 0;
    int is_all_text = walk.layout.minor >= 11 && view.keys.kind != 0;
    for (u64 i = 0; i < view.keys.count; i++) {
        if (!dict_entry(&view, i, &key, &value))
            continue;
        if (!is_all_text && TYPE_OF_OBJECT(key) != SYMBOL(PyUnicode_Type))
            return 0;
        sum += view.keys.step == 24 ? word_at(view.keys.entries, (long)(i * 24)) : text_hash(key);
    }
    return sum;
}
