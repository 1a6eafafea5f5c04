/* What a set of objects reaches, for many sets at once.

   One sweep over the components, from the highest to the lowest, carries bit masks, one bit per group, along every
   reference exactly once: references lead from higher to lower numbers, so when a component's turn comes, its mask is
   complete. */
#include "control.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define WORDS (HEAPGRAPH_GROUPS_PER_PASS / 64)
#define BYTES (HEAPGRAPH_GROUPS_PER_PASS / 8)

typedef struct {
    uint64_t word[WORDS];
} Mask;

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

typedef struct {
    const uint32_t *of; /* per object */
    uint32_t first;
    uint32_t count;
} Groups;

/* Start the masks with the members of each group. A boundary has no component: it counts for its group alone, and what
   it refers to starts in its place. */
static int seed(const HeapgraphGraph *graph, Steps *steps, const uint32_t *component, uint32_t component_count,
                const uint64_t *object_size, const Groups *groups, Mask *masks, uint64_t *group_size)
{
    for (uint32_t object = 0; object < graph->object_count; object++) {
        uint32_t bit = groups->of[object] - groups->first; /* wraps to a large number below the first group */
        if (step(steps))
            return HEAPGRAPH_CANCELLED;
        if (bit >= groups->count)
            continue;
        uint64_t flag = (uint64_t)1 << (bit % 64);
        if (component[object] != HEAPGRAPH_NONE) {
            if (component[object] >= component_count)
                return HEAPGRAPH_FAILED;
            masks[component[object]].word[bit / 64] |= flag;
            continue;
        }
        group_size[bit] += object_size[object];
        if (!has_range(graph, object))
            return HEAPGRAPH_FAILED;
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t target;
            int fault = take_reference(graph, steps, i, graph->object_count, &target);
            if (fault)
                return fault;
            uint32_t to = component[target];
            if (to == HEAPGRAPH_NONE)
                continue;
            if (to >= component_count)
                return HEAPGRAPH_FAILED;
            masks[to].word[bit / 64] |= flag;
        }
    }
    return HEAPGRAPH_OK;
}

static int spread(const HeapgraphGraph *components, Steps *steps, const uint64_t *component_size, Mask *masks,
                  Sums *sums)
{
    for (uint32_t from = components->object_count; from-- > 0;) {
        const Mask mask = masks[from];
        if (step(steps))
            return HEAPGRAPH_CANCELLED;
        if (mask_is_empty(&mask))
            continue;
        if (!has_range(components, from))
            return HEAPGRAPH_FAILED;
        for (uint64_t i = components->offsets[from]; i < components->offsets[from + 1]; i++) {
            uint32_t target;
            int fault = take_reference(components, steps, i, from, &target);
            if (fault)
                return fault;
            Mask *to = &masks[target];
            for (int w = 0; w < WORDS; w++)
                to->word[w] |= mask.word[w];
        }
        sums_add(sums, &mask, component_size[from]);
    }
    return HEAPGRAPH_OK;
}

int heapgraph_closure_sizes(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *component,
                            const HeapgraphGraph *components, const uint64_t *component_size,
                            const uint64_t *object_size, const uint32_t *group, uint32_t first_group,
                            uint32_t group_count, uint64_t *group_size)
{
    Steps steps = steps_of(control);
    Groups groups = {group, first_group, group_count};
    int result = HEAPGRAPH_FAILED;
    Mask *masks = zeros_for((size_t)components->object_count + 1, sizeof *masks);
    Sums *sums = calloc(1, sizeof *sums);
    if (masks == NULL || sums == NULL || group_count > HEAPGRAPH_GROUPS_PER_PASS)
        goto done;
    memset(group_size, 0, group_count * sizeof *group_size);
    result = seed(graph, &steps, component, components->object_count, object_size, &groups, masks, group_size);
    if (result == HEAPGRAPH_OK)
        result = spread(components, &steps, component_size, masks, sums);
    if (result == HEAPGRAPH_OK)
        sums_spread(sums, group_count, group_size);
done:
    free(sums);
    free(masks);
    return result;
}
