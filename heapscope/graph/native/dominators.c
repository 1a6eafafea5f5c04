/* Immediate dominators by semidominators (Georgiadis, Tarjan, Werneck: Finding Dominators in Practice, "SNCA", after
   Lengauer and Tarjan), with two changes.

   1. Numbers instead of objects. Nodes are numbered in the order of a depth-first walk, the root 0, and everything after
      the walk happens among numbers, so that neighbours of the walk are neighbours in memory. References that lead
      down (from a smaller to a larger number) only count with their smallest source, found in one sweep; only those
      that lead up or across need a list. Where a semidominator is the root already, no list is needed at all: that
      drops every reference to None, to static types, and to what the interpreter itself holds.
   2. The nearest common ancestor is found by jumping. A walk along immediate dominators is quadratic for a million
      objects under a list of a million links; with one jump pointer per node (Myers: An Applicative Random-Access
      Stack) it takes O(log n) steps.

   Time O((n + m) log n) at worst, linear in practice. Memory: 20 bytes per node beside the outputs, and 4 per reference
   that leads up or across, of which there may be 2**32. */
#include "control.h"
#include "memory.h"

#include <stdlib.h>

#define NOT_SEEN HEAPGRAPH_NONE
#define IS_TOP (HEAPGRAPH_NONE - 1) /* not seen, and only to be entered from the root */
#define AHEAD 4 /* rounds of a sweep between two looks ahead */
#define SOURCES_AHEAD 12
#define SHORT_LIST 8
#define LARGEST_NUMBER (HEAPGRAPH_NONE - 2)

typedef struct {
    uint32_t semi; /* number of its semidominator, as far as it is known */
    uint32_t end; /* of its list in sources, which begins where that of the number before ends */
} Target;

typedef struct {
    const HeapgraphGraph *graph;
    const HeapgraphRoots *roots;
    Steps steps;
    uint32_t *number; /* node -> number */
    uint32_t *node; /* number -> node */
    uint32_t count;
    uint32_t *up; /* number -> number before it in the walk; later -> its immediate dominator */
    uint32_t *taken; /* number -> references that the walk has taken so far */
    Target *targets; /* number -> what is known of the references to it */
    uint32_t *sources;
} Work;

/* ---- the walk ---- */

static uint32_t enter(Work *work, uint32_t node, uint32_t up)
{
    uint32_t number = work->count++;
    work->number[node] = number;
    work->node[number] = node;
    work->up[number] = up;
    work->taken[number] = 0;
    return number;
}

/* Ask for what the walk needs next of each target; it will not come to all of them at once, but to some. */
__attribute__((always_inline)) static inline void ask_for_targets(const Work *work, const uint32_t *targets,
                                                                  uint32_t count)
{
    for (uint32_t i = 0; i < count && i < SHORT_LIST; i++) {
        __builtin_prefetch(&work->number[targets[i]]);
        __builtin_prefetch(&work->graph->offsets[targets[i]]);
    }
}

/* Number all that is below an object just entered. There is no stack: up leads back. */
static int walk_from(Work *work, uint32_t start)
{
    const HeapgraphGraph *graph = work->graph;
    uint32_t current = start;
    for (;;) {
        uint32_t object = work->node[current];
        if (step(&work->steps))
            return HEAPGRAPH_CANCELLED;
        if (!has_range(graph, object) || graph->offsets[object + 1] - graph->offsets[object] > UINT32_MAX)
            return HEAPGRAPH_FAILED;
        const uint32_t *targets = graph->targets + graph->offsets[object];
        uint32_t end = (uint32_t)(graph->offsets[object + 1] - graph->offsets[object]);
        uint32_t i = work->taken[current];
        if (i == 0)
            ask_for_targets(work, targets, end);
        uint32_t found = HEAPGRAPH_NONE;
        while (i < end && found == HEAPGRAPH_NONE) {
            uint32_t target = targets[i++];
            if (step(&work->steps))
                return HEAPGRAPH_CANCELLED;
            if (target >= graph->object_count)
                return HEAPGRAPH_FAILED;
            if (work->number[target] == NOT_SEEN)
                found = target;
        }
        work->taken[current] = i;
        if (found != HEAPGRAPH_NONE)
            current = enter(work, found, current);
        else if (current == start)
            return HEAPGRAPH_OK;
        else
            current = work->up[current];
    }
}

static int mark_tops(Work *work)
{
    const HeapgraphRoots *roots = work->roots;
    for (uint32_t i = 0; i < roots->top_count; i++) {
        if (roots->tops[i] >= work->graph->object_count)
            return HEAPGRAPH_FAILED;
        work->number[roots->tops[i]] = IS_TOP;
    }
    return HEAPGRAPH_OK;
}

static int walk_tops(Work *work)
{
    const HeapgraphRoots *roots = work->roots;
    int result = HEAPGRAPH_OK;
    for (uint32_t i = 0; i < roots->top_count && result == HEAPGRAPH_OK; i++) {
        if (work->number[roots->tops[i]] != IS_TOP)
            continue; /* named twice */
        result = walk_from(work, enter(work, roots->tops[i], 0));
    }
    return result;
}

static int walk_groups(Work *work)
{
    const HeapgraphRoots *roots = work->roots;
    for (uint32_t g = 0; g < roots->group_count; g++) {
        uint32_t group = enter(work, work->graph->object_count + g, 0);
        if (roots->member_offsets[g] > roots->member_offsets[g + 1])
            return HEAPGRAPH_FAILED;
        for (uint64_t i = roots->member_offsets[g]; i < roots->member_offsets[g + 1]; i++) {
            if (roots->members[i] >= work->graph->object_count)
                return HEAPGRAPH_FAILED;
            if (work->number[roots->members[i]] != NOT_SEEN)
                continue;
            int result = walk_from(work, enter(work, roots->members[i], group));
            if (result != HEAPGRAPH_OK)
                return result;
        }
    }
    return HEAPGRAPH_OK;
}

static int walk(Work *work)
{
    uint32_t object_count = work->graph->object_count;
    uint32_t node_count = object_count + work->roots->group_count + 1;
    for (uint32_t node = 0; node < node_count; node++)
        work->number[node] = NOT_SEEN;
    enter(work, node_count - 1, 0);
    int result = mark_tops(work);
    if (result == HEAPGRAPH_OK)
        result = walk_tops(work);
    if (result == HEAPGRAPH_OK)
        result = walk_groups(work);
    return result;
}

/* ---- references among numbers ---- */

/* What leads down from the walk itself, and from the groups. */
static void start_semi(Work *work)
{
    const HeapgraphRoots *roots = work->roots;
    for (uint32_t number = 0; number < work->count; number++)
        work->targets[number] = (Target){work->up[number], 0};
    for (uint32_t g = 0; g < roots->group_count; g++) {
        uint32_t group = work->number[work->graph->object_count + g];
        for (uint64_t i = roots->member_offsets[g]; i < roots->member_offsets[g + 1]; i++) {
            uint32_t member = work->number[roots->members[i]];
            /* A member with a smaller number was reached past this group, and what leads there comes from the root. */
            uint32_t from = member < group ? 0 : group;
            if (work->targets[member].semi > from)
                work->targets[member].semi = from;
        }
    }
}

/* Everything that a sweep looks at lies somewhere else. It asks for each thing some rounds before it needs it: first for
   the place of an object's references, then for these, then for their numbers, then for what is known of those. Always inlined: gcc drops calls of functions that do nothing
   but prefetch. */
__attribute__((always_inline)) static inline void look_ahead(const Work *work, uint32_t from)
{
    const HeapgraphGraph *graph = work->graph;
    if (from + 4 * AHEAD >= work->count)
        return;
    uint32_t object = work->node[from + 4 * AHEAD];
    __builtin_prefetch(&graph->offsets[object]);
    object = work->node[from + 3 * AHEAD];
    if (object < graph->object_count)
        __builtin_prefetch(&graph->targets[graph->offsets[object]]);
    for (uint32_t rounds = 2; rounds > 0; rounds--) {
        object = work->node[from + rounds * AHEAD];
        if (object >= graph->object_count)
            continue;
        uint64_t start = graph->offsets[object], end = graph->offsets[object + 1];
        if (end - start > SHORT_LIST)
            end = start + SHORT_LIST;
        for (uint64_t i = start; i < end; i++) {
            if (rounds == 2)
                __builtin_prefetch(&work->number[graph->targets[i]]);
            else
                __builtin_prefetch(&work->targets[work->number[graph->targets[i]]]);
        }
    }
}

/* Take all references in the order of their sources. Without sources: note the smallest source of each target, and
   count the larger ones; with sources: list them. */
static int sweep(Work *work, uint32_t *sources)
{
    const HeapgraphGraph *graph = work->graph;
    for (uint32_t from = 1; from < work->count; from++) {
        uint32_t object = work->node[from];
        if (step(&work->steps))
            return HEAPGRAPH_CANCELLED;
        look_ahead(work, from);
        if (object >= graph->object_count)
            continue;
        for (uint64_t i = graph->offsets[object]; i < graph->offsets[object + 1]; i++) {
            uint32_t to = work->number[graph->targets[i]];
            Target *target = &work->targets[to];
            if (step(&work->steps))
                return HEAPGRAPH_CANCELLED;
            if (to == from || target->semi == 0)
                continue;
            if (to > from) {
                if (target->semi > from)
                    target->semi = from;
            } else {
                if (sources != NULL)
                    sources[target->end] = from;
                target->end++;
            }
        }
    }
    return HEAPGRAPH_OK;
}

static int list_sources(Work *work)
{
    int result = sweep(work, NULL);
    if (result != HEAPGRAPH_OK)
        return result;
    /* From counts to the start of each list, which becomes its end while it is filled. */
    uint64_t total = 0;
    for (uint32_t number = 0; number < work->count; number++) {
        uint32_t listed = work->targets[number].end;
        work->targets[number].end = (uint32_t)total;
        total += listed;
    }
    if (total > UINT32_MAX)
        return HEAPGRAPH_FAILED;
    work->sources = memory_for(total, sizeof *work->sources);
    if (work->sources == NULL)
        return HEAPGRAPH_FAILED;
    return sweep(work, work->sources);
}

/* ---- semidominators ---- */

typedef struct {
    uint32_t up; /* nearest ancestor in the walk that is not compressed away */
    uint32_t low; /* smallest semidominator from here up to, but not including, that ancestor */
} Link;

/* The smallest semidominator on the way from a number up to, but not including, its last ancestor that is at least
   first_linked, the way being shortened for the next time. */
static uint32_t lowest_above(Link *links, uint32_t *stack, uint32_t number, uint32_t first_linked, Steps *steps)
{
    uint32_t depth = 0;
    if (links[number].up < first_linked)
        return links[number].low;
    while (links[number].up >= first_linked) {
        stack[depth++] = number;
        number = links[number].up;
        steps->until_due -= steps->until_due > 1; /* seen by the caller's next step */
    }
    uint32_t up = links[number].up, low = links[number].low;
    while (depth > 0) {
        Link *link = &links[stack[--depth]];
        link->up = up;
        if (link->low > low)
            link->low = low;
        low = link->low;
    }
    return low;
}

/* The numbers of nodes are not needed any more: their place takes the stack. */
static int find_semidominators(Work *work, Link *links)
{
    uint32_t *stack = work->number;
    const uint32_t *sources = work->sources;
    for (uint32_t number = 0; number < work->count; number++)
        links[number].up = work->up[number];
    for (uint32_t number = work->count; number-- > 1;) {
        uint32_t semi = work->targets[number].semi;
        uint32_t start = work->targets[number - 1].end, end = work->targets[number].end;
        if (step(&work->steps))
            return HEAPGRAPH_CANCELLED;
        for (uint32_t i = end; i-- > start && semi > 0;) {
            if (step(&work->steps))
                return HEAPGRAPH_CANCELLED;
            if (i >= SOURCES_AHEAD)
                __builtin_prefetch(&links[sources[i - SOURCES_AHEAD]]);
            uint32_t low = lowest_above(links, stack, sources[i], number + 1, &work->steps);
            if (low < semi)
                semi = low;
        }
        work->targets[number].semi = semi;
        links[number].low = semi;
    }
    return HEAPGRAPH_OK;
}

/* ---- nearest common ancestors ---- */

typedef struct {
    uint32_t depth;
    uint32_t jump; /* an ancestor in the dominator tree */
} Jump;

static int find_dominators(Work *work, Jump *jumps)
{
    uint32_t *dominator = work->up;
    jumps[0] = (Jump){0, 0};
    for (uint32_t number = 1; number < work->count; number++) {
        uint32_t above = dominator[number], semi = work->targets[number].semi;
        if (step(&work->steps))
            return HEAPGRAPH_CANCELLED;
        while (above > semi)
            above = jumps[above].jump > semi ? jumps[above].jump : dominator[above];
        dominator[number] = above;
        Jump own = jumps[above], next = jumps[own.jump];
        uint32_t after_next = jumps[next.jump].depth;
        jumps[number].depth = own.depth + 1;
        jumps[number].jump = own.depth - next.depth == next.depth - after_next ? next.jump : above;
    }
    return HEAPGRAPH_OK;
}

static int solve(Work *work)
{
    int result = list_sources(work);
    if (result != HEAPGRAPH_OK)
        return result;
    /* One block for both steps: a link and a jump have the same size. */
    void *block = memory_for(work->count, sizeof(Link) > sizeof(Jump) ? sizeof(Link) : sizeof(Jump));
    if (block == NULL)
        return HEAPGRAPH_FAILED;
    result = find_semidominators(work, block);
    if (result == HEAPGRAPH_OK)
        result = find_dominators(work, block);
    free(block);
    return result;
}

int heapgraph_dominators(const HeapgraphGraph *graph, HeapgraphControl *control, const HeapgraphRoots *roots,
                         uint32_t *dominator, uint32_t *order, uint32_t *order_count)
{
    Work work = {.graph = graph, .roots = roots, .steps = steps_of(control), .number = dominator, .node = order};
    uint64_t node_count = (uint64_t)graph->object_count + roots->group_count + 1;
    int result = HEAPGRAPH_FAILED;
    if (node_count > LARGEST_NUMBER)
        return HEAPGRAPH_FAILED;
    work.up = memory_for(node_count, sizeof *work.up);
    work.taken = memory_for(node_count, sizeof *work.taken);
    if (work.up == NULL || work.taken == NULL)
        goto done;
    result = walk(&work);
    if (result != HEAPGRAPH_OK)
        goto done;
    free(work.taken);
    work.taken = NULL;
    work.targets = memory_for(work.count, sizeof *work.targets);
    if (work.targets == NULL) {
        result = HEAPGRAPH_FAILED;
        goto done;
    }
    start_semi(&work);
    result = solve(&work);
    if (result != HEAPGRAPH_OK)
        goto done;
    for (uint64_t node = 0; node < node_count; node++)
        dominator[node] = HEAPGRAPH_NONE;
    for (uint32_t number = 1; number < work.count; number++)
        dominator[order[number]] = order[work.up[number]];
    *order_count = work.count;
done:
    free(work.sources);
    free(work.targets);
    free(work.taken);
    free(work.up);
    return result;
}
