/* How large the own blocks of instances with items are (of subclasses of int, tuple, bytes): per class, instances by size.
 *
 * A class with more different sizes than MAX_OWN_SIZES is sent without any: a part might be believed.
 */
#include "heapwalk.h"

enum { SLOT_BITS = 18, MAX_ENTRIES = 1 << (SLOT_BITS - 1) };

struct OwnSize {
    struct Plan *plan;
    u64 bytes, count;
    u32 next; /* of the same class */
};

static u32 *slots;
static struct OwnSize *entries;
static u32 entry_count; /* number 0 stays unused: it ends lists */

static int open_table(void)
{
    static int state; /* 1 open, -1 no memory */
    if (state == 0) {
        slots = machine_map(sizeof *slots << SLOT_BITS);
        entries = machine_map(sizeof *entries * (MAX_ENTRIES + 1));
        state = slots != NULL && entries != NULL ? 1 : -1;
    }
    return state > 0;
}

void own_size_add(struct Plan *plan, u64 bytes)
{
    if (plan->own_sizes > MAX_OWN_SIZES)
        return;
    if (!open_table()) {
        plan->own_sizes = MAX_OWN_SIZES + 1;
        return;
    }
    u64 at = ((plan->type >> 4 ^ bytes << 20) * 0x9E3779B97F4A7C15u) >> (64 - SLOT_BITS);
    for (; slots[at] != 0; at = (at + 1) & ((1u << SLOT_BITS) - 1)) {
        struct OwnSize *found = &entries[slots[at]];
        if (found->plan == plan && found->bytes == bytes) {
            found->count++;
            return;
        }
    }
    if (++plan->own_sizes > MAX_OWN_SIZES || entry_count >= MAX_ENTRIES) {
        plan->own_sizes = MAX_OWN_SIZES + 1;
        return;
    }
    entries[++entry_count] = (struct OwnSize){.plan = plan, .bytes = bytes, .count = 1, .next = plan->first_own_size};
    plan->first_own_size = slots[at] = entry_count;
}

void own_sizes_put(const struct Plan *plan)
{
    u64 count = plan->own_sizes <= MAX_OWN_SIZES ? plan->own_sizes : 0;
    put_dict(count);
    for (u32 i = plan->first_own_size; count != 0 && i != 0; i = entries[i].next) {
        put_unsigned(entries[i].bytes);
        put_unsigned(entries[i].count);
    }
}
