/* Where things lie in this CPython, and proof of it on objects that every process has, before anything relies on it.
 *
 * Sources: the headers of the versions named. A fact that does not hold ends in a reason, never in a guess.
 */
#include "heapwalk.h"

static u64 last_range;

int is_readable(Object start, u64 size)
{
    u64 low = 0, high = walk.options->range_count;
    if (high == 0)
        return 0;
    if (start >= walk.ranges[2 * last_range] && start + size <= walk.ranges[2 * last_range + 1])
        return 1;
    while (high - low > 1) {
        u64 middle = (low + high) / 2;
        if (walk.ranges[2 * middle] <= start)
            low = middle;
        else
            high = middle;
    }
    last_range = low;
    return start >= walk.ranges[2 * low] && start + size > start && start + size <= walk.ranges[2 * low + 1];
}

int is_static(Object object)
{
    for (u64 i = 0; i < walk.options->root_range_count; i++)
        if (object >= walk.root_ranges[2 * i] && object < walk.root_ranges[2 * i + 1])
            return 1;
    return 0;
}

static int is_readable_type(Object type)
{
    return (type & 7) == 0 && is_readable(type, 416) && (word_at(type, TP_FLAGS) & FLAG_READY);
}

int looks_like_type(Object type)
{
    if (!is_readable_type(type))
        return 0;
    Object metatype = TYPE_OF_OBJECT(type);
    for (int depth = 0; depth < 16 && is_readable_type(metatype); depth++, metatype = word_at(metatype, TP_BASE))
        if (metatype == SYMBOL(PyType_Type))
            return 1;
    return 0;
}

/* A static type that was never made ready, as that of lru_cache's links on 3.8: only what an object says may name one. */
int looks_like_unready_type(Object type)
{
    if ((type & 7) != 0 || !is_readable(type, 416) || TYPE_OF_OBJECT(type) != SYMBOL(PyType_Type))
        return 0;
    u64 size = word_at(type, TP_BASICSIZE);
    return word_at(type, TP_MRO) == 0 && !(word_at(type, TP_FLAGS) & (FLAG_READY | FLAG_HEAP_TYPE)) && size >= 16 &&
           size < 1 << 20 && is_readable(word_at(type, TP_NAME), 1);
}

/* Whether a first word is a link in a list of free blocks, and no count. A count may be as large as a low address: links lead to
 * blocks of the allocator, which are aligned, and those below 4 GB lie in the mapping that the block is in itself. */
static int is_link(Object object, u64 word)
{
    if ((word & 15) != 0 || !is_readable(word, 16) || is_static(object))
        return 0;
    /* last_range is now that of the word. */
    return word >> 32 != 0 || (object >= walk.ranges[2 * last_range] && object < walk.ranges[2 * last_range + 1]);
}

/* Whether an address that nobody vouches for is an object. */
int looks_like_object(Object object)
{
    if ((object & 7) != 0 || !is_readable(object, 16))
        return 0;
    u64 references = word_at(object, 0);
    if (references == 0 || (references >> 32 != 0 && walk.layout.minor < 14))
        return 0;
    if (is_link(object, references))
        return 0;
    return looks_like_type(TYPE_OF_OBJECT(object));
}

int is_subtype(Object type, Object base)
{
    for (int depth = 0; type != 0 && depth < MAX_MRO; depth++, type = word_at(type, TP_BASE))
        if (type == base)
            return 1;
    return 0;
}

int is_instance_of(Object object, Object base)
{
    return object != 0 && is_subtype(TYPE_OF_OBJECT(object), base);
}

static int choose_offsets(void)
{
    static const short cached_keys[] = {872, 864, 872, 872, 880, 880, 880, 888}; /* ht_cached_keys, 3.8 first */
    struct Layout *layout = &walk.layout;
    unsigned minor = layout->minor = (unsigned)(walk.options->hex_version >> 16 & 255);
    if (walk.options->hex_version >> 24 != 3 || minor < 8 || minor > 15)
        return 0;
    layout->cached_keys = cached_keys[minor - 8];
    layout->ascii_data = minor < 12 ? 48 : 40;
    layout->compact_data = layout->any_data = minor < 12 ? 72 : 56;
    layout->utf8_length = minor < 12 ? 48 : 40;
    layout->utf8 = minor < 12 ? 56 : 48;
    layout->function_closure = minor < 10 ? 48 : 72;
    layout->function_qualname = minor < 10 ? 104 : 40;
    layout->code_first_line = minor < 11 ? 40 : minor < 12 ? 72 : 68;
    layout->code_file = minor < 11 ? 104 : 112;
    layout->code_name = minor < 11 ? 112 : 128; /* co_name; co_qualname */
    layout->pool_size = minor < 10 ? 4096 : 16384;
    return 1;
}

/* Every core type must say of itself what its header says. */
static const char *check_types(void)
{
    static const struct {
        short symbol, basicsize, newer_basicsize; /* from 3.12 on */
        u64 flags;
    } expected[] = {
        {SYM_PyBaseObject_Type, 16, 16, 0}, {SYM_PyDict_Type, 48, 48, FLAG_DICT}, {SYM_PyList_Type, 40, 40, 1 << 25},
        {SYM_PyUnicode_Type, 80, 64, FLAG_STR}, {SYM_PySet_Type, 200, 200, 0}, {SYM_PyBytes_Type, 33, 33, 1 << 27},
    };
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        Object type = (Object)walk.options->symbol[expected[i].symbol];
        long size = walk.layout.minor < 12 ? expected[i].basicsize : expected[i].newer_basicsize;
        if (type == 0 || !is_readable(type, 416))
            return "a core type is missing";
        if ((long)word_at(type, TP_BASICSIZE) != size || (word_at(type, TP_FLAGS) & expected[i].flags) != expected[i].flags)
            return "a core type has another layout";
        if (TYPE_OF_OBJECT(type) != SYMBOL(PyType_Type))
            return "a core type has another layout";
    }
    walk.layout.tuple_items = (long)word_at(SYMBOL(PyTuple_Type), TP_BASICSIZE);
    if (walk.layout.tuple_items != 24 && walk.layout.tuple_items != 32)
        return "tuples have another layout";
    return NULL;
}

/* sys.modules is a dict with str keys, and under "sys" there is a module with a dict that has "modules" in it. */
static const char *check_dicts_and_texts(void)
{
    Object modules = ((Object(*)(void))SYMBOL(PyImport_GetModuleDict))();
    if (!looks_like_object(modules) || !is_instance_of(modules, SYMBOL(PyDict_Type)))
        return "sys.modules is not there";
    walk.modules = modules;
    Object sys = dict_get(modules, "sys");
    if (sys == 0 || !is_instance_of(sys, SYMBOL(PyModule_Type)))
        return "dicts or texts have another layout";
    Object names = word_at(sys, 16);
    if (!looks_like_object(names) || TYPE_OF_OBJECT(names) != SYMBOL(PyDict_Type) || dict_get(names, "maxsize") == 0)
        return "modules have another layout";
    Object hex = dict_get(names, "hexversion");
    if (hex == 0 || TYPE_OF_OBJECT(hex) != SYMBOL(PyLong_Type) || half_at(hex, 24) >> 8 != walk.options->hex_version >> 8)
        return "integers have another layout";
    return NULL;
}

/* An instance that every process has: a module's __spec__, with a name and a loader among its attributes. */
static void probe_instances(void)
{
    Object builtins = dict_get(walk.modules, "builtins");
    Object names = builtins != 0 ? word_at(builtins, 16) : 0;
    Object spec = names != 0 ? dict_get(names, "__spec__") : 0;
    if (spec == 0 || !looks_like_object(spec))
        return;
    Object type = TYPE_OF_OBJECT(spec);
    if (!(word_at(type, TP_FLAGS) & FLAG_HEAP_TYPE))
        return;
    if (!text_is(word_at(type, walk.layout.cached_keys - 24), "ModuleSpec"))
        return;
    Object keys = word_at(type, walk.layout.cached_keys);
    if (keys == 0 || !is_readable(keys, 64))
        return;
    struct Keys table = keys_at(keys);
    int found = 0;
    for (u64 i = 0; i < table.count && i < 64; i++) {
        Object key = word_at(table.entries, (long)(i * table.step + (table.step == 24 ? 8 : 0)));
        if (looks_like_object(key))
            found += text_is(key, "name") + text_is(key, "loader") + text_is(key, "origin");
    }
    walk.layout.instances_known = found == 3;
}

/* The hooks of a debug build, of PYTHONMALLOC=debug and of -X dev put a size, a letter and seven bytes FD before each block, and
 * eight more behind. */
static void find_debug_hooks(void)
{
    enum { GC_HEAD = 16, BEFORE = 8, HOOKS = 24 };
    static const u64 forbidden = 0xFDFDFDFDFDFDFD;
    Object block = walk.modules - GC_HEAD;
    if (is_readable(block - BEFORE, BEFORE) && word_at(block, -BEFORE) >> 8 == forbidden && byte_at(block, -BEFORE) == 'o')
        walk.layout.hooks = HOOKS;
}

const char *layout_open(void)
{
    if (!choose_offsets())
        return "this version of CPython is not known";
    for (int i = 0; i < SYM__Py_Dealloc; i++)
        if (walk.options->symbol[i] == 0)
            return "a symbol of the interpreter is missing";
    const char *fault = check_types();
    if (fault == NULL)
        fault = check_dicts_and_texts();
    if (fault != NULL)
        return fault;
    find_debug_hooks();
    probe_instances();
    return NULL;
}
