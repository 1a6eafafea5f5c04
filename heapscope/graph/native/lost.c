/* What would no longer be reached without each of up to 63 sets.

   Every object has a mask: bit s is set once a way from the seeds to it is known that avoids set s, the last bit once
   any way is known. Masks only grow, so an object is looked at again when its own did; most get theirs at the first
   look, because most objects are reached without most sets. */
#include "control.h"
#include "memory.h"

#include <stdlib.h>

#define ANY_WAY ((uint64_t)1 << HEAPGRAPH_SETS_PER_PASS)

typedef struct {
    const uint32_t *set_of;
    uint32_t first_set;
    uint32_t set_count;
    uint64_t *masks;
    uint8_t *waiting;
    uint32_t *ring; /* first in, first out; no object waits twice, so object_count is room enough */
    uint32_t first;
    uint32_t count;
} Ways;

static uint64_t own_bit(const Ways *ways, uint32_t object)
{
    uint32_t set = ways->set_of[object] - ways->first_set; /* wraps to a large number below first_set */
    return set < ways->set_count ? (uint64_t)1 << set : 0;
}

static void add_ways(Ways *ways, uint32_t object_count, uint32_t object, uint64_t mask)
{
    if ((mask & ~ways->masks[object]) == 0)
        return;
    mask &= ~own_bit(ways, object) & ~ways->masks[object];
    if (mask == 0)
        return;
    ways->masks[object] |= mask;
    if (ways->waiting[object])
        return;
    ways->waiting[object] = 1;
    uint64_t place = (uint64_t)ways->first + ways->count++;
    ways->ring[place < object_count ? place : place - object_count] = object;
}

static int spread(const HeapgraphGraph *graph, Steps *steps, Ways *ways)
{
    while (ways->count > 0) {
        uint32_t object = ways->ring[ways->first];
        ways->first = ways->first + 1 < graph->object_count ? ways->first + 1 : 0;
        ways->count--;
        ways->waiting[object] = 0;
        uint64_t mask = ways->masks[object];
        int fault = take_object(graph, steps, object);
        if (fault)
            return fault;
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t target;
            if ((fault = take_reference(graph, steps, i, graph->object_count, &target)))
                return fault;
            add_ways(ways, graph->object_count, target, mask);
        }
    }
    return HEAPGRAPH_OK;
}

static void sum_lost(const Ways *ways, uint32_t object_count, const uint64_t *size, uint64_t *lost)
{
    uint64_t every_set = ((uint64_t)1 << ways->set_count) - 1;
    for (uint32_t set = 0; set < ways->set_count; set++)
        lost[set] = 0;
    for (uint32_t object = 0; object < object_count; object++) {
        if (!(ways->masks[object] & ANY_WAY))
            continue;
        uint64_t missing = ~ways->masks[object] & every_set;
        for (uint32_t set = 0; missing != 0; set++, missing >>= 1)
            if (missing & 1)
                lost[set] += size[object];
    }
}

int heapgraph_lost_without(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds,
                           uint32_t seed_count, const uint32_t *set_of, uint32_t first_set, uint32_t set_count,
                           const uint64_t *size, uint64_t *lost)
{
    Steps steps = steps_of(control);
    Ways ways = {set_of, first_set, set_count, NULL, NULL, NULL, 0, 0};
    size_t room = (size_t)graph->object_count + 1;
    int result = HEAPGRAPH_FAILED;
    ways.masks = zeros_for(room, sizeof *ways.masks);
    ways.waiting = calloc(room, sizeof *ways.waiting);
    ways.ring = memory_for(room, sizeof *ways.ring);
    if (ways.masks == NULL || ways.waiting == NULL || ways.ring == NULL || set_count > HEAPGRAPH_SETS_PER_PASS)
        goto done;
    for (uint32_t s = 0; s < seed_count; s++) {
        if (seeds[s] >= graph->object_count)
            goto done;
        add_ways(&ways, graph->object_count, seeds[s], ~(uint64_t)0);
    }
    result = spread(graph, &steps, &ways);
    if (result == HEAPGRAPH_OK)
        sum_lost(&ways, graph->object_count, size, lost);
done:
    free(ways.ring);
    free(ways.waiting);
    free(ways.masks);
    return result;
}
