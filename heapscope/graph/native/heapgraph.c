/* What a set of objects reaches, for many sets at once.

   Objects of one strongly connected component reach the same, so components are found first (Tarjan, without
   recursion). Their graph has no cycles and is numbered against the direction of its references:

       component:  3 ---> 2 ---> 0
                     \--> 1 --/^         references lead from higher to lower numbers

   One sweep from the highest component to the lowest then carries bit masks, one bit per group, along every reference
   exactly once: when a component's turn comes, its mask is complete. Components are numbered in the order in which a
   depth-first walk leaves them, so most references lead to a near place in memory. */
#include "heapgraph.h"

#include <stdlib.h>
#include <string.h>

#define WORDS (HEAPGRAPH_GROUPS_PER_PASS / 64)
#define BYTES (HEAPGRAPH_GROUPS_PER_PASS / 8)

typedef struct {
    uint64_t word[WORDS];
} Mask;

int heapgraph_abi(void) { return HEAPGRAPH_ABI; }

/* ---- components ---- */

typedef struct {
    uint32_t object;
    uint64_t next; /* position in targets of the reference to look at next */
} Frame;

typedef struct {
    uint32_t *low; /* 0: not seen; else the lowest visit number known to be reachable inside the walk */
    uint32_t *open; /* objects whose component is not finished */
    uint32_t open_count;
    Frame *frames;
    uint32_t depth;
    uint32_t capacity;
    uint32_t visits;
} Walk;

static int walk_enter(Walk *walk, uint32_t object, uint64_t next)
{
    if (walk->depth == walk->capacity) {
        size_t capacity = walk->capacity ? (size_t)walk->capacity * 2 : 1024;
        if (capacity > UINT32_MAX)
            capacity = UINT32_MAX; /* enough: no object is entered twice */
        Frame *frames = realloc(walk->frames, capacity * sizeof *frames);
        if (frames == NULL)
            return -1;
        walk->frames = frames;
        walk->capacity = (uint32_t)capacity;
    }
    walk->low[object] = ++walk->visits;
    walk->frames[walk->depth].object = object;
    walk->frames[walk->depth].next = next;
    walk->depth++;
    return 0;
}

/* Number the components of all that root reaches. An object is the first of its component exactly if no reference from
   below it lowered its number; its component is then all that is open with a number not less than its own. */
static int components_from(Walk *walk, uint32_t root, uint32_t object_count, const uint64_t *offsets,
                           const uint32_t *targets, uint64_t target_count, const uint8_t *boundary, uint8_t *lowered,
                           uint32_t *component, uint32_t *order, uint32_t *order_count, uint32_t *component_count)
{
    if (walk_enter(walk, root, offsets[root]) < 0)
        return -1;
    while (walk->depth > 0) {
        Frame *frame = &walk->frames[walk->depth - 1];
        uint32_t object = frame->object;
        uint64_t end = offsets[object + 1];
        if (end > target_count || frame->next > end)
            return -1;
        if (frame->next < end) {
            uint32_t target = targets[frame->next++];
            if (target >= object_count)
                return -1;
            if (boundary[target])
                continue;
            if (walk->low[target] == 0) {
                if (walk_enter(walk, target, offsets[target]) < 0)
                    return -1;
            } else if (component[target] == HEAPGRAPH_NONE && walk->low[target] < walk->low[object]) {
                walk->low[object] = walk->low[target];
                lowered[object] = 1;
            }
            continue;
        }
        walk->depth--;
        if (lowered[object]) {
            walk->open[walk->open_count++] = object;
        } else {
            uint32_t number = (*component_count)++;
            while (walk->open_count > 0 && walk->low[walk->open[walk->open_count - 1]] >= walk->low[object]) {
                uint32_t member = walk->open[--walk->open_count];
                component[member] = number;
                order[(*order_count)++] = member;
            }
            component[object] = number;
            order[(*order_count)++] = object;
        }
        if (walk->depth > 0) {
            uint32_t parent = walk->frames[walk->depth - 1].object;
            if (component[object] == HEAPGRAPH_NONE && walk->low[object] < walk->low[parent]) {
                walk->low[parent] = walk->low[object];
                lowered[parent] = 1;
            }
        }
    }
    return 0;
}

int heapgraph_components(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets,
                         uint64_t target_count, const uint8_t *boundary, uint32_t *component, uint32_t *order,
                         uint32_t *order_count, uint32_t *component_count)
{
    int result = -1;
    Walk walk = {0};
    uint8_t *lowered = calloc((size_t)object_count + 1, sizeof *lowered);
    walk.low = calloc((size_t)object_count + 1, sizeof *walk.low);
    walk.open = malloc(((size_t)object_count + 1) * sizeof *walk.open);
    *order_count = 0;
    *component_count = 0;
    if (lowered == NULL || walk.low == NULL || walk.open == NULL || object_count >= HEAPGRAPH_NONE)
        goto done;
    for (uint32_t object = 0; object < object_count; object++)
        component[object] = HEAPGRAPH_NONE;
    for (uint32_t object = 0; object < object_count; object++) {
        if (boundary[object] || walk.low[object] != 0)
            continue;
        if (components_from(&walk, object, object_count, offsets, targets, target_count, boundary, lowered, component,
                            order, order_count, component_count) < 0)
            goto done;
    }
    result = 0;
done:
    free(walk.frames);
    free(walk.open);
    free(walk.low);
    free(lowered);
    return result;
}

/* ---- references between components ---- */

int heapgraph_condense(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets, uint64_t target_count,
                       const uint32_t *component, const uint32_t *order, uint32_t order_count,
                       uint32_t component_count, uint64_t *component_offsets, uint32_t *component_targets)
{
    int result = -1;
    uint64_t written = 0;
    uint32_t next = 0;
    /* seen_from[t] == c + 1: the reference from component c to component t was written already. */
    uint32_t *seen_from = calloc((size_t)component_count + 1, sizeof *seen_from);
    if (seen_from == NULL || order_count > object_count)
        goto done;
    for (uint32_t from = 0; from < component_count; from++) {
        component_offsets[from] = written;
        for (; next < order_count && order[next] < object_count && component[order[next]] == from; next++) {
            uint64_t end = offsets[order[next] + 1];
            if (end > target_count)
                goto done;
            for (uint64_t i = offsets[order[next]]; i < end; i++) {
                if (targets[i] >= object_count)
                    goto done;
                uint32_t to = component[targets[i]];
                if (to == HEAPGRAPH_NONE || to == from)
                    continue;
                if (to > from)
                    goto done;
                if (seen_from[to] == from + 1)
                    continue;
                seen_from[to] = from + 1;
                component_targets[written++] = to;
            }
        }
    }
    if (next != order_count)
        goto done;
    component_offsets[component_count] = written;
    result = 0;
done:
    free(seen_from);
    return result;
}

/* ---- closures ---- */

/* Sizes by mask are summed per value of each byte of the mask, and spread to the bits at the end: 8 additions per word
   instead of one per bit set. Neighbours mostly have the same mask, so runs of them are summed first. */
typedef struct {
    Mask run_mask;
    uint64_t run_size;
    uint64_t by_byte[BYTES][256];
} Sums;

static int mask_is_empty(const Mask *mask)
{
    uint64_t any = 0;
    for (int w = 0; w < WORDS; w++)
        any |= mask->word[w];
    return any == 0;
}

static void sums_flush(Sums *sums)
{
    for (int w = 0; w < WORDS; w++) {
        uint64_t word = sums->run_mask.word[w];
        for (int b = 0; word != 0; b++, word >>= 8)
            sums->by_byte[8 * w + b][word & 255] += sums->run_size;
    }
    sums->run_size = 0;
}

static void sums_add(Sums *sums, const Mask *mask, uint64_t size)
{
    if (memcmp(&sums->run_mask, mask, sizeof *mask) != 0) {
        sums_flush(sums);
        sums->run_mask = *mask;
    }
    sums->run_size += size;
}

static void sums_spread(Sums *sums, uint32_t group_count, uint64_t *group_size)
{
    sums_flush(sums);
    for (uint32_t g = 0; g < group_count; g++)
        for (uint32_t value = 0; value < 256; value++)
            if (value >> (g % 8) & 1)
                group_size[g] += sums->by_byte[g / 8][value];
}

static int seed(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets, uint64_t target_count,
                const uint32_t *component, uint32_t component_count, const uint64_t *object_size,
                const uint32_t *group, uint32_t first_group, uint32_t group_count, Mask *masks, uint64_t *group_size)
{
    for (uint32_t object = 0; object < object_count; object++) {
        uint32_t bit = group[object] - first_group; /* wraps to a large number below first_group */
        if (bit >= group_count)
            continue;
        uint64_t flag = (uint64_t)1 << (bit % 64);
        if (component[object] != HEAPGRAPH_NONE) {
            if (component[object] >= component_count)
                return -1;
            masks[component[object]].word[bit / 64] |= flag;
            continue;
        }
        group_size[bit] += object_size[object];
        uint64_t end = offsets[object + 1];
        if (end > target_count)
            return -1;
        for (uint64_t i = offsets[object]; i < end; i++) {
            if (targets[i] >= object_count)
                return -1;
            uint32_t to = component[targets[i]];
            if (to == HEAPGRAPH_NONE)
                continue;
            if (to >= component_count)
                return -1;
            masks[to].word[bit / 64] |= flag;
        }
    }
    return 0;
}

int heapgraph_closure_sizes(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets,
                            uint64_t target_count, const uint32_t *component, uint32_t component_count,
                            const uint64_t *component_offsets, const uint32_t *component_targets,
                            const uint64_t *component_size, const uint64_t *object_size, const uint32_t *group,
                            uint32_t first_group, uint32_t group_count, uint64_t *group_size)
{
    int result = -1;
    Mask *masks = calloc((size_t)component_count + 1, sizeof *masks);
    Sums *sums = calloc(1, sizeof *sums);
    if (masks == NULL || sums == NULL || group_count > HEAPGRAPH_GROUPS_PER_PASS)
        goto done;
    memset(group_size, 0, group_count * sizeof *group_size);
    if (seed(object_count, offsets, targets, target_count, component, component_count, object_size, group, first_group,
             group_count, masks, group_size) < 0)
        goto done;
    for (uint32_t from = component_count; from-- > 0;) {
        const Mask mask = masks[from];
        if (mask_is_empty(&mask))
            continue;
        uint64_t end = component_offsets[from + 1];
        if (end > target_count)
            goto done;
        for (uint64_t i = component_offsets[from]; i < end; i++) {
            if (component_targets[i] >= from)
                goto done;
            Mask *to = &masks[component_targets[i]];
            for (int w = 0; w < WORDS; w++)
                to->word[w] |= mask.word[w];
        }
        sums_add(sums, &mask, component_size[from]);
    }
    sums_spread(sums, group_count, group_size);
    result = 0;
done:
    free(sums);
    free(masks);
    return result;
}
