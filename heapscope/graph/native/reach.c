/* What the roots reach: at once, nearest first, and without each of many sets. */
#include "control.h"

#include <stdlib.h>

typedef struct {
    uint32_t *objects;
    uint32_t count;
    uint32_t capacity;
} Stack;

static int push(Stack *stack, uint32_t object)
{
    if (stack->count == stack->capacity) {
        size_t capacity = stack->capacity ? (size_t)stack->capacity * 2 : 4096;
        if (capacity > UINT32_MAX)
            capacity = UINT32_MAX; /* enough: no object is pushed twice */
        uint32_t *objects = realloc(stack->objects, capacity * sizeof *objects);
        if (objects == NULL)
            return HEAPGRAPH_FAILED;
        stack->objects = objects;
        stack->capacity = (uint32_t)capacity;
    }
    stack->objects[stack->count++] = object;
    return HEAPGRAPH_OK;
}

static int push_referents(const HeapgraphGraph *graph, Steps *steps, uint32_t object, uint8_t *marks, Stack *stack)
{
    int fault = take_object(graph, steps, object);
    if (fault)
        return fault;
    for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
        uint32_t target;
        if ((fault = take_reference(graph, steps, i, graph->object_count, &target)))
            return fault;
        if (marks[target])
            continue;
        marks[target] = 1;
        if (push(stack, target) < 0)
            return HEAPGRAPH_FAILED;
    }
    return HEAPGRAPH_OK;
}

int heapgraph_reach(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds, uint32_t seed_count,
                    const uint64_t *size, uint8_t *marks, uint64_t *total)
{
    Steps steps = steps_of(control);
    Stack stack = {0};
    int result = HEAPGRAPH_OK;
    *total = 0;
    for (uint32_t s = 0; s < seed_count && result == HEAPGRAPH_OK; s++) {
        if (seeds[s] >= graph->object_count) {
            result = HEAPGRAPH_FAILED;
            break;
        }
        if (marks[seeds[s]])
            continue;
        marks[seeds[s]] = 1;
        result = push(&stack, seeds[s]);
        while (result == HEAPGRAPH_OK && stack.count > 0) {
            uint32_t object = stack.objects[--stack.count];
            if (size != NULL)
                *total += size[object];
            result = push_referents(graph, &steps, object, marks, &stack);
        }
    }
    free(stack.objects);
    return result;
}

/* ---- breadth first ---- */

/* The references of one object that are to be left out: targets[0 ... count - 1]. */
typedef struct {
    const uint32_t *targets;
    uint32_t count;
} Avoided;

static Avoided avoided_of(uint32_t object, const uint32_t *sources, const uint32_t *targets, uint32_t count)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sources[middle] < object)
            low = middle + 1;
        else
            high = middle;
    }
    Avoided found = {targets + low, 0};
    while (low + found.count < count && sources[low + found.count] == object)
        found.count++;
    return found;
}

static int is_avoided(Avoided avoided, uint32_t target)
{
    for (uint32_t i = 0; i < avoided.count; i++)
        if (avoided.targets[i] == target)
            return 1;
    return 0;
}

int heapgraph_search(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds, uint32_t seed_count,
                     const uint32_t *avoid_sources, const uint32_t *avoid_targets, uint32_t avoid_count,
                     uint32_t first_distance, uint8_t *marks, uint32_t *parent, uint32_t *distance, uint32_t *order,
                     uint32_t *order_count)
{
    Steps steps = steps_of(control);
    uint32_t count = 0;
    for (uint32_t s = 0; s < seed_count; s++) {
        if (seeds[s] >= graph->object_count)
            return HEAPGRAPH_FAILED;
        if (marks[seeds[s]])
            continue;
        marks[seeds[s]] = 1;
        parent[seeds[s]] = HEAPGRAPH_NONE;
        distance[seeds[s]] = first_distance;
        order[count++] = seeds[s];
    }
    for (uint32_t next = 0; next < count; next++) {
        uint32_t object = order[next];
        Avoided avoided = {NULL, 0};
        int fault = take_object(graph, &steps, object);
        if (fault)
            return fault;
        if (avoid_count > 0)
            avoided = avoided_of(object, avoid_sources, avoid_targets, avoid_count);
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t target;
            if ((fault = take_reference(graph, &steps, i, graph->object_count, &target)))
                return fault;
            if (marks[target] || (avoided.count > 0 && is_avoided(avoided, target)))
                continue;
            marks[target] = 1;
            parent[target] = object;
            distance[target] = distance[object] + 1;
            order[count++] = target;
        }
    }
    *order_count = count;
    return HEAPGRAPH_OK;
}
