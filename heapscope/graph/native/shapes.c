/* Ways from the roots, numbered by the kinds of objects on them alone.

   dict ──► Registry ──► dict ──► Session     one shape, however many sessions there are
   Node ──► Node ──► Node ──► Node            the shape of the second one, however long the chain is */
#include "numbering.h"

#include <stddef.h>

int heapgraph_shapes(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent, const uint32_t *order,
                     uint32_t order_count, const uint32_t *kind, uint32_t shape_limit, uint32_t *shape,
                     uint32_t *shape_parent, uint32_t *shape_kind, uint32_t *shape_count)
{
    /* Steps without names repeat like those of positions: the first two times count. */
    NumberedWays ways = {parent, order, NULL, kind, object_count, order_count, 1, shape_limit, 0};
    HeapgraphHolders found = {shape_parent, NULL, shape_kind, NULL};
    return number_ways(control, &ways, shape, &found, shape_count);
}
