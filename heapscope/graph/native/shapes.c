/* Ways from the roots, numbered by the kinds of objects on them: a tree of kinds, whose nodes are called shapes.

   dict ──► Registry ──► dict ──► Session     one shape, however many sessions there are
   Node ──► Node ──► Node ──► Node            the shape of the second one, however long the chain is */
#include "control.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t *parent;
    uint32_t *kind;
    uint32_t count;
    uint32_t limit;
    uint32_t *slots; /* open addressing: shape numbers, HEAPGRAPH_NONE where free; a power of two of them */
    uint64_t mask;
} Shapes;

static int shapes_open(Shapes *shapes)
{
    uint64_t slot_count = 1024;
    while (slot_count < (uint64_t)shapes->limit * 2)
        slot_count *= 2;
    shapes->mask = slot_count - 1;
    shapes->slots = malloc(slot_count * sizeof *shapes->slots);
    if (shapes->slots == NULL)
        return HEAPGRAPH_FAILED;
    memset(shapes->slots, 0xFF, slot_count * sizeof *shapes->slots);
    return HEAPGRAPH_OK;
}

/* The shape of a kind after a shape (HEAPGRAPH_NONE: of a first object); otherwise if there is no room for it. */
static uint32_t shape_after(Shapes *shapes, uint32_t parent, uint32_t kind, uint32_t otherwise)
{
    uint64_t hash = ((uint64_t)parent << 32 | kind) * 0x9E3779B97F4A7C15u;
    uint64_t slot = (hash ^ hash >> 32) & shapes->mask;
    for (; shapes->slots[slot] != HEAPGRAPH_NONE; slot = (slot + 1) & shapes->mask) {
        uint32_t shape = shapes->slots[slot];
        if (shapes->parent[shape] == parent && shapes->kind[shape] == kind)
            return shape;
    }
    if (shapes->count == shapes->limit)
        return otherwise;
    shapes->parent[shapes->count] = parent;
    shapes->kind[shapes->count] = kind;
    shapes->slots[slot] = shapes->count;
    return shapes->count++;
}

static uint32_t above(const Shapes *shapes, uint32_t shape)
{
    return shape == HEAPGRAPH_NONE ? HEAPGRAPH_NONE : shapes->parent[shape];
}

/* Whether a shape is one of a kind; a first object is of none. */
static int is_of(const Shapes *shapes, uint32_t shape, uint32_t kind)
{
    return above(shapes, shape) != HEAPGRAPH_NONE && shapes->kind[shape] == kind;
}

static uint32_t extend(Shapes *shapes, uint32_t shape, uint32_t kind)
{
    uint32_t first = above(shapes, shape), second = above(shapes, first), third = above(shapes, second);
    if (is_of(shapes, shape, kind) && is_of(shapes, first, kind))
        return shape; /* k k, and k */
    if (is_of(shapes, first, kind) && is_of(shapes, third, kind) && is_of(shapes, second, shapes->kind[shape]))
        return first; /* k x k x, and k */
    return shape_after(shapes, shape, kind, shape);
}

int heapgraph_shapes(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent, const uint32_t *order,
                     uint32_t order_count, const uint32_t *kind, uint32_t shape_limit, uint32_t *shape,
                     uint32_t *shape_parent, uint32_t *shape_kind, uint32_t *shape_count)
{
    Steps steps = steps_of(control);
    Shapes shapes = {shape_parent, shape_kind, 0, shape_limit, NULL, 0};
    int result = HEAPGRAPH_FAILED;
    for (uint32_t object = 0; object < object_count; object++)
        shape[object] = HEAPGRAPH_NONE;
    if (shapes_open(&shapes) != HEAPGRAPH_OK)
        return HEAPGRAPH_FAILED;
    for (uint32_t i = 0; i < order_count; i++) {
        uint32_t object = order[i];
        if (step(&steps)) {
            result = HEAPGRAPH_CANCELLED;
            goto done;
        }
        if (object >= object_count)
            goto done;
        if (parent[object] == HEAPGRAPH_NONE) {
            shape[object] = shape_after(&shapes, HEAPGRAPH_NONE, object, HEAPGRAPH_NONE);
            if (shape[object] == HEAPGRAPH_NONE)
                goto done; /* every first object has a shape: the limit is too low */
            continue;
        }
        if (parent[object] >= object_count || shape[parent[object]] == HEAPGRAPH_NONE)
            goto done;
        shape[object] = extend(&shapes, shape[parent[object]], kind[object]);
    }
    *shape_count = shapes.count;
    result = HEAPGRAPH_OK;
done:
    free(shapes.slots);
    return result;
}
