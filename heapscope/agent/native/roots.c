/* Why objects live: sys.modules and what the interpreter holds. Frames come from the host (seeds.c), static types from the walk. */
#include "heapwalk.h"
#include "seen.h"

enum { ROOTS_PER_FRAME = 4096, MAX_ROOTS = 1 << 20, MODULE_DICT = 16, MODULE_SLOTS = 1 << 15, INTERNED_PROBES = 16 };

struct Root {
    Object object, label; /* label: a str, or 0 */
    const char *text;     /* else this; NULL means the name of a type */
    u64 kind;
};

static struct Root *roots;
static u64 count;
static Object module_dicts[MODULE_SLOTS];
static u64 module_bits[MODULE_SLOTS / 64]; /* set for the slots where looking is worth while: every dict is asked about */
static u64 module_dict_count;
static Object interned;

void roots_add(int kind, Object object, Object label, const char *text)
{
    if (roots == NULL)
        roots = machine_map(MAX_ROOTS * sizeof *roots);
    if (roots == NULL || count >= MAX_ROOTS)
        return;
    roots[count++] = (struct Root){object, label, text, (u64)kind};
    walk.roots++;
}

static u64 module_slot(Object dict)
{
    return (dict >> 4) * 0x9E3779B97F4A7C15u >> 49;
}

static void note_module_dict(Object dict)
{
    if (dict == 0 || 2 * module_dict_count >= MODULE_SLOTS)
        return;
    u64 at = module_slot(dict);
    while (module_dicts[at] != 0 && module_dicts[at] != dict)
        at = (at + 1) & (MODULE_SLOTS - 1);
    module_bits[module_slot(dict) / 64] |= (u64)1 << module_slot(dict) % 64;
    module_dict_count += module_dicts[at] == 0;
    module_dicts[at] = dict;
}

int is_module_dict(Object dict)
{
    u64 first = module_slot(dict);
    if (!(module_bits[first / 64] >> first % 64 & 1))
        return 0;
    for (u64 at = first; module_dicts[at] != 0; at = (at + 1) & (MODULE_SLOTS - 1))
        if (module_dicts[at] == dict)
            return 1;
    return 0;
}

int is_interned_table(Object dict)
{
    return dict == interned;
}

static Object namespace_of(const char *module_name)
{
    Object module = dict_get(walk.modules, module_name);
    return module != 0 && is_instance_of(module, SYMBOL(PyModule_Type)) ? word_at(module, MODULE_DICT) : 0;
}

void roots_start(int (*discover)(Object object, void *unused))
{
    struct DictView view = dict_view(walk.modules);
    Object key, value;
    roots_add(ROOT_INTERPRETER, walk.modules, 0, "sys.modules");
    for (u64 i = 0; i < view.keys.count; i++) {
        if (!dict_entry(&view, i, &key, &value))
            continue;
        roots_add(ROOT_MODULE, value, key, NULL);
        if (is_instance_of(value, SYMBOL(PyModule_Type)))
            note_module_dict(word_at(value, MODULE_DICT));
    }
    Object builtins = namespace_of("builtins"), sys = namespace_of("sys");
    if (builtins != 0)
        roots_add(ROOT_INTERPRETER, builtins, 0, "builtins");
    if (sys != 0)
        roots_add(ROOT_INTERPRETER, sys, 0, "sys");
    for (u64 i = 0; i < count; i++)
        discover(roots[i].object, NULL);
}

/* ---- static data of the interpreter: objects that only C variables hold ---- */

static int is_plain_container(Object object)
{
    Object type = TYPE_OF_OBJECT(object);
    return type == SYMBOL(PyDict_Type) || type == SYMBOL(PyList_Type) || type == SYMBOL(PyTuple_Type) ||
           type == SYMBOL(PySet_Type) || type == SYMBOL(PyFrozenSet_Type);
}

/* The table of interned strings (up to 3.11 a static variable, then with the interpreter): each key is its own value. */
static int is_table_of_interned(Object dict)
{
    if (TYPE_OF_OBJECT(dict) != SYMBOL(PyDict_Type) || !is_readable(word_at(dict, 32), 64))
        return 0;
    struct DictView view = dict_view(dict);
    Object key, value;
    u64 seen = 0;
    if (view.values != 0 || view.keys.count < INTERNED_PROBES || !is_readable(view.keys.entries, view.keys.count * view.keys.step))
        return 0;
    for (u64 i = 0; i < view.keys.count && seen < INTERNED_PROBES; i++)
        if (dict_entry(&view, i, &key, &value)) {
            if (key != value || TYPE_OF_OBJECT(key) != SYMBOL(PyUnicode_Type) || !text_is_interned(key))
                return 0;
            seen++;
        }
    return seen == INTERNED_PROBES;
}

static int is_whole(Object object)
{
    Object type = TYPE_OF_OBJECT(object);
    if (type == SYMBOL(PyDict_Type))
        return word_at(object, 32) != 0 && is_readable(word_at(object, 32), 64);
    if (type == SYMBOL(PyList_Type))
        return word_at(object, VAR_SIZE) == 0 || is_readable(word_at(object, 24), 8 * word_at(object, VAR_SIZE));
    if (type == SYMBOL(PyTuple_Type))
        return is_readable(object, 24 + 8 * word_at(object, VAR_SIZE));
    return is_readable(word_at(object, 40), 16 * (word_at(object, 32) + 1));
}

typedef void (*Take)(Object object, int (*discover)(Object object, void *unused));

static void note_interned(Object object, int (*discover)(Object object, void *unused))
{
    (void)discover;
    if (interned != 0 || !is_table_of_interned(object))
        return;
    interned = object;
    roots_add(ROOT_INTERPRETER, object, 0, "interned strings");
}

/* Only what nothing else has led to: static data is full of lists of free places, some of them in use again by others. */
static void note_unreached(Object object, int (*discover)(Object object, void *unused))
{
    if (seen_is_done(object))
        return;
    if (object != interned)
        roots_add(ROOT_INTERPRETER, object, 0, "static data");
    discover(object, NULL);
}

static void scan(Object start, Object end, Take take, int (*discover)(Object object, void *unused))
{
    for (Object at = start; at + 8 <= end; at += 8) {
        Object object = word_at(at, 0);
        if (object < 4096 || (object & 15) != 0 || !looks_like_object(object) || !is_plain_container(object))
            continue;
        if (!is_static(object) && is_whole(object))
            take(object, discover);
    }
}

static void scan_all(Take take, int (*discover)(Object object, void *unused))
{
    Object interpreter = ((Object(*)(void))SYMBOL(PyInterpreterState_Main))();
    for (u64 i = 0; i < walk.options->root_range_count; i++)
        scan(walk.root_ranges[2 * i], walk.root_ranges[2 * i + 1], take, discover);
    /* Up to 3.11 the interpreter's state is a block of malloc, whose size stands before it. */
    u64 size = walk.layout.minor < 12 && is_readable(interpreter - 8, 8) ? word_at(interpreter, -8) & ~(u64)15 : 0;
    if (size > 1024 && size < 1 << 20 && is_readable(interpreter, size - 8))
        scan(interpreter, interpreter + size - 8, take, discover);
}

void roots_find_interned(void)
{
    scan_all(note_interned, NULL);
}

void roots_scan(int (*discover)(Object object, void *unused))
{
    scan_all(note_unreached, discover);
}

void roots_send(void)
{
    static u8 text[12 * MAX_NAME + 16];
    for (u64 start = 0; start < count; start += ROOTS_PER_FRAME) {
        u64 end = start + ROOTS_PER_FRAME < count ? start + ROOTS_PER_FRAME : count;
        put_list(end - start);
        for (u64 i = start; i < end; i++) {
            put_list(3);
            put_unsigned(roots[i].kind);
            put_unsigned(roots[i].object);
            if (roots[i].label != 0)
                put_object_text(roots[i].label);
            else if (roots[i].text != NULL)
                put_c_text(roots[i].text);
            else if (roots[i].kind == ROOT_STATIC_TYPE)
                put_text((const char *)text, type_name(roots[i].object, text));
            else
                put_text("", 0);
        }
        values_send(KIND_ROOTS);
    }
}
