/* One number per different way from the roots: a tree of steps, each of a name and a kind, whose nodes are called holders.

   Chains do not make a holder per link: a step that repeats leads back to a holder that is there already. */
#include "numbering.h"
#include "control.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

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

static uint32_t name_of(const Holders *holders, uint32_t holder)
{
    return holders->of.name == NULL ? 0 : holders->of.name[holder];
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
        if (holders->of.parent[found] == above && holders->of.kind[found] == kind && name_of(holders, found) == name)
            return found;
    }
    if (holders->count >= (above == HEAPGRAPH_NONE ? holders->room : holders->limit))
        return otherwise;
    holders->of.parent[holders->count] = above;
    holders->of.kind[holders->count] = kind;
    if (holders->of.name != NULL) {
        holders->of.name[holders->count] = name;
        holders->of.first[holders->count] = object;
    }
    holders->slots[slot] = holders->count;
    return holders->count++;
}

static uint32_t above(const Holders *holders, uint32_t holder)
{
    return holder == HEAPGRAPH_NONE ? HEAPGRAPH_NONE : holders->of.parent[holder];
}

/* Whether a holder is one of a name and a kind; a root is of none. */
static int is_of(const Holders *holders, uint32_t holder, uint32_t name, uint32_t kind)
{
    return above(holders, holder) != HEAPGRAPH_NONE && name_of(holders, holder) == name &&
           holders->of.kind[holder] == kind;
}

static uint32_t extend(Holders *holders, uint32_t holder, uint32_t name, uint32_t kind, uint32_t object)
{
    uint32_t second = above(holders, holder), third = above(holders, second), fourth = above(holders, third);
    int is_named = name >= holders->first_name;
    if (is_of(holders, holder, name, kind) && (is_named || is_of(holders, second, name, kind)))
        return holder; /* .next .next; [] [] [] */
    if (is_of(holders, second, name, kind) && third != HEAPGRAPH_NONE &&
        is_of(holders, third, name_of(holders, holder), holders->of.kind[holder]) &&
        (is_named || is_of(holders, fourth, name, kind)))
        return second; /* .nodes [] .nodes [] .nodes: the second [] again */
    return holder_after(holders, holder, name, kind, object, holder);
}

static int number_object(const NumberedWays *ways, Holders *holders, uint32_t object, uint32_t *holder)
{
    if (object >= ways->object_count)
        return HEAPGRAPH_FAILED;
    uint32_t parent = ways->parent[object], name = ways->name == NULL ? 0 : ways->name[object];
    if (parent == HEAPGRAPH_NONE) {
        uint32_t kind = ways->name == NULL ? object : ways->kind[object];
        holder[object] = holder_after(holders, HEAPGRAPH_NONE, name, kind, object, HEAPGRAPH_NONE);
        return holder[object] == HEAPGRAPH_NONE ? HEAPGRAPH_FAILED : HEAPGRAPH_OK; /* more roots than was said */
    }
    if (parent >= ways->object_count || holder[parent] == HEAPGRAPH_NONE)
        return HEAPGRAPH_FAILED;
    holder[object] = name == HEAPGRAPH_NONE ? holder[parent]
                                            : extend(holders, holder[parent], name, ways->kind[object], object);
    return HEAPGRAPH_OK;
}

int number_ways(HeapgraphControl *control, const NumberedWays *ways, uint32_t *holder, const HeapgraphHolders *found,
                uint32_t *count)
{
    Steps steps = steps_of(control);
    Holders holders = {*found, 0, ways->limit, ways->limit + ways->root_count, ways->first_name, NULL, 0};
    int result = HEAPGRAPH_OK;
    if (holders.room < ways->limit)
        return HEAPGRAPH_FAILED;
    memset(holder, 0xFF, (size_t)ways->object_count * sizeof *holder);
    if (holders_open(&holders) != HEAPGRAPH_OK)
        return HEAPGRAPH_FAILED;
    for (uint32_t i = 0; i < ways->order_count && result == HEAPGRAPH_OK; i++)
        result = step(&steps) ? HEAPGRAPH_CANCELLED : number_object(ways, &holders, ways->order[i], holder);
    *count = holders.count;
    free(holders.slots);
    return result;
}
