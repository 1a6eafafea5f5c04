/* What the kernels share: telling how far they are, and noticing that nobody waits for them any more. */
#ifndef HEAPGRAPH_CONTROL_H
#define HEAPGRAPH_CONTROL_H

#include "heapgraph.h"

/* Steps between two looks: at most some milliseconds, also where every step misses all caches. */
#define CONTROL_INTERVAL 0x4000

typedef struct {
    HeapgraphControl *control;
    uint32_t until_due;
} Steps;

static inline Steps steps_of(HeapgraphControl *control)
{
    return (Steps){control, CONTROL_INTERVAL};
}

/* Take one step; answer whether to give up. Asked in every loop over objects and over references, since one object may
   have most of the references of a heap. */
static inline int step(Steps *steps)
{
    if (--steps->until_due > 0)
        return 0;
    steps->until_due = CONTROL_INTERVAL;
    atomic_fetch_add_explicit(&steps->control->done, CONTROL_INTERVAL, memory_order_relaxed);
    return atomic_load_explicit(&steps->control->cancel, memory_order_relaxed) != 0;
}

/* Whether the references of an object lie inside of targets. */
static inline int has_range(const HeapgraphGraph *graph, uint32_t object)
{
    return graph->offsets[object] <= graph->offsets[object + 1] && graph->offsets[object + 1] <= graph->target_count;
}

/* Take the step to an object, whose references are looked at next: HEAPGRAPH_OK, or why to give up. */
static inline int take_object(const HeapgraphGraph *graph, Steps *steps, uint32_t object)
{
    if (step(steps))
        return HEAPGRAPH_CANCELLED;
    return has_range(graph, object) ? HEAPGRAPH_OK : HEAPGRAPH_FAILED;
}

/* Take the step to a reference, and give its target, which has to be below limit. */
static inline int take_reference(const HeapgraphGraph *graph, Steps *steps, uint64_t place, uint32_t limit,
                                 uint32_t *target)
{
    if (step(steps))
        return HEAPGRAPH_CANCELLED;
    *target = graph->targets[place];
    return *target < limit ? HEAPGRAPH_OK : HEAPGRAPH_FAILED;
}

#endif
