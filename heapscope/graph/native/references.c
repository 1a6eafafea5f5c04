/* References turned around, and counted. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

/* Take the references in the order of their sources. With places NULL count the sources of each target, else place
   them: positions[t] is where the next source of t goes. With last, a target's last source so far, parallel references
   are left out. */
static int take_sources(const HeapgraphGraph *graph, Steps *steps, uint32_t *last, uint64_t *positions, uint32_t *places)
{
    for (uint32_t object = 0; last != NULL && object < graph->object_count; object++)
        last[object] = HEAPGRAPH_NONE;
    for (uint32_t object = 0; object < graph->object_count; object++) {
        int fault = take_object(graph, steps, object);
        if (fault)
            return fault;
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t target;
            if ((fault = take_reference(graph, steps, i, graph->object_count, &target)))
                return fault;
            if (last != NULL) {
                if (last[target] == object)
                    continue;
                last[target] = object;
            }
            if (places != NULL)
                places[positions[target]] = object;
            positions[target]++;
        }
    }
    return HEAPGRAPH_OK;
}

/* Turn the counts in offsets[t + 1] into the start of each list, which becomes its end, the start of the next one, while
   the list is filled. */
static void starts_from_counts(uint32_t object_count, uint64_t *offsets)
{
    uint64_t total = 0;
    for (uint32_t object = 0; object < object_count; object++) {
        uint64_t count = offsets[object + 1];
        offsets[object + 1] = total;
        total += count;
    }
}

int heapgraph_reverse(const HeapgraphGraph *graph, HeapgraphControl *control, int merge, uint64_t *source_offsets,
                      uint32_t *sources)
{
    Steps steps = steps_of(control);
    uint32_t *last = NULL;
    if (merge && (last = malloc(((size_t)graph->object_count + 1) * sizeof *last)) == NULL)
        return HEAPGRAPH_FAILED;
    memset(source_offsets, 0, ((size_t)graph->object_count + 1) * sizeof *source_offsets);
    int result = take_sources(graph, &steps, last, source_offsets + 1, NULL);
    if (result == HEAPGRAPH_OK) {
        starts_from_counts(graph->object_count, source_offsets);
        result = take_sources(graph, &steps, last, source_offsets + 1, sources);
    }
    free(last);
    return result;
}

int heapgraph_in_degrees(const HeapgraphGraph *graph, HeapgraphControl *control, const uint8_t *skip, uint32_t *degrees)
{
    Steps steps = steps_of(control);
    memset(degrees, 0, graph->object_count * sizeof *degrees);
    for (uint32_t object = 0; object < graph->object_count; object++) {
        int fault = take_object(graph, &steps, object);
        if (fault)
            return fault;
        if (skip != NULL && skip[object])
            continue;
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t target;
            if ((fault = take_reference(graph, &steps, i, graph->object_count, &target)))
                return fault;
            degrees[target]++;
        }
    }
    return HEAPGRAPH_OK;
}

int heapgraph_children(HeapgraphControl *control, uint32_t node_count, const uint32_t *parent, uint64_t *child_offsets,
                       uint32_t *children)
{
    Steps steps = steps_of(control);
    uint64_t *positions = child_offsets + 1;
    memset(child_offsets, 0, ((size_t)node_count + 1) * sizeof *child_offsets);
    for (uint32_t node = 0; node < node_count; node++) {
        if (step(&steps))
            return HEAPGRAPH_CANCELLED;
        if (parent[node] == HEAPGRAPH_NONE)
            continue;
        if (parent[node] >= node_count)
            return HEAPGRAPH_FAILED;
        positions[parent[node]]++;
    }
    starts_from_counts(node_count, child_offsets);
    for (uint32_t node = 0; node < node_count; node++) {
        if (step(&steps))
            return HEAPGRAPH_CANCELLED;
        if (parent[node] != HEAPGRAPH_NONE)
            children[positions[parent[node]]++] = node;
    }
    return HEAPGRAPH_OK;
}
