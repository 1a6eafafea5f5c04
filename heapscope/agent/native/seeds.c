/* Executing frames, as the host has read them from the frozen memory: from 3.11 on no tp_traverse shows what they hold.
 *
 *     words per seed:  address, type, flags, number of targets, targets
 */
#include "heapwalk.h"

enum { SLOTS = 1 << 16 };
static u32 slots[SLOTS]; /* position of a seed + 1 */

static u64 slot_of(Object object)
{
    return (object >> 3) * 0x9E3779B97F4A7C15u >> 48;
}

static u64 next_seed(u64 at)
{
    return at + SEED_TARGETS + walk.seeds[at + SEED_COUNT];
}

int seeds_open(void)
{
    u64 words = walk.options->seed_words, kept = 0;
    for (u64 at = 0; at < words; at = next_seed(at)) {
        if (words - at < SEED_TARGETS || walk.seeds[at + SEED_COUNT] > words - at - SEED_TARGETS)
            return -1;
        if (++kept > SLOTS / 2 || at >> 32)
            continue; /* a stack deeper than that is still reached through the others' references */
        u64 slot = slot_of(walk.seeds[at]);
        while (slots[slot] != 0)
            slot = (slot + 1) & (SLOTS - 1);
        slots[slot] = (u32)at + 1;
    }
    return 0;
}

const u64 *seed_of(Object object)
{
    for (u64 slot = slot_of(object); slots[slot] != 0; slot = (slot + 1) & (SLOTS - 1))
        if (walk.seeds[slots[slot] - 1] == object)
            return &walk.seeds[slots[slot] - 1];
    return NULL;
}

int seeds_each(int (*take)(const u64 *seed))
{
    for (u64 at = 0; at < walk.options->seed_words; at = next_seed(at))
        if (take(&walk.seeds[at]) < 0)
            return -1;
    return 0;
}
