/* One plan per type: how to size its objects and find their references. Found once, kept in a hash table by address. */
#include "heapwalk.h"

enum { PLANS_PER_CHUNK = 256, FIRST_SLOTS = 1 << 12, METHOD_OF_DESCRIPTOR = 40, METHOD_FUNCTION = 8, METHOD_FLAGS = 16, METH_NOARGS = 4 };

static struct Plan **slots;
static u64 slot_count, plan_count;
static struct Plan *spare, *with_tallies;
static u64 spare_count;

static u64 slot_of(Object type)
{
    return (type >> 4) * 0x9E3779B97F4A7C15u >> 20;
}

static int grow(void)
{
    u64 count = slot_count == 0 ? FIRST_SLOTS : 2 * slot_count;
    struct Plan **grown = machine_map(count * sizeof *grown);
    if (grown == NULL)
        return -1;
    for (u64 i = 0; i < slot_count; i++) {
        if (slots[i] == NULL)
            continue;
        u64 at = slot_of(slots[i]->type) & (count - 1);
        while (grown[at] != NULL)
            at = (at + 1) & (count - 1);
        grown[at] = slots[i];
    }
    if (slots != NULL)
        machine_unmap(slots, slot_count * sizeof *slots);
    slots = grown;
    slot_count = count;
    return 0;
}

static struct Plan *new_plan(void)
{
    if (spare_count == 0) {
        spare = machine_map(PLANS_PER_CHUNK * sizeof *spare);
        if (spare == NULL)
            return NULL;
        spare_count = PLANS_PER_CHUNK;
    }
    spare_count--;
    return spare++;
}

/* From 3.12 on, the dict of a static built-in type lies with the interpreter; the accessor counts a reference, taken back here. */
Object type_dict(Object type)
{
    Object dict = word_at(type, TP_DICT);
    if (dict != 0 || SYMBOL(PyType_GetDict) == 0)
        return dict;
    dict = ((Object(*)(Object))SYMBOL(PyType_GetDict))(type);
    if (dict != 0) {
        u32 *references = (u32 *)dict;
        if (*references < 1u << 30)
            *references -= 1;
    }
    return dict;
}

Object mro_item(Object type, u64 index)
{
    Object mro = word_at(type, TP_MRO);
    if (mro == 0 || index >= word_at(mro, VAR_SIZE) || index >= MAX_MRO)
        return 0;
    return word_at(mro, walk.layout.tuple_items + (long)(8 * index));
}

/* The first __sizeof__ along the MRO that is a method written in C; a Python one is passed over. */
static Method find_sizeof(Object type)
{
    Object base;
    for (u64 i = 0; (base = mro_item(type, i)) != 0; i++) {
        Object found = dict_get(type_dict(base), "__sizeof__");
        if (found == 0 || TYPE_OF_OBJECT(found) != SYMBOL(PyMethodDescr_Type))
            continue;
        Object definition = word_at(found, METHOD_OF_DESCRIPTOR);
        if (half_at(definition, METHOD_FLAGS) == METH_NOARGS)
            return (Method)word_at(definition, METHOD_FUNCTION);
    }
    return NULL;
}

static Method own_sizeof(int symbol)
{
    static Method known[SYMBOL_COUNT];
    if (known[symbol] == NULL)
        known[symbol] = find_sizeof((Object)walk.options->symbol[symbol]);
    return known[symbol];
}

static void choose_size(struct Plan *plan)
{
    static const struct {
        u8 symbol, kind;
    } known[] = {
        {SYM_PyBaseObject_Type, SIZE_OBJECT}, {SYM_PyList_Type, SIZE_LIST},   {SYM_PyDict_Type, SIZE_DICT},
        {SYM_PyUnicode_Type, SIZE_STR},       {SYM_PyLong_Type, SIZE_INT},    {SYM_PySet_Type, SIZE_SET},
        {SYM_PyFrozenSet_Type, SIZE_SET},     {SYM_PyByteArray_Type, SIZE_BYTEARRAY},
    };
    plan->sizeof_method = find_sizeof(plan->type);
    plan->size = plan->sizeof_method == NULL ? SIZE_OBJECT : SIZE_CALL;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (plan->sizeof_method == own_sizeof(known[i].symbol))
            plan->size = known[i].kind;
    if (plan->size == SIZE_BYTEARRAY && walk.layout.minor >= 15) /* its bytes are an object of their own there */
        plan->size = SIZE_CALL;
    Object base;
    for (u64 i = 0; plan->size == SIZE_CALL && (base = mro_item(plan->type, i)) != 0; i++)
        if (c_text_is((const char *)word_at(base, TP_NAME), "_struct.Struct"))
            plan->size = SIZE_STRUCT;
}

static int has_base_named(Object type, const char *name)
{
    Object base;
    for (u64 i = 0; (base = mro_item(type, i)) != 0; i++)
        if (c_text_is((const char *)word_at(base, TP_NAME), name))
            return 1;
    return 0;
}

static void choose_length(struct Plan *plan)
{
    static const u8 sized[] = {SYM_PyList_Type, SYM_PyTuple_Type, SYM_PyBytes_Type, SYM_PyByteArray_Type, SYM_PyDict_Type, SYM_PyUnicode_Type};
    for (unsigned i = 0; i < sizeof sized; i++)
        if (is_subtype(plan->type, (Object)walk.options->symbol[sized[i]]))
            plan->length_offset = VAR_SIZE;
    if (is_subtype(plan->type, SYMBOL(PySet_Type)) || is_subtype(plan->type, SYMBOL(PyFrozenSet_Type)))
        plan->length_offset = 24;
    if (has_base_named(plan->type, "collections.deque"))
        plan->length_offset = VAR_SIZE;
}

/* 3.12.0-3.12.5: visiting the module _asyncio once more never ends, its traverse makes its free list a ring (gh-122695). */
static int visits_modules_badly(void)
{
    u64 version = walk.options->hex_version >> 8;
    return version >= 0x030C00 && version <= 0x030C05;
}

static int has_object_members(Object type)
{
    Object member = word_at(type, TP_MEMBERS);
    enum { MEMBER_SIZE = 40, MEMBER_TYPE = 8, T_OBJECT = 6, T_OBJECT_EX = 16 };
    for (; member != 0 && word_at(member, 0) != 0; member += MEMBER_SIZE)
        if (half_at(member, MEMBER_TYPE) == T_OBJECT || half_at(member, MEMBER_TYPE) == T_OBJECT_EX)
            return 1;
    return 0;
}

static void choose_edges(struct Plan *plan)
{
    Object type = plan->type;
    plan->traverse = (Traverse)word_at(type, TP_TRAVERSE);
    plan->is_gc = (IsGc)word_at(type, TP_IS_GC);
    plan->is_dict = type == SYMBOL(PyDict_Type);
    plan->is_function = type == SYMBOL(PyFunction_Type);
    plan->is_frame = type == SYMBOL(PyFrame_Type);
    plan->is_text = type == SYMBOL(PyUnicode_Type);
    plan->is_plain_text = type == SYMBOL(PyUnicode_Type) || type == SYMBOL(PyBytes_Type);
    plan->is_ordered = (plan->flags & FLAG_DICT) && has_base_named(type, "collections.OrderedDict");
    plan->is_cache = has_base_named(type, "functools._lru_cache_wrapper");
    int is_array = has_base_named(type, "numpy.ndarray");
    if (plan->is_dict)
        plan->edges = EDGES_DICT;
    else if (plan->is_type)
        plan->edges = EDGES_TYPE;
    else if (plan->flags & FLAG_DICT)
        plan->edges = EDGES_DICT_SUBCLASS;
    else if (type == SYMBOL(PyCode_Type))
        plan->edges = EDGES_CODE;
    else if (type == SYMBOL(PyModule_Type) && visits_modules_badly())
        plan->edges = EDGES_MODULE;
    else if (is_array && !plan->is_heap)
        plan->edges = EDGES_ARRAY;
    else if (type == SYMBOL(PyMethodDescr_Type) || type == SYMBOL(PyWrapperDescr_Type) ||
             type == SYMBOL(PyGetSetDescr_Type) || type == SYMBOL(PyMemberDescr_Type) ||
             type == SYMBOL(PyClassMethodDescr_Type))
        plan->edges = EDGES_DESCRIPTOR;
    else if ((plan->flags & FLAG_HAVE_GC) && plan->traverse != NULL)
        plan->edges = EDGES_TRAVERSE;
    else if (!(plan->flags & FLAG_HAVE_GC) && has_object_members(type))
        plan->edges = EDGES_MEMBERS;
    if (is_array && plan->edges != EDGES_ARRAY)
        plan->row_flags |= ROW_OPAQUE;
}

static void choose_boundary(struct Plan *plan)
{
    static const u8 boundaries[] = {
        SYM_PyCFunction_Type,   SYM_PyMethodDescr_Type, SYM_PyWrapperDescr_Type, SYM_PyGetSetDescr_Type,
        SYM_PyMemberDescr_Type, SYM_PyClassMethodDescr_Type, SYM_PyCode_Type,
    };
    for (unsigned i = 0; i < sizeof boundaries; i++)
        if (plan->type == (Object)walk.options->symbol[boundaries[i]])
            plan->row_flags |= ROW_BOUNDARY;
    if (plan->is_type)
        plan->row_flags |= ROW_BOUNDARY | ROW_IS_TYPE;
    if (is_subtype(plan->type, SYMBOL(PyModule_Type)))
        plan->row_flags |= ROW_BOUNDARY;
}

static void choose_instances(struct Plan *plan)
{
    unsigned minor = walk.layout.minor;
    int managed = minor >= 11 && (plan->flags & FLAG_MANAGED_DICT);
    plan->weak_offset = (long)word_at(plan->type, TP_WEAKLISTOFFSET);
    if (minor >= 12 && (plan->flags & FLAG_MANAGED_WEAKREF))
        plan->weak_offset = -32;
    plan->dict_offset = (long)word_at(plan->type, TP_DICTOFFSET);
    if (!plan->is_heap || plan->is_type)
        return;
    plan_keep_for_tallies(plan);
    Object keys = word_at(plan->type, walk.layout.cached_keys);
    if (keys != 0 && is_readable(keys, 64)) {
        struct Keys table = keys_at(keys);
        plan->keys = keys;
        plan->keys_total = table.total;
        plan->keys_count = table.count;
    }
    plan->mode = INSTANCE_PLAIN;
    if (!walk.layout.instances_known) {
        plan->mode = managed || plan->dict_offset ? INSTANCE_UNKNOWN : INSTANCE_PLAIN;
    } else if (minor >= 13 && (plan->flags & FLAG_INLINE_VALUES) && plan->keys != 0) {
        plan->mode = INSTANCE_INLINE;
    } else if (managed && minor < 13) {
        plan->mode = INSTANCE_VALUES;
    } else if (managed) {
        plan->mode = INSTANCE_POINTER;
        plan->dict_offset = -24;
    } else if (plan->dict_offset != 0) {
        plan->mode = INSTANCE_POINTER;
    }
}

static struct Plan *make_plan(Object type)
{
    struct Plan *plan = new_plan();
    if (plan == NULL || (2 * plan_count >= slot_count && grow() < 0)) {
        walk.failure = "no memory for the walker's notes";
        return NULL;
    }
    plan->type = type;
    plan_count++;
    plan->flags = word_at(type, TP_FLAGS);
    plan->basicsize = (long)word_at(type, TP_BASICSIZE);
    plan->itemsize = (long)word_at(type, TP_ITEMSIZE);
    plan->is_heap = (plan->flags & FLAG_HEAP_TYPE) != 0;
    plan->is_type = (plan->flags & FLAG_TYPE) != 0;
    plan->adds_type = 2;
    plan->pre = plan->flags & FLAG_HAVE_GC ? 16 : 0;
    u64 managed = walk.layout.minor == 11 ? FLAG_MANAGED_DICT : FLAG_MANAGED_DICT | FLAG_MANAGED_WEAKREF;
    if (walk.layout.minor >= 11 && (plan->flags & managed))
        plan->pre += 16;
    choose_size(plan);
    choose_length(plan);
    choose_edges(plan);
    choose_boundary(plan);
    choose_instances(plan);
    if (plan->mode != INSTANCE_NO)
        slots_find(plan);
    plan->is_atom = plan->edges == EDGES_NONE && !plan->is_heap;
    u64 at = slot_of(type) & (slot_count - 1);
    while (slots[at] != NULL)
        at = (at + 1) & (slot_count - 1);
    slots[at] = plan;
    return plan;
}

struct Plan *recent_plan[256];

struct Plan *plan_find(Object type)
{
    struct Plan **cached = &recent_plan[type >> 5 & 255];
    if (slot_count != 0)
        for (u64 at = slot_of(type) & (slot_count - 1); slots[at] != NULL; at = (at + 1) & (slot_count - 1))
            if (slots[at]->type == type)
                return *cached = slots[at];
    if (!looks_like_type(type) && !looks_like_unready_type(type)) {
        walk.strays++;
        return NULL;
    }
    struct Plan *made = make_plan(type);
    if (made != NULL)
        *cached = made;
    return made;
}

void plan_keep_for_tallies(struct Plan *plan)
{
    plan->next = with_tallies;
    with_tallies = plan;
}

struct Plan *plan_first_with_tallies(void)
{
    return with_tallies;
}
