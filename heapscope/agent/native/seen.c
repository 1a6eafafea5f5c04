/* Which objects were met, and which were sent: two bits per 16 bytes of address space, in pages that exist where objects are.
 *
 * The smallest object takes 16 bytes, so no two share a granule. A heap costs 1/64 of its size here.
 *
 *     address  | 13 bits: top | 14 bits: middle | 20 bits: one leaf of 1 MiB |
 */
#include "seen.h"

enum { MIDDLE_BITS = 14, TOP_BITS = 13, LEAVES_PER_MAPPING = 64 };

struct Middle {
    struct Marks *leaf[1 << MIDDLE_BITS];
};

static struct Middle *top[1 << TOP_BITS];
static struct Marks *spare;
static unsigned spare_count;

/* An object and what it refers to often lie in different leaves. */
struct RecentLeaf recent_leaves[RECENT_LEAVES];

static struct Marks *new_leaf(void)
{
    if (spare_count == 0) {
        spare = machine_map(LEAVES_PER_MAPPING * MARKS_PER_LEAF * sizeof *spare);
        spare_count = spare == NULL ? 0 : LEAVES_PER_MAPPING;
    }
    if (spare_count == 0) {
        walk.failure = "no memory for the walker's notes";
        return NULL;
    }
    spare_count--;
    spare += MARKS_PER_LEAF;
    return spare - MARKS_PER_LEAF;
}

struct Marks *leaf_find(u64 number)
{
    if (number >> (TOP_BITS + MIDDLE_BITS))
        return NULL;
    struct Middle **middle = &top[number >> MIDDLE_BITS];
    if (*middle == NULL && (*middle = machine_map(sizeof **middle)) == NULL) {
        walk.failure = "no memory for the walker's notes";
        return NULL;
    }
    struct Marks **leaf = &(*middle)->leaf[number & ((1 << MIDDLE_BITS) - 1)];
    if (*leaf == NULL && (*leaf = new_leaf()) == NULL)
        return NULL;
    recent_leaves[number % RECENT_LEAVES] = (struct RecentLeaf){number, *leaf};
    return *leaf;
}

int seen_is_done(Object object)
{
    const struct Marks *marks = marks_of(object);
    return marks != NULL && (marks->done & mark_bit(object)) != 0;
}

static int sweep_leaf(struct Marks *leaf, u64 number, int (*take)(Object object))
{
    int found = 0;
    for (u64 i = 0; i < MARKS_PER_LEAF; i++) {
        u64 open;
        while ((open = leaf[i].seen & ~leaf[i].done) != 0) {
            u64 granule = i * 64 + (u64)__builtin_ctzll(open);
            found = 1;
            if (take((number << LEAF_BITS) + (granule << GRANULE_BITS)) < 0)
                return -1;
            leaf[i].done |= open & -open; /* whatever it was: never again */
        }
    }
    return found;
}

int seen_sweep(int (*take)(Object object))
{
    int found = 0;
    for (u64 t = 0; t < 1 << TOP_BITS; t++)
        for (u64 m = 0; top[t] != NULL && m < 1 << MIDDLE_BITS; m++) {
            struct Marks *leaf = top[t]->leaf[m];
            int result = leaf == NULL ? 0 : sweep_leaf(leaf, t << MIDDLE_BITS | m, take);
            if (result < 0)
                return -1;
            found |= result;
        }
    return found;
}
