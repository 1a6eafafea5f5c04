/* Strongly connected components (Tarjan, without recursion), and the graph between them.

   Objects of one component reach the same. Their graph has no cycles and is numbered against the direction of its
   references:

       component:  3 ---> 2 ---> 0
                     \--> 1 --/^         references lead from higher to lower numbers

   Components are numbered in the order in which a depth-first walk leaves them, so most references lead to a near place
   in memory. */
#include "control.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

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
            return HEAPGRAPH_FAILED;
        walk->frames = frames;
        walk->capacity = (uint32_t)capacity;
    }
    walk->low[object] = ++walk->visits;
    walk->frames[walk->depth].object = object;
    walk->frames[walk->depth].next = next;
    walk->depth++;
    return HEAPGRAPH_OK;
}

/* Number the components of all that root reaches. An object is the first of its component exactly if no reference from
   below it lowered its number; its component is then all that is open with a number not less than its own. */
static int components_from(Walk *walk, Steps *steps, uint32_t root, const HeapgraphGraph *graph,
                           const uint8_t *boundary, uint8_t *lowered, uint32_t *component, uint32_t *order,
                           uint32_t *order_count, uint32_t *component_count)
{
    if (walk_enter(walk, root, graph->offsets[root]) < 0)
        return HEAPGRAPH_FAILED;
    while (walk->depth > 0) {
        Frame *frame = &walk->frames[walk->depth - 1];
        uint32_t object = frame->object;
        uint64_t end = graph->offsets[object + 1];
        if (step(steps))
            return HEAPGRAPH_CANCELLED;
        if (end > graph->target_count || frame->next > end)
            return HEAPGRAPH_FAILED;
        if (frame->next < end) {
            uint32_t target = graph->targets[frame->next++];
            if (target >= graph->object_count)
                return HEAPGRAPH_FAILED;
            if (boundary[target])
                continue;
            if (walk->low[target] == 0) {
                if (walk_enter(walk, target, graph->offsets[target]) < 0)
                    return HEAPGRAPH_FAILED;
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
    return HEAPGRAPH_OK;
}

int heapgraph_components(const HeapgraphGraph *graph, HeapgraphControl *control, const uint8_t *boundary,
                         uint32_t *component, uint32_t *order, uint32_t *order_count, uint32_t *component_count)
{
    Steps steps = steps_of(control);
    uint32_t object_count = graph->object_count;
    int result = HEAPGRAPH_FAILED;
    Walk walk = {0};
    uint8_t *lowered = zeros_for((size_t)object_count + 1, sizeof *lowered);
    walk.low = zeros_for((size_t)object_count + 1, sizeof *walk.low);
    walk.open = memory_for((size_t)object_count + 1, sizeof *walk.open);
    *order_count = 0;
    *component_count = 0;
    if (lowered == NULL || walk.low == NULL || walk.open == NULL || object_count >= HEAPGRAPH_NONE)
        goto done;
    for (uint32_t object = 0; object < object_count; object++)
        component[object] = HEAPGRAPH_NONE;
    result = HEAPGRAPH_OK;
    for (uint32_t object = 0; object < object_count && result == HEAPGRAPH_OK; object++)
        if (!boundary[object] && walk.low[object] == 0)
            result = components_from(&walk, &steps, object, graph, boundary, lowered, component, order, order_count,
                                     component_count);
done:
    free(walk.frames);
    free(walk.open);
    free(walk.low);
    free(lowered);
    return result;
}

/* ---- references between components ---- */

/* seen_from[t] == c + 1: the reference from component c to component t was written already. */
static int condense(const HeapgraphGraph *graph, Steps *steps, const uint32_t *component, const uint32_t *order,
                    uint32_t order_count, uint32_t component_count, uint32_t *seen_from, uint64_t *component_offsets,
                    uint32_t *component_targets)
{
    uint64_t written = 0;
    uint32_t next = 0;
    for (uint32_t from = 0; from < component_count; from++) {
        component_offsets[from] = written;
        for (; next < order_count && order[next] < graph->object_count && component[order[next]] == from; next++) {
            if (!has_range(graph, order[next]))
                return HEAPGRAPH_FAILED;
            for (uint64_t i = graph->offsets[order[next]]; i < graph->offsets[order[next] + 1]; i++) {
                uint32_t target;
                int fault = take_reference(graph, steps, i, graph->object_count, &target);
                if (fault)
                    return fault;
                uint32_t to = component[target];
                if (to == HEAPGRAPH_NONE || to == from)
                    continue;
                if (to > from)
                    return HEAPGRAPH_FAILED;
                if (seen_from[to] == from + 1)
                    continue;
                seen_from[to] = from + 1;
                component_targets[written++] = to;
            }
        }
    }
    component_offsets[component_count] = written;
    return next == order_count ? HEAPGRAPH_OK : HEAPGRAPH_FAILED;
}

int heapgraph_condense(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *component,
                       const uint32_t *order, uint32_t order_count, uint32_t component_count,
                       uint64_t *component_offsets, uint32_t *component_targets)
{
    Steps steps = steps_of(control);
    uint32_t *seen_from = zeros_for((size_t)component_count + 1, sizeof *seen_from);
    if (seen_from == NULL || order_count > graph->object_count) {
        free(seen_from);
        return HEAPGRAPH_FAILED;
    }
    int result = condense(graph, &steps, component, order, order_count, component_count, seen_from, component_offsets,
                          component_targets);
    free(seen_from);
    return result;
}

int heapgraph_covered(const HeapgraphGraph *components, HeapgraphControl *control, const uint8_t *wanted,
                      uint8_t *covered)
{
    Steps steps = steps_of(control);
    memset(covered, 0, components->object_count);
    for (uint32_t from = components->object_count; from-- > 0;) {
        if (step(&steps))
            return HEAPGRAPH_CANCELLED;
        if (!wanted[from] && !covered[from])
            continue;
        if (!has_range(components, from))
            return HEAPGRAPH_FAILED;
        for (uint64_t i = components->offsets[from]; i < components->offsets[from + 1]; i++) {
            uint32_t target;
            int fault = take_reference(components, &steps, i, from, &target);
            if (fault)
                return fault;
            covered[target] = 1;
        }
    }
    return HEAPGRAPH_OK;
}
