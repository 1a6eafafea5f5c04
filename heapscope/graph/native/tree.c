/* Sums over trees: dominator trees, and trees of ways from the roots. */
#include "control.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

int heapgraph_accumulate(HeapgraphControl *control, uint32_t node_count, const uint32_t *parent, const uint32_t *order,
                         uint32_t order_count, uint64_t *value)
{
    Steps steps = steps_of(control);
    for (uint32_t i = order_count; i-- > 0;) {
        uint32_t node = order[i];
        if (step(&steps))
            return HEAPGRAPH_CANCELLED;
        if (node >= node_count)
            return HEAPGRAPH_FAILED;
        if (parent[node] == HEAPGRAPH_NONE)
            continue;
        if (parent[node] >= node_count)
            return HEAPGRAPH_FAILED;
        value[parent[node]] += value[node];
    }
    return HEAPGRAPH_OK;
}

/* ---- topmost nodes of a kind ---- */

typedef struct {
    const HeapgraphGraph *tree;
    const uint32_t *kind;
    const uint64_t *value;
    uint32_t kind_count;
    uint32_t *open; /* per kind, how many nodes of it are above the current one, itself included */
    uint32_t *up;
    uint32_t *taken; /* children looked at so far */
    uint8_t *top;
    uint64_t *sums;
} Descent;

static void open_node(Descent *descent, uint32_t node)
{
    uint32_t kind = descent->kind[node];
    if (kind >= descent->kind_count)
        return;
    if (descent->open[kind]++ == 0) {
        descent->top[node] = 1;
        descent->sums[kind] += descent->value[node];
    }
}

static int descend(Descent *descent, Steps *steps, uint32_t root)
{
    const HeapgraphGraph *tree = descent->tree;
    uint32_t node = root;
    descent->up[root] = HEAPGRAPH_NONE;
    descent->taken[root] = 0;
    open_node(descent, root);
    while (node != HEAPGRAPH_NONE) {
        if (step(steps))
            return HEAPGRAPH_CANCELLED;
        if (!has_range(tree, node))
            return HEAPGRAPH_FAILED;
        uint64_t next = tree->offsets[node] + descent->taken[node];
        if (next == tree->offsets[node + 1]) {
            if (descent->kind[node] < descent->kind_count)
                descent->open[descent->kind[node]]--;
            node = descent->up[node];
            continue;
        }
        uint32_t child = tree->targets[next];
        if (child >= tree->object_count || descent->taken[child] != HEAPGRAPH_NONE)
            return HEAPGRAPH_FAILED; /* no tree */
        descent->taken[node]++;
        descent->up[child] = node;
        descent->taken[child] = 0;
        open_node(descent, child);
        node = child;
    }
    return HEAPGRAPH_OK;
}

int heapgraph_topmost(const HeapgraphGraph *tree, HeapgraphControl *control, uint32_t root, const uint32_t *kind,
                      uint32_t kind_count, const uint64_t *value, uint8_t *top, uint64_t *sums)
{
    Steps steps = steps_of(control);
    Descent descent = {tree, kind, value, kind_count, NULL, NULL, NULL, top, sums};
    size_t room = (size_t)tree->object_count + 1;
    int result = HEAPGRAPH_FAILED;
    descent.open = calloc((size_t)kind_count + 1, sizeof *descent.open);
    descent.up = memory_for(room, sizeof *descent.up);
    descent.taken = memory_for(room, sizeof *descent.taken);
    if (descent.open == NULL || descent.up == NULL || descent.taken == NULL || root >= tree->object_count)
        goto done;
    for (uint32_t node = 0; node < tree->object_count; node++)
        descent.taken[node] = HEAPGRAPH_NONE;
    memset(top, 0, tree->object_count);
    memset(sums, 0, kind_count * sizeof *sums);
    result = descend(&descent, &steps, root);
done:
    free(descent.taken);
    free(descent.up);
    free(descent.open);
    return result;
}
