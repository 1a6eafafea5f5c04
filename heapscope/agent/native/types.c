/* What there is to know about each type: TYPES records (TYPE_KEYS in heapscope/wire/protocol.py). */
#include "heapwalk.h"

enum { TYPES_PER_FRAME = 128, FUNCTION_CODE_OLD = 16, FUNCTION_CODE = 48 };

static u64 pending, hole;

static const char *static_name(Object type, const char **module_end)
{
    const char *name = (const char *)word_at(type, TP_NAME);
    *module_end = NULL;
    for (const char *at = name; *at != 0 && at - name < MAX_NAME; at++)
        if (*at == '.')
            *module_end = at;
    return name;
}

static u64 encode_module(Object type, u8 *to)
{
    const char *end;
    if (word_at(type, TP_FLAGS) & FLAG_HEAP_TYPE) {
        if (!(word_at(type, TP_FLAGS) & FLAG_READY))
            return 0;
        Object module = dict_get(type_dict(type), "__module__");
        return module != 0 ? text_encode(module, to, MAX_NAME) : 0;
    }
    const char *name = static_name(type, &end);
    if (end != NULL)
        return c_text_encode(name, to, (u64)(end - name));
    return c_text_encode("builtins", to, MAX_NAME);
}

static u64 encode_own_name(Object type, u8 *to, long heap_name)
{
    const char *end;
    if (word_at(type, TP_FLAGS) & FLAG_HEAP_TYPE)
        return text_encode(word_at(type, heap_name), to, MAX_NAME);
    const char *name = static_name(type, &end);
    return c_text_encode(end != NULL ? end + 1 : name, to, MAX_NAME);
}

static u64 count_characters(const u8 *text, u64 size)
{
    u64 count = 0;
    for (u64 i = 0; i < size; i++)
        count += (text[i] & 0xC0) != 0x80;
    return count;
}

/* "module.qualname", at most MAX_NAME characters. */
u64 type_name(Object type, u8 *to)
{
    u64 flags = word_at(type, TP_FLAGS);
    u64 size = 0;
    if (!(flags & FLAG_HEAP_TYPE) || (flags & FLAG_READY)) {
        size = encode_module(type, to);
        if (size != 0)
            to[size++] = '.';
        size += encode_own_name(type, to + size, walk.layout.cached_keys - 8);
    }
    while (count_characters(to, size) > MAX_NAME)
        size--;
    while (size > 0 && (to[size - 1] & 0xC0) == 0xC0) /* cut inside a character */
        size--;
    if (size == 0)
        to[size++] = '?';
    return size;
}

static void put_addresses(Object tuple)
{
    u64 count = tuple != 0 ? word_at(tuple, VAR_SIZE) : 0;
    count = count < MAX_MRO ? count : MAX_MRO;
    put_list(count);
    for (u64 i = 0; i < count; i++)
        put_unsigned(word_at(tuple, walk.layout.tuple_items + (long)(8 * i)));
}

static void put_own_names(Object names, int with_values)
{
    struct DictView view = {0};
    Object key, value;
    u64 count = 0;
    static u8 text[6 * MAX_NAME];
    put_list(0);
    u64 own_hole = values_hole();
    if (names != 0)
        view = dict_view(names);
    for (u64 i = 0; i < view.keys.count && count < MAX_OWN_NAMES; i++) {
        if (!dict_entry(&view, i, &key, &value) || TYPE_OF_OBJECT(key) != SYMBOL(PyUnicode_Type))
            continue;
        if (with_values)
            put_text((const char *)text, encode_own_name(TYPE_OF_OBJECT(value), text, walk.layout.cached_keys - 24));
        else
            put_object_text(key);
        count++;
    }
    values_fill(own_hole, count);
}

/* Where the class is written: the file of its first method, the lowest line in it. */
static void find_place(Object names, Object *file, u64 *line)
{
    struct DictView view = {0};
    Object key, value;
    *file = 0;
    *line = 0;
    if (names != 0)
        view = dict_view(names);
    for (u64 i = 0; i < view.keys.count; i++) {
        if (!dict_entry(&view, i, &key, &value))
            continue;
        if (TYPE_OF_OBJECT(value) == SYMBOL(PyLong_Type) && text_is(key, "__firstlineno__"))
            *line = half_at(value, 24);
        if (TYPE_OF_OBJECT(value) != SYMBOL(PyFunction_Type))
            continue;
        Object code = word_at(value, walk.layout.minor < 10 ? FUNCTION_CODE_OLD : FUNCTION_CODE);
        Object name = word_at(code, walk.layout.code_file);
        u64 first = half_at(code, walk.layout.code_first_line);
        if (*file == 0 || (text_equal(*file, name) && first < *line)) {
            *file = name;
            *line = *line != 0 && *line < first ? *line : first;
        }
    }
}

static void put_sizes(Object type)
{
    u64 flags = word_at(type, TP_FLAGS);
    int64_t basicsize = (int64_t)word_at(type, TP_BASICSIZE);
    long weak = (long)word_at(type, TP_WEAKLISTOFFSET);
    PUT_KEY("basicsize");
    put_signed(basicsize > 0 ? basicsize : 0);
    PUT_KEY("itemsize");
    put_signed((int64_t)word_at(type, TP_ITEMSIZE));
    PUT_KEY("dictoffset");
    put_signed((int64_t)word_at(type, TP_DICTOFFSET));
    PUT_KEY("weaklistoffset");
    put_signed(weak);
    PUT_KEY("tp_flags");
    put_unsigned(flags);
}

static void put_namespace(Object type, int is_heap)
{
    Object names = word_at(type, TP_FLAGS) & FLAG_READY || is_heap ? type_dict(type) : 0;
    Object file = 0;
    u64 line = 0;
    PUT_KEY("own_names");
    if (is_heap) {
        put_own_names(names, 0);
        PUT_KEY("own_kinds");
        put_own_names(names, 1);
        find_place(names, &file, &line);
    } else {
        put_none();
        PUT_KEY("own_kinds");
        put_none();
    }
    PUT_KEY("has_slots");
    put_bool(is_heap && dict_get(names, "__slots__") != 0);
    PUT_KEY("file");
    if (file != 0)
        put_object_text(file);
    else
        put_text("", 0);
    PUT_KEY("line");
    put_unsigned(line < 1u << 31 ? line : 0);
}

static u64 shared_keys_bytes(Object type, int is_heap)
{
    Object keys = is_heap && walk.layout.instances_known ? word_at(type, walk.layout.cached_keys) : 0;
    u64 size = keys != 0 ? keys_at(keys).size : 0;
    return size < 1 << 20 ? size : 1 << 20;
}

void type_describe(Object type)
{
    static u8 text[12 * MAX_NAME + 16];
    int is_heap = (word_at(type, TP_FLAGS) & FLAG_HEAP_TYPE) != 0;
    if (pending == 0) {
        put_list(0);
        hole = values_hole();
    }
    put_dict(18);
    PUT_KEY("address");
    put_unsigned(type);
    PUT_KEY("name");
    put_text((const char *)text, type_name(type, text));
    PUT_KEY("module");
    put_text((const char *)text, encode_module(type, text));
    PUT_KEY("is_heap");
    put_bool(is_heap);
    PUT_KEY("metatype");
    put_unsigned(TYPE_OF_OBJECT(type));
    PUT_KEY("mro");
    put_addresses(word_at(type, TP_MRO));
    PUT_KEY("bases");
    put_addresses(word_at(type, TP_FLAGS) & FLAG_READY ? word_at(type, TP_BASES) : 0);
    PUT_KEY("shared_keys_bytes");
    put_unsigned(shared_keys_bytes(type, is_heap));
    put_sizes(type);
    put_namespace(type, is_heap);
    walk.types++;
    values_fill(hole, ++pending);
    if (!is_heap)
        roots_add(ROOT_STATIC_TYPE, type, 0, NULL);
    types_flush(TYPES_PER_FRAME);
}

void types_flush(u64 least)
{
    if (pending < least && values.size < values.limit / 2)
        return;
    if (pending != 0)
        values_send(KIND_TYPES);
    pending = 0;
}
