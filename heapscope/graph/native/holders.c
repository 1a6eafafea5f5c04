/* Who holds what, by name: at which place its holder refers to each object, and one number per different named way.

   .SESSIONS dict ──► [str key] Session ──► .user User     three holders, however many sessions there are
   .head Node ──► .next Node ──► .next Node                two, however long the chain is */
#include "control.h"
#include "numbering.h"

#include <string.h>

int heapgraph_places(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *parent, uint32_t *place)
{
    Steps steps = steps_of(control);
    memset(place, 0xFF, (size_t)graph->object_count * sizeof *place);
    for (uint32_t holder = 0; holder < graph->object_count; holder++) {
        int fault = take_object(graph, &steps, holder);
        if (fault)
            return fault;
        uint64_t start = graph->offsets[holder], end = graph->offsets[holder + 1];
        for (uint64_t i = start; i < end; i++) {
            uint32_t held;
            if ((fault = take_reference(graph, &steps, i, graph->object_count, &held)))
                return fault;
            if (parent[held] == holder && place[held] == HEAPGRAPH_NONE && i - start < HEAPGRAPH_NONE)
                place[held] = (uint32_t)(i - start);
        }
    }
    return HEAPGRAPH_OK;
}

int heapgraph_holders(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent, const uint32_t *order,
                      uint32_t order_count, const uint32_t *name, const uint32_t *kind, uint32_t first_name,
                      uint32_t limit, uint32_t root_count, uint32_t *holder, const HeapgraphHolders *found,
                      uint32_t *count)
{
    NumberedWays ways = {parent, order, name, kind, object_count, order_count, first_name, limit, root_count};
    return number_ways(control, &ways, holder, found, count);
}
