/* Which attributes the instances of each class have: counted by shape while they are read, by name at the end.
 *
 * A shape is what instances with the same attributes in the same order share: a keys table, and the order bytes of their values.
 * Dicts with keys of their own are counted by name at once. All tables are bounded; what does not fit is marked truncated.
 */
#include "heapwalk.h"

enum { SHAPE_BITS = 16, MAX_TABLE_SHAPES = 1 << (SHAPE_BITS - 1), MAX_ORDER = 64, MAX_PLAN_SHAPES = 1 << 14 };
enum { NAME_BITS = 19, MAX_TABLE_NAMES = 1 << (NAME_BITS - 1), MERGE_SLOTS = 2048, INSTANCES_PER_FRAME = 64, SHAPES_PER_FRAME = 256 };

struct Shape {
    struct Plan *plan;
    Object keys; /* 0: the shape of a combined dict, of which only the hash is kept */
    u64 hash, count;
    u64 fingerprint;
    Object example; /* an instance whose references begin with the attributes in this order; 0: it has a dict */
    u32 next;
    u8 used;
    u8 is_first_keys; /* no order: the first ``used`` keys */
    u8 order[MAX_ORDER];
};
struct Name {
    struct Plan *plan;
    Object name;
    u64 count;
    u32 next;
};
struct Merged {
    Object name;
    u64 count;
};

static u32 *shape_slots, *name_slots;
static struct Shape *shapes;
static struct Name *names;
static u32 shape_count, name_count; /* number 0 stays unused: it ends lists */

static int open_tables(void)
{
    static int state; /* 1 open, -1 no memory */
    if (state == 0) {
        shape_slots = machine_map(sizeof(u32) << SHAPE_BITS);
        name_slots = machine_map(sizeof(u32) << NAME_BITS);
        shapes = machine_map(sizeof *shapes * (MAX_TABLE_SHAPES + 1));
        names = machine_map(sizeof *names * (MAX_TABLE_NAMES + 1));
        state = shape_slots && name_slots && shapes && names ? 1 : -1;
    }
    return state > 0;
}

static u64 mix(u64 hash, u64 value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static void add_name(struct Plan *plan, Object name, u64 count)
{
    u64 at = mix(mix(0, plan->type), name) >> 11 & ((1u << NAME_BITS) - 1);
    for (; name_slots[at] != 0; at = (at + 1) & ((1u << NAME_BITS) - 1)) {
        struct Name *found = &names[name_slots[at]];
        if (found->plan == plan && found->name == name) {
            found->count += count;
            return;
        }
    }
    if (plan->names >= 4 * MAX_ATTRIBUTES || name_count >= MAX_TABLE_NAMES) {
        plan->truncated = 1;
        return;
    }
    struct Name *made = &names[++name_count];
    *made = (struct Name){.plan = plan, .name = name, .count = count, .next = plan->first_name};
    plan->first_name = name_slots[at] = name_count;
    plan->names++;
}

static Object key_of(Object keys, u64 index)
{
    struct Keys table = keys_at(keys);
    return index < table.count ? word_at(table.entries, (long)(index * table.step + (table.step == 24 ? 8 : 0))) : 0;
}

static struct Shape *find_shape(struct Plan *plan, Object keys, u64 hash)
{
    u64 at = mix(mix(hash, plan->type), keys) >> 7 & ((1u << SHAPE_BITS) - 1);
    for (; shape_slots[at] != 0; at = (at + 1) & ((1u << SHAPE_BITS) - 1)) {
        struct Shape *found = &shapes[shape_slots[at]];
        if (found->plan == plan && found->keys == keys && found->hash == hash)
            return found;
    }
    if (shape_count >= MAX_TABLE_SHAPES || plan->shapes >= MAX_PLAN_SHAPES)
        return NULL;
    struct Shape *made = &shapes[++shape_count];
    made->plan = plan;
    made->keys = keys;
    made->hash = hash;
    made->next = plan->first_shape;
    plan->first_shape = shape_slots[at] = shape_count;
    plan->shapes++;
    return made;
}

/* Whether a shape has just these keys and this order. */
static int is_shape(const struct Shape *shape, Object keys, const u8 *order, u64 used)
{
    if (shape == NULL || shape->keys != keys || shape->used != used || shape->is_first_keys != (order == NULL))
        return 0;
    for (u64 i = 0; order != NULL && i < used; i++)
        if (shape->order[i] != order[i])
            return 0;
    return 1;
}

static u64 count_shape(struct Shape *shape, Object example)
{
    if (shape->example == 0)
        shape->example = example;
    shape->count++;
    return shape->fingerprint;
}

u64 tally_shape(struct Plan *plan, Object keys, const u8 *order, u64 used, Object example)
{
    if (walk.is_census || !open_tables() || keys == 0)
        return 0;
    if (used > MAX_ORDER)
        used = MAX_ORDER;
    if (is_shape(plan->recent_shape, keys, order, used)) /* instances of a class stand together, and are alike */
        return count_shape(plan->recent_shape, example);
    u64 hash = (used + 1) << 8; /* no order byte makes it 0, which would forget the byte */
    for (u64 i = 0; order != NULL && i < used; i++)
        hash = mix(hash, order[i]);
    struct Shape *shape = find_shape(plan, keys, hash);
    if (shape == NULL) {
        for (u64 i = 0; i < used; i++)
            if (key_of(keys, order ? order[i] : i) != 0)
                add_name(plan, key_of(keys, order ? order[i] : i), 1);
        return 0;
    }
    if (shape->count == 0) {
        shape->fingerprint = mix(mix(hash, plan->type), keys) | 1;
        shape->used = (u8)used;
        shape->is_first_keys = order == NULL;
        if (order != NULL)
            memcpy(shape->order, order, used);
    }
    plan->recent_shape = shape;
    return count_shape(shape, example);
}

void tally_combined(struct Plan *plan, Object dict)
{
    struct DictView view = dict_view(dict);
    Object key, value;
    u64 sum = 0, known = 0;
    if (walk.is_census || !open_tables())
        return;
    for (u64 i = 0; i < view.keys.count; i++) {
        if (!dict_entry(&view, i, &key, &value) || TYPE_OF_OBJECT(key) != SYMBOL(PyUnicode_Type))
            continue;
        if (known++ >= MAX_ATTRIBUTES) {
            plan->truncated = 1;
            break;
        }
        add_name(plan, key, 1);
        sum += mix(0, text_hash(key)); /* equal names need not be one object */
    }
    struct Shape *shape = find_shape(plan, 0, sum);
    if (shape != NULL)
        shape->count++;
}

/* ---- at the end: from shapes to names, equal texts merged ---- */

static struct Merged merged[MERGE_SLOTS];
static u64 merged_count;

static void merge(struct Plan *plan, Object name, u64 count)
{
    struct Text text;
    if (name == 0 || !text_of(name, &text))
        return;
    u64 at = text_hash(name) & (MERGE_SLOTS - 1);
    for (; merged[at].name != 0; at = (at + 1) & (MERGE_SLOTS - 1))
        if (text_equal(merged[at].name, name)) {
            merged[at].count += count;
            return;
        }
    /* Cut to MAX_NAME, two long names could become one. */
    if (merged_count >= MAX_ATTRIBUTES || text.length > MAX_NAME) {
        plan->truncated = 1;
        return;
    }
    merged[at] = (struct Merged){name, count};
    merged_count++;
}

static void merge_names(struct Plan *plan)
{
    memset(merged, 0, sizeof merged);
    merged_count = 0;
    if (!open_tables())
        return;
    for (u32 i = plan->first_name; i != 0; i = names[i].next)
        merge(plan, names[i].name, names[i].count);
    for (u32 i = plan->first_shape; i != 0; i = shapes[i].next)
        for (u64 k = 0; shapes[i].keys != 0 && k < shapes[i].used; k++)
            merge(plan, key_of(shapes[i].keys, shapes[i].is_first_keys ? k : shapes[i].order[k]), shapes[i].count);
}

static u64 put_states(struct Plan *plan)
{
    u64 count = 0;
    put_dict(0);
    u64 hole = values_hole();
    u64 used = 0;
    for (u64 state = 0; state < STATE_COUNT; state++) {
        if (plan->state[state].count == 0)
            continue;
        put_unsigned(state);
        put_list(3);
        put_unsigned(plan->state[state].count);
        put_unsigned(plan->state[state].requested);
        put_unsigned(plan->state[state].allocated);
        count += plan->state[state].count;
        used++;
    }
    values_fill(hole, used);
    return count;
}

static void put_instances(struct Plan *plan)
{
    merge_names(plan);
    put_dict(9);
    PUT_KEY("type_address");
    put_unsigned(plan->type);
    PUT_KEY("states");
    u64 count = put_states(plan);
    PUT_KEY("count");
    put_unsigned(count);
    PUT_KEY("attributes");
    put_dict(merged_count);
    for (u64 i = 0; i < MERGE_SLOTS; i++) {
        if (merged[i].name == 0)
            continue;
        put_object_text(merged[i].name);
        put_unsigned(merged[i].count);
    }
    PUT_KEY("attributes_truncated");
    put_bool(plan->truncated != 0);
    PUT_KEY("shapes");
    put_unsigned(plan->shapes);
    PUT_KEY("weakly_referenced");
    put_unsigned(plan->weakly_referenced);
    PUT_KEY("replaced_dicts");
    put_unsigned(plan->replaced);
    PUT_KEY("own_sizes");
    own_sizes_put(plan);
}

static int has_instances(const struct Plan *plan)
{
    u64 count = 0;
    for (u64 state = 0; state < STATE_COUNT; state++)
        count += plan->state[state].count;
    return count != 0;
}

void tally_send(void)
{
    u64 count = 0, hole = 0;
    for (struct Plan *plan = plan_first_with_tallies(); plan != NULL; plan = plan->next) {
        if (!has_instances(plan))
            continue;
        if (count == 0) {
            put_list(0);
            hole = values_hole();
        }
        put_instances(plan);
        values_fill(hole, ++count);
        if (count == INSTANCES_PER_FRAME) {
            values_send(KIND_INSTANCES);
            count = 0;
        }
    }
    if (count != 0)
        values_send(KIND_INSTANCES);
}

void shapes_send(void)
{
    u64 count = 0, hole = 0;
    for (u32 i = 1; i <= shape_count; i++) {
        struct Shape *shape = &shapes[i];
        if (shape->example == 0)
            continue;
        if (count == 0) {
            put_list(0);
            hole = values_hole();
        }
        put_list(2);
        put_unsigned(shape->example);
        put_list(shape->used);
        for (u64 k = 0; k < shape->used; k++)
            put_object_text(key_of(shape->keys, shape->order[attribute_place(k, shape->used)]));
        values_fill(hole, ++count);
        if (count == SHAPES_PER_FRAME) {
            values_send(KIND_SHAPES);
            count = 0;
        }
    }
    if (count != 0)
        values_send(KIND_SHAPES);
}
