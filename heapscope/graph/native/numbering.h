/* Ways from the roots numbered by their steps: what holders and shapes share. */
#ifndef HEAPGRAPH_NUMBERING_H
#define HEAPGRAPH_NUMBERING_H

#include "heapgraph.h"

/* order and parent are those of heapgraph_search. name NULL: every step has the name 0, no holder keeps a name or a first
   object, and of an object without a parent the kind is the object itself. */
typedef struct {
    const uint32_t *parent;
    const uint32_t *order;
    const uint32_t *name;
    const uint32_t *kind;
    uint32_t object_count;
    uint32_t order_count;
    uint32_t first_name; /* lower ones are those of positions */
    uint32_t limit;
    uint32_t root_count;
} NumberedWays;

/* As heapgraph_holders says. */
int number_ways(HeapgraphControl *control, const NumberedWays *ways, uint32_t *holder, const HeapgraphHolders *found,
                uint32_t *count);

#endif
