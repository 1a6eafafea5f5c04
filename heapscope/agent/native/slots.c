/* Which slots of an instance are filled: with that its first references have names, where its class has __slots__ and no values.
 *
 * tp_traverse of a class that a class statement has made shows its slots, then those of its bases, each in the order of the
 * members, and the filled ones only. Relied on is what was shown: an instance that shows something else has no names.
 */
#include "heapwalk.h"

enum { MEMBER_SIZE = 40, MEMBER_TYPE = 8, MEMBER_OFFSET = 16, T_OBJECT_EX = 16 };
enum { MAX_SLOTS = 64, MAX_ALL_SLOTS = 1 << 15, MASK_BITS = 14, MAX_MASKS = 1 << (MASK_BITS - 1), SHAPES_PER_FRAME = 256 };

struct Slot {
    Object name;
    u64 offset;
};
struct Filled { /* instances of which some slots are empty */
    struct Plan *plan;
    u64 mask;
    Object example;
};

static struct Slot slots[MAX_ALL_SLOTS];
static u32 slot_count;
static struct Filled filled[1 << MASK_BITS];
static u32 filled_count;
static u64 pending, hole;

/* The slots that a class adds; -1 where they are not those of a class statement. */
static int add_slots(struct Plan *plan, Object type)
{
    u64 count = word_at(type, VAR_SIZE);
    Object names = word_at(type, walk.layout.cached_keys - 16), member = word_at(type, TP_MEMBERS);
    if (count == 0)
        return 0;
    if (plan->slots + count > MAX_SLOTS || slot_count + count > MAX_ALL_SLOTS || !is_readable(member, MEMBER_SIZE * count))
        return -1;
    if (names == 0 || TYPE_OF_OBJECT(names) != SYMBOL(PyTuple_Type) || word_at(names, VAR_SIZE) != count)
        return -1;
    for (u64 i = 0; i < count; i++, member += MEMBER_SIZE) {
        u64 offset = word_at(member, MEMBER_OFFSET);
        if (half_at(member, MEMBER_TYPE) != T_OBJECT_EX || offset < 16 || offset % 8 != 0 || offset + 8 > (u64)plan->basicsize)
            return -1;
        slots[slot_count++] = (struct Slot){word_at(names, walk.layout.tuple_items + (long)(8 * i)), offset};
        plan->slots++;
    }
    return 0;
}

void slots_find(struct Plan *plan)
{
    if (plan->edges != EDGES_TRAVERSE || (plan->mode != INSTANCE_PLAIN && plan->mode != INSTANCE_POINTER))
        return;
    plan->first_slot = slot_count;
    Object base = plan->type;
    for (int depth = 0; base != 0 && depth < MAX_MRO; depth++, base = word_at(base, TP_BASE)) {
        if (!(word_at(base, TP_FLAGS) & FLAG_HEAP_TYPE) || (Traverse)word_at(base, TP_TRAVERSE) != plan->traverse)
            break;
        if (add_slots(plan, base) < 0) {
            slot_count = plan->first_slot;
            plan->slots = 0;
            break;
        }
    }
}

static u64 find_mask(struct Plan *plan, u64 mask, Object object)
{
    u64 hash = (plan->type ^ mask * 0xD6E8FEB86659FD93u) * 0x9E3779B97F4A7C15u;
    u64 at = hash >> (64 - MASK_BITS);
    for (; filled[at].plan != NULL; at = (at + 1) & ((1u << MASK_BITS) - 1))
        if (filled[at].plan == plan && filled[at].mask == mask)
            return hash | 1;
    if (filled_count >= MAX_MASKS)
        return SLOTS_NOT_KNOWN;
    filled_count++;
    filled[at] = (struct Filled){plan, mask, object};
    return hash | 1;
}

u64 slots_fingerprint(struct Plan *plan, Object object, const Object *shown, u64 count)
{
    u64 mask = 0, at = 0;
    for (u64 i = 0; i < plan->slots; i++) {
        Object value = word_at(object, (long)slots[plan->first_slot + i].offset);
        if (value == 0)
            continue;
        if (at == count || shown[at] != value)
            return SLOTS_NOT_KNOWN;
        mask |= (u64)1 << i;
        at++;
    }
    if (at != plan->slots)
        return find_mask(plan, mask, object);
    if (plan->example == 0)
        plan->example = object;
    return SLOTS_ALL_FILLED;
}

static void put_shape(const struct Plan *plan, u64 mask, Object example)
{
    u64 used = 0;
    if (pending == 0) {
        put_list(0);
        hole = values_hole();
    }
    put_list(2);
    put_unsigned(example);
    put_list(0);
    u64 names_hole = values_hole();
    for (u64 i = 0; i < plan->slots; i++) {
        if (!(mask >> i & 1))
            continue;
        put_object_text(slots[plan->first_slot + i].name);
        used++;
    }
    values_fill(names_hole, used);
    values_fill(hole, ++pending);
    if (pending == SHAPES_PER_FRAME || values.size >= values.limit / 2) {
        values_send(KIND_SHAPES);
        pending = 0;
    }
}

void slots_send(void)
{
    for (struct Plan *plan = plan_first_with_tallies(); plan != NULL; plan = plan->next)
        if (plan->example != 0)
            put_shape(plan, UINT64_MAX, plan->example);
    for (u64 i = 0; i < 1u << MASK_BITS; i++)
        if (filled[i].plan != NULL && filled[i].mask != 0)
            put_shape(filled[i].plan, filled[i].mask, filled[i].example);
    if (pending != 0)
        values_send(KIND_SHAPES);
    pending = 0;
}
