/* What a row says of an object besides its references: sizes, length, flags, fingerprint.
 *
 * Requested bytes are the object's own blocks: its block with what lies in front of it, and the blocks that nobody else owns
 * (list items, keys table, values block, text). Formulas: the __sizeof__ methods of Objects/ in CPython.
 */
#include "heapwalk.h"

enum { SET_MASK = 32, SET_TABLE = 40, SET_SMALL_TABLE = 64, LIST_ALLOCATED = 32, BYTEARRAY_ALLOCATED = 24, STRUCT_CODES = 32 };
enum { DEQUE_BLOCK = 528, SMALL_REQUEST = 512, DICT_USED = 16, ORDERED_NODE = 32, KEPT_FRAME = 128, GC_HEAD = 16 };

static u64 absolute(u64 value)
{
    return value >> 63 ? 0 - value : value;
}

/* A small non-negative int, then its reference is given back. 0 where the method failed. */
static u64 call_sizeof(struct Plan *plan, Object object)
{
    Object result = plan->sizeof_method(object, 0);
    if (result == 0) {
        ((void (*)(void))SYMBOL(PyErr_Clear))();
        return (u64)plan->basicsize;
    }
    u64 digits = walk.layout.minor < 12 ? absolute(word_at(result, VAR_SIZE)) : word_at(result, VAR_SIZE) >> 3;
    u64 value = digits > 0 ? half_at(result, 24) : 0;
    if (digits > 1)
        value |= (u64)half_at(result, 28) << 30;
    if (half_at(result, 0) < 1u << 30 && --*(u32 *)result == 0)
        ((void (*)(Object))SYMBOL(_Py_Dealloc))(result);
    return value;
}

static u64 int_bytes(Object object)
{
    u64 size = word_at(object, VAR_SIZE);
    u64 digits = walk.layout.minor < 12 ? absolute(size) : size >> 3;
    return 24 + 4 * (digits == 0 && walk.layout.minor >= 11 ? 1 : digits);
}

static u64 object_bytes(struct Plan *plan, Object object)
{
    u64 size = (u64)plan->basicsize;
    if (plan->itemsize > 0)
        size += absolute(word_at(object, VAR_SIZE)) * (u64)plan->itemsize;
    return size;
}

/* What __sizeof__ says. */
u64 raw_size(struct Plan *plan, Object object)
{
    switch (plan->size) {
    case SIZE_LIST:
        return (u64)plan->basicsize + 8 * word_at(object, LIST_ALLOCATED);
    case SIZE_DICT:
        return (u64)plan->basicsize + dict_extra_bytes(object);
    case SIZE_STR:
        return text_bytes(object);
    case SIZE_INT:
        return int_bytes(object);
    case SIZE_SET:
        return (u64)plan->basicsize +
               (word_at(object, SET_TABLE) != object + SET_SMALL_TABLE ? 16 * (word_at(object, SET_MASK) + 1) : 0);
    case SIZE_BYTEARRAY:
        return (u64)plan->basicsize + word_at(object, BYTEARRAY_ALLOCATED);
    case SIZE_STRUCT: /* the method crashes on a Struct whose __init__ never ran */
        return word_at(object, STRUCT_CODES) == 0 ? (u64)plan->basicsize : call_sizeof(plan, object);
    case SIZE_CALL:
        return call_sizeof(plan, object);
    case SIZE_OBJECT:
        break;
    }
    return object_bytes(plan, object);
}

/* What pymalloc uses for a request; 0 for one that goes to malloc. */
static u64 small_part(u64 request)
{
    u64 whole = request != 0 ? request + walk.layout.hooks : 0;
    return whole <= SMALL_REQUEST ? allocated_bytes(whole) : 0;
}

/* Add ``count`` blocks of ``request`` bytes to what the row says is allocated. */
static void add_blocks(struct Row *row, u64 count, u64 request)
{
    row->allocated += count * allocated_bytes(request);
    row->small += count * small_part(request);
}

/* An OrderedDict has a block for its keys, one for each entry, and a table of these: but for the tables all are small. */
static void add_ordered(Object object, u64 rest, struct Row *row)
{
    u64 keys = dict_extra_bytes(object), count = word_at(object, DICT_USED), known = keys + ORDERED_NODE * count;
    row->allocated += allocated_bytes(rest);
    if (known <= rest)
        row->small += small_part(keys) + count * small_part(ORDERED_NODE) + small_part(rest - known);
}

/* Up to 3.10 a code object that was run keeps a frame for its next call, which has no references; its size does not count it. */
static u64 kept_frame_bytes(Object code)
{
    Object frame = walk.layout.minor < 11 ? word_at(code, KEPT_FRAME) : 0;
    Object type = SYMBOL(PyFrame_Type);
    if (frame == 0 || !is_readable(frame, VAR_SIZE + 8) || word_at(frame, 0) != 0 || TYPE_OF_OBJECT(frame) != type)
        return 0;
    return small_part(GC_HEAD + word_at(type, TP_BASICSIZE) + word_at(frame, VAR_SIZE) * word_at(type, TP_ITEMSIZE));
}

static void add_allocated(struct Plan *plan, Object object, u64 raw, struct Row *row)
{
    u64 basic = (u64)plan->basicsize;
    if (plan->itemsize != 0 || raw <= basic || (plan->flags & FLAG_STR)) {
        add_blocks(row, 1, plan->pre + raw);
        return;
    }
    u64 rest = raw - basic;
    add_blocks(row, 1, plan->pre + basic);
    if (rest > DEQUE_BLOCK && rest % DEQUE_BLOCK == 0)
        add_blocks(row, rest / DEQUE_BLOCK, DEQUE_BLOCK);
    else if (plan->is_ordered)
        add_ordered(object, rest, row);
    else if (plan->size == SIZE_CALL) /* a foreign type: its buffer may well be malloc's, as numpy's are */
        row->allocated += allocated_bytes(rest);
    else
        add_blocks(row, 1, rest);
}

static u64 instance_buffer(struct Plan *plan, u64 raw)
{
    u64 least = (u64)(plan->flags & FLAG_STR ? walk.layout.any_data + 8 : plan->basicsize);
    if (plan->itemsize != 0 && !(plan->flags & FLAG_STR))
        return 0;
    return raw > least ? raw - least : 0;
}

static void size_instance(struct Plan *plan, Object object, struct Row *row)
{
    struct Instance found;
    int is_fixed = plan->size == SIZE_OBJECT && plan->itemsize == 0;
    u64 raw = is_fixed ? 0 : raw_size(plan, object);
    instance_read(plan, object, raw, &found);
    if (!walk.is_census)
        instance_tally(plan, &found);
    u64 buffer = is_fixed ? 0 : instance_buffer(plan, raw);
    row->shallow = found.own + found.values + buffer;
    add_blocks(row, 1, found.own);
    add_blocks(row, 1, found.values);
    if (plan->is_ordered)
        add_ordered(object, buffer, row);
    else
        add_blocks(row, 1, buffer);
    row->flags |= (u64)found.state << ROW_DICT_STATE_SHIFT | (found.weak ? ROW_WEAKLY_REFERENCED : 0);
    row->hidden = found.hidden;
    row->attributes = found.attributes;
    row->fingerprint = found.shape;
}

static void size_type(struct Plan *plan, Object type, struct Row *row)
{
    u64 raw = raw_size(plan, type);
    int is_heap = (word_at(type, TP_FLAGS) & FLAG_HEAP_TYPE) != 0;
    row->shallow = raw + (is_heap ? 16 : 0);
    if (is_heap)
        add_allocated(plan, type, raw, row);
    else
        row->allocated = raw;
}

static int is_module_level_function(Object function)
{
    return word_at(function, walk.layout.function_closure) == 0 &&
           !text_contains(word_at(function, walk.layout.function_qualname), "<locals>");
}

void size_row(struct Plan *plan, Object object, struct Row *row)
{
    row->flags |= plan->row_flags;
    row->length = plan->length_offset == 0 ? NO_LENGTH : word_at(object, plan->length_offset);
    if (!walk.is_census) {
        if (plan->flags & FLAG_STR)
            row->flags |= text_flags(object);
        if (plan->is_plain_text)
            row->fingerprint = text_hash(object);
        else if (plan->is_dict)
            row->fingerprint = dict_shape(object);
    }
    if (plan->mode != INSTANCE_NO) {
        size_instance(plan, object, row);
    } else if (plan->is_type) {
        size_type(plan, object, row);
    } else {
        u64 raw = raw_size(plan, object);
        row->shallow = plan->pre + raw;
        add_allocated(plan, object, raw, row);
    }
    if (!is_static(object))
        walk.small_bytes += row->small;
    if (plan->edges == EDGES_CODE)
        walk.small_bytes += kept_frame_bytes(object);
    if (plan->is_function && is_module_level_function(object))
        row->flags |= ROW_BOUNDARY;
    if (plan->is_dict && is_module_dict(object))
        row->flags |= ROW_BOUNDARY;
}
