/* Who holds what, by name: at which place its holder refers to each object, and one number per different named way.

   .SESSIONS dict ──► [str key] Session ──► .user User     three holders, however many sessions there are
   .head Node ──► .next Node ──► .next Node                two, however long the chain is */
#include "control.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

int heapgraph_places(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *parent, uint32_t *place)
{
    Steps steps = steps_of(control);
    memset(place, 0xFF, (size_t)graph->object_count * sizeof *place);
    for (uint32_t holder = 0; holder < graph->object_count; holder++) {
        if (step(&steps))
            return HEAPGRAPH_CANCELLED;
        if (!has_range(graph, holder))
            return HEAPGRAPH_FAILED;
        uint64_t start = graph->offsets[holder], end = graph->offsets[holder + 1];
        for (uint64_t i = start; i < end; i++) {
            uint32_t held = graph->targets[i];
            if (step(&steps))
                return HEAPGRAPH_CANCELLED;
            if (held >= graph->object_count)
                return HEAPGRAPH_FAILED;
            if (parent[held] == holder && place[held] == HEAPGRAPH_NONE && i - start < HEAPGRAPH_NONE)
                place[held] = (uint32_t)(i - start);
        }
    }
    return HEAPGRAPH_OK;
}

typedef struct {
    HeapgraphHolders of;
    uint32_t count;
    uint32_t limit; /* of those that are no root */
    uint32_t room;
    uint32_t first_name;
    uint32_t *slots; /* open addressing: numbers of holders, HEAPGRAPH_NONE where free; a power of two of them */
    uint64_t mask;
} Holders;

static int holders_open(Holders *holders)
{
    uint64_t slot_count = 1024;
    while (slot_count < (uint64_t)holders->room * 2)
        slot_count *= 2;
    holders->mask = slot_count - 1;
    holders->slots = memory_for(slot_count, sizeof *holders->slots);
    if (holders->slots == NULL)
        return HEAPGRAPH_FAILED;
    memset(holders->slots, 0xFF, slot_count * sizeof *holders->slots);
    return HEAPGRAPH_OK;
}

/* The holder that a reference of a name to an object of a kind leads to; otherwise if there is no room for it. */
static uint32_t holder_after(Holders *holders, uint32_t above, uint32_t name, uint32_t kind, uint32_t object,
                             uint32_t otherwise)
{
    uint64_t hash = ((uint64_t)above << 32 | name) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 32 ^ kind) * 0xD6E8FEB86659FD93u;
    uint64_t slot = (hash ^ hash >> 32) & holders->mask;
    for (; holders->slots[slot] != HEAPGRAPH_NONE; slot = (slot + 1) & holders->mask) {
        uint32_t found = holders->slots[slot];
        if (holders->of.parent[found] == above && holders->of.name[found] == name && holders->of.kind[found] == kind)
            return found;
    }
    if (holders->count >= (above == HEAPGRAPH_NONE ? holders->room : holders->limit))
        return otherwise;
    holders->of.parent[holders->count] = above;
    holders->of.name[holders->count] = name;
    holders->of.kind[holders->count] = kind;
    holders->of.first[holders->count] = object;
    holders->slots[slot] = holders->count;
    return holders->count++;
}

static uint32_t above(const Holders *holders, uint32_t holder)
{
    return holder == HEAPGRAPH_NONE ? HEAPGRAPH_NONE : holders->of.parent[holder];
}

static int is_of(const Holders *holders, uint32_t holder, uint32_t name, uint32_t kind)
{
    return above(holders, holder) != HEAPGRAPH_NONE && holders->of.name[holder] == name &&
           holders->of.kind[holder] == kind;
}

static uint32_t extend(Holders *holders, uint32_t holder, uint32_t name, uint32_t kind, uint32_t object)
{
    uint32_t second = above(holders, holder), third = above(holders, second), fourth = above(holders, third);
    int is_named = name >= holders->first_name;
    if (is_of(holders, holder, name, kind) && (is_named || is_of(holders, second, name, kind)))
        return holder; /* .next .next; [] [] [] */
    if (is_of(holders, second, name, kind) && third != HEAPGRAPH_NONE &&
        is_of(holders, third, holders->of.name[holder], holders->of.kind[holder]) &&
        (is_named || is_of(holders, fourth, name, kind)))
        return second; /* .nodes [] .nodes [] .nodes: the second [] again */
    return holder_after(holders, holder, name, kind, object, holder);
}

int heapgraph_holders(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent, const uint32_t *order,
                      uint32_t order_count, const uint32_t *name, const uint32_t *kind, uint32_t first_name,
                      uint32_t limit, uint32_t root_count, uint32_t *holder, const HeapgraphHolders *found,
                      uint32_t *count)
{
    Steps steps = steps_of(control);
    Holders holders = {*found, 0, limit, limit + root_count, first_name, NULL, 0};
    int result = HEAPGRAPH_FAILED;
    if (holders.room < limit)
        return HEAPGRAPH_FAILED;
    memset(holder, 0xFF, (size_t)object_count * sizeof *holder);
    if (holders_open(&holders) != HEAPGRAPH_OK)
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
            holder[object] =
                holder_after(&holders, HEAPGRAPH_NONE, name[object], kind[object], object, HEAPGRAPH_NONE);
            if (holder[object] == HEAPGRAPH_NONE)
                goto done; /* every root has a holder: there are more than was said */
            continue;
        }
        if (parent[object] >= object_count || holder[parent[object]] == HEAPGRAPH_NONE)
            goto done;
        uint32_t from = holder[parent[object]];
        holder[object] =
            name[object] == HEAPGRAPH_NONE ? from : extend(&holders, from, name[object], kind[object], object);
    }
    *count = holders.count;
    result = HEAPGRAPH_OK;
done:
    free(holders.slots);
    return result;
}
