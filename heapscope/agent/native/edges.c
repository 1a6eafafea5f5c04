/* What an object refers to: what tp_traverse shows, and what it does not.
 *
 * The collector needs no references that cannot be part of a cycle, so it skips dict keys that are text, names and code of
 * functions, and types without its head. Each of these is read here from the object itself.
 */
#include "heapwalk.h"

enum { MODULE_DICT = 16, MODULE_DEFINITION = 24, DEFINITION_NAME = 40 };
enum { MEMBER_SIZE = 40, MEMBER_TYPE = 8, MEMBER_OFFSET = 16, MEMBER_FLAGS = 24, T_OBJECT = 6, T_OBJECT_EX = 16, RELATIVE_OFFSET = 8 };

static void visit_word(Visit visit, Object object, long offset)
{
    Object target = word_at(object, offset);
    if (target != 0)
        visit(target, NULL);
}

static void visit_dict(Object dict, Visit visit)
{
    struct DictView view = dict_view(dict);
    Object key, value;
    if (is_interned_table(dict))
        return;
    for (u64 i = 0; i < view.keys.count; i++)
        if (dict_entry(&view, i, &key, &value))
            visit(key, NULL);
    for (u64 i = 0; i < view.keys.count; i++)
        if (dict_entry(&view, i, &key, &value))
            visit(value, NULL);
}

/* ---- subclasses of dict: their own traverse ends with the part of dict, which is replaced ---- */

static u64 visits, visits_wanted;
static Visit wanted_visit;

static int count_visit(Object object, void *unused)
{
    (void)unused;
    visits += object != 0;
    return 0;
}

static int limited_visit(Object object, void *unused)
{
    if (object != 0 && visits < visits_wanted) {
        visits++;
        wanted_visit(object, unused);
    }
    return 0;
}

static struct { /* the next entry: its value is expected, then its key */
    struct DictView view;
    u64 index, skipped;
    Object key;
    u8 is_alike;
} pairs;

static int compare_visit(Object object, void *unused)
{
    Object value = 0;
    (void)unused;
    if (object == 0 || visits++ < pairs.skipped)
        return 0;
    if (pairs.key != 0) {
        pairs.is_alike &= object == pairs.key;
        pairs.key = 0;
        return 0;
    }
    while (pairs.index < pairs.view.keys.count && !dict_entry(&pairs.view, pairs.index, &pairs.key, &value))
        pairs.index++;
    pairs.index++;
    pairs.is_alike &= object == value;
    return 0;
}

/* Whether dict's part of tp_traverse shows the keys too. Up to 3.10 that depends on the table's look-up function: nothing says
 * which one it is but what is shown. */
static int shows_keys(struct Plan *plan, Object object, const struct DictView *view, u64 entries)
{
    if (walk.layout.minor >= 11)
        return view->keys.kind == 0;
    if (entries == 0 || visits < 2 * entries)
        return 0;
    pairs.view = *view;
    pairs.skipped = visits - 2 * entries;
    pairs.index = pairs.key = visits = 0;
    pairs.is_alike = 1;
    plan->traverse(object, compare_visit, NULL);
    return pairs.is_alike;
}

static void visit_dict_subclass(struct Plan *plan, Object object, Visit visit)
{
    struct DictView view = dict_view(object);
    Object key, value;
    u64 entries = 0;
    for (u64 i = 0; i < view.keys.count; i++)
        entries += (u64)dict_entry(&view, i, &key, &value);
    visits = 0;
    plan->traverse(object, count_visit, NULL);
    u64 shown = visits, own = shows_keys(plan, object, &view, entries) ? 2 * entries : entries;
    visits_wanted = shown > own ? shown - own : 0;
    visits = 0;
    wanted_visit = visit;
    plan->traverse(object, limited_visit, NULL);
    visit_dict(object, visit);
}

/* ---- code, types, modules ---- */

static void visit_code(Object code, Visit visit)
{
    if (walk.layout.minor < 11) { /* code, consts, names, varnames, freevars, cellvars; file name, name, line table */
        for (long offset = 48; offset <= 88; offset += 8)
            visit_word(visit, code, offset);
        for (long offset = 104; offset <= 120; offset += 8)
            visit_word(visit, code, offset);
        return;
    }
    for (long offset = 24; offset <= 40; offset += 8) /* consts, names, exception table */
        visit_word(visit, code, offset);
    for (long offset = 96; offset <= 136; offset += 8) /* names and kinds of locals, file name, name, qualname, line table */
        visit_word(visit, code, offset);
    if (walk.layout.minor == 11) {
        visit_word(visit, code, 152); /* co_code, made on demand */
        return;
    }
    Object cached = word_at(code, walk.layout.minor == 12 ? 152 : 160);
    for (long offset = 0; cached != 0 && offset <= 24; offset += 8) /* co_code, co_varnames, ... made on demand */
        visit_word(visit, cached, offset);
}

static void visit_type(struct Plan *plan, Object type, Visit visit)
{
    u64 flags = word_at(type, TP_FLAGS);
    if (flags & FLAG_HEAP_TYPE) {
        plan->traverse(type, visit, NULL);
        if (!(flags & FLAG_READY))
            return;
        visit_word(visit, type, walk.layout.cached_keys - 24); /* name */
        visit_word(visit, type, walk.layout.cached_keys - 16); /* slots: a tuple of names */
        visit_word(visit, type, walk.layout.cached_keys - 8);  /* qualname */
        visit_word(visit, type, TP_SUBCLASSES);                /* a dict of weak references */
        return;
    }
    visit_word(visit, type, TP_MRO);
    visit_word(visit, type, TP_BASES);
    visit_word(visit, type, TP_BASE);
    Object names = flags & FLAG_READY ? type_dict(type) : 0;
    if (names != 0)
        visit(names, NULL);
}

static void visit_module(struct Plan *plan, Object module, Visit visit)
{
    Object definition = word_at(module, MODULE_DEFINITION);
    const char *name = definition != 0 ? (const char *)word_at(definition, DEFINITION_NAME) : NULL;
    if (name != NULL && c_text_is(name, "_asyncio"))
        visit_word(visit, module, MODULE_DICT);
    else
        plan->traverse(module, visit, NULL);
}

static void visit_members(Object object, Visit visit)
{
    int depth = 0;
    for (Object type = TYPE_OF_OBJECT(object); type != 0 && depth < MAX_MRO; depth++, type = word_at(type, TP_BASE)) {
        Object member = word_at(type, TP_MEMBERS);
        for (; member != 0 && word_at(member, 0) != 0; member += MEMBER_SIZE) {
            u32 kind = half_at(member, MEMBER_TYPE);
            if ((kind == T_OBJECT || kind == T_OBJECT_EX) && !(half_at(member, MEMBER_FLAGS) & RELATIVE_OFFSET))
                visit_word(visit, object, (long)word_at(member, MEMBER_OFFSET));
        }
    }
}

/* ---- numpy.ndarray (numpy/core/include/numpy/ndarraytypes.h; the same in numpy 1 and 2) ---- */

enum { ARRAY_DATA = 16, ARRAY_DIMENSIONS = 24, ARRAY_SHAPE = 32, ARRAY_STRIDES = 40, ARRAY_BASE = 48, ARRAY_TYPE = 56, MAX_DIMENSIONS = 64 };
enum { DESCRIPTION_KIND = 24 };

static void visit_array_items(Object array, Visit visit)
{
    u64 dimensions = half_at(array, ARRAY_DIMENSIONS);
    const u64 *shape = (const u64 *)word_at(array, ARRAY_SHAPE);
    const int64_t *strides = (const int64_t *)word_at(array, ARRAY_STRIDES);
    u64 index[MAX_DIMENSIONS] = {0};
    Object item = word_at(array, ARRAY_DATA);
    if (item == 0 || dimensions > MAX_DIMENSIONS)
        return;
    for (u64 d = 0; d < dimensions; d++)
        if (shape[d] == 0)
            return;
    for (;;) {
        visit_word(visit, item, 0);
        u64 d = dimensions;
        while (d > 0 && ++index[d - 1] == shape[d - 1]) {
            item -= (u64)strides[d - 1] * (shape[d - 1] - 1);
            index[--d] = 0;
        }
        if (d == 0)
            return;
        item += (u64)strides[d - 1];
    }
}

static void visit_array(Object array, Visit visit)
{
    Object description = word_at(array, ARRAY_TYPE);
    Object base = word_at(array, ARRAY_BASE);
    visit_word(visit, array, ARRAY_TYPE);
    if (base != 0)
        visit(base, NULL);
    else if (description != 0 && byte_at(description, DESCRIPTION_KIND) == 'O')
        visit_array_items(array, visit);
}

void edges_collect(struct Plan *plan, Object object, Visit visit)
{
    switch (plan->edges) {
    case EDGES_NONE:
        return;
    case EDGES_TRAVERSE:
        plan->traverse(object, visit, NULL);
        return;
    case EDGES_DICT:
        visit_dict(object, visit);
        return;
    case EDGES_DICT_SUBCLASS:
        visit_dict_subclass(plan, object, visit);
        return;
    case EDGES_CODE:
        visit_code(object, visit);
        return;
    case EDGES_TYPE:
        visit_type(plan, object, visit);
        return;
    case EDGES_MODULE:
        visit_module(plan, object, visit);
        return;
    case EDGES_ARRAY:
        visit_array(object, visit);
        return;
    case EDGES_MEMBERS:
        visit_members(object, visit);
        return;
    case EDGES_DESCRIPTOR:
        plan->traverse(object, visit, NULL);
        visit_word(visit, object, 24); /* name */
        visit_word(visit, object, 32); /* qualname, made on demand */
        return;
    }
}
