/* Which objects were met, and which were sent; the two bits of an object lie side by side. What is asked of each reference is inline. */
#ifndef HEAPSCOPE_SEEN_H
#define HEAPSCOPE_SEEN_H
#include "heapwalk.h"
#pragma GCC visibility push(hidden) /* as there: no relocations */

enum { LEAF_BITS = 20, GRANULE_BITS = 4, MARKS_PER_LEAF = 1 << (LEAF_BITS - GRANULE_BITS - 6), RECENT_LEAVES = 64 };
struct Marks {
    u64 seen, done;
};
extern struct RecentLeaf { /* leaves met lately, by the low bits of their number */
    u64 number;
    struct Marks *leaf;
} recent_leaves[RECENT_LEAVES];
struct Marks *leaf_find(u64 number); /* NULL when memory is gone */
static inline u64 mark_bit(Object object)
{
    return (u64)1 << (object >> GRANULE_BITS & 63);
}
/* The marks of an object, among those of 63 neighbours; NULL when memory is gone. */
static inline struct Marks *marks_of(Object object)
{
    u64 number = object >> LEAF_BITS;
    const struct RecentLeaf *recent = &recent_leaves[number % RECENT_LEAVES];
    struct Marks *leaf = recent->number == number && number != 0 ? recent->leaf : leaf_find(number);
    return leaf == NULL ? NULL : &leaf[object >> (GRANULE_BITS + 6) & (MARKS_PER_LEAF - 1)];
}
/* Mark an object as met and sent; 1 when it was not marked as sent before. */
static inline int done_mark(Object object)
{
    struct Marks *marks = marks_of(object);
    u64 bit = mark_bit(object);
    if (marks == NULL || (marks->done & bit))
        return 0;
    marks->seen |= bit;
    marks->done |= bit;
    return 1;
}
int seen_is_done(Object object);
int seen_sweep(int (*take)(Object object)); /* every object marked but not done */

#pragma GCC visibility pop

#endif
