/* Which objects were met, and which were sent: two bits per 16 bytes of address space, in pages that exist where objects are.
 *
 * The smallest object takes 16 bytes, so no two share a granule. A heap costs 1/64 of its size here.
 *
 *     address  | 13 bits: top | 14 bits: middle | 20 bits: one leaf of 1 MiB |
 */
#include "heapwalk.h"

enum { LEAF_BITS = 20, MIDDLE_BITS = 14, TOP_BITS = 13, GRANULE_BITS = 4 };
enum { LEAF_WORDS = 1 << (LEAF_BITS - GRANULE_BITS - 6), LEAVES_PER_MAPPING = 64 };

struct Leaf {
    u64 seen[LEAF_WORDS];
    u64 done[LEAF_WORDS];
};
struct Middle {
    struct Leaf *leaf[1 << MIDDLE_BITS];
};

static struct Middle *top[1 << TOP_BITS];
static struct Leaf *spare;
static unsigned spare_count;

/* Leaves met lately, by the low bits of their number: an object and what it refers to often lie in different ones. */
static struct {
    u64 number;
    struct Leaf *leaf;
} recent[64];

static struct Leaf *new_leaf(void)
{
    if (spare_count == 0) {
        spare = machine_map(LEAVES_PER_MAPPING * sizeof *spare);
        spare_count = spare == NULL ? 0 : LEAVES_PER_MAPPING;
    }
    if (spare_count == 0) {
        walk.failure = "no memory for the walker's notes";
        return NULL;
    }
    spare_count--;
    return spare++;
}

static struct Leaf *find_leaf_slowly(u64 number)
{
    if (number >> (TOP_BITS + MIDDLE_BITS))
        return NULL;
    struct Middle **middle = &top[number >> MIDDLE_BITS];
    if (*middle == NULL && (*middle = machine_map(sizeof **middle)) == NULL) {
        walk.failure = "no memory for the walker's notes";
        return NULL;
    }
    struct Leaf **leaf = &(*middle)->leaf[number & ((1 << MIDDLE_BITS) - 1)];
    if (*leaf == NULL && (*leaf = new_leaf()) == NULL)
        return NULL;
    recent[number & 63].number = number;
    return recent[number & 63].leaf = *leaf;
}

static inline struct Leaf *find_leaf(Object object)
{
    u64 number = object >> LEAF_BITS;
    return recent[number & 63].number == number && number != 0 ? recent[number & 63].leaf : find_leaf_slowly(number);
}

static int mark(u64 *words, Object object)
{
    u64 granule = (object & ((1 << LEAF_BITS) - 1)) >> GRANULE_BITS;
    u64 bit = (u64)1 << (granule & 63);
    u64 *word = &words[granule >> 6];
    if (*word & bit)
        return 0;
    *word |= bit;
    return 1;
}

int seen_mark(Object object)
{
    struct Leaf *leaf = find_leaf(object);
    return leaf == NULL ? -1 : mark(leaf->seen, object);
}

int done_mark(Object object)
{
    struct Leaf *leaf = find_leaf(object);
    if (leaf == NULL)
        return -1;
    mark(leaf->seen, object);
    return mark(leaf->done, object);
}

int seen_is_done(Object object)
{
    struct Leaf *leaf = find_leaf(object);
    u64 granule = (object & ((1 << LEAF_BITS) - 1)) >> GRANULE_BITS;
    return leaf != NULL && (leaf->done[granule >> 6] >> (granule & 63) & 1);
}

static int sweep_leaf(struct Leaf *leaf, u64 number, int (*take)(Object object))
{
    int found = 0;
    for (u64 i = 0; i < LEAF_WORDS; i++) {
        u64 open;
        while ((open = leaf->seen[i] & ~leaf->done[i]) != 0) {
            u64 granule = i * 64 + (u64)__builtin_ctzll(open);
            found = 1;
            if (take((number << LEAF_BITS) + (granule << GRANULE_BITS)) < 0)
                return -1;
            leaf->done[i] |= open & -open; /* whatever it was: never again */
        }
    }
    return found;
}

int seen_sweep(int (*take)(Object object))
{
    int found = 0;
    for (u64 t = 0; t < 1 << TOP_BITS; t++)
        for (u64 m = 0; top[t] != NULL && m < 1 << MIDDLE_BITS; m++) {
            struct Leaf *leaf = top[t]->leaf[m];
            int result = leaf == NULL ? 0 : sweep_leaf(leaf, t << MIDDLE_BITS | m, take);
            if (result < 0)
                return -1;
            found |= result;
        }
    return found;
}
