/* Kernels over the references of a heap snapshot.

   References are in compressed form: those of object i are targets[offsets[i]] ... targets[offsets[i + 1] - 1].
   Every function answers one of HEAPGRAPH_OK, HEAPGRAPH_FAILED (memory ran out, or an index is out of bounds) and
   HEAPGRAPH_CANCELLED; unless it is OK, its outputs are undefined. No function keeps anything, writes outside of its
   outputs, or recurses: a chain may be as long as there are objects. */
#ifndef HEAPGRAPH_H
#define HEAPGRAPH_H

#include <stdatomic.h>
#include <stdint.h>

#define HEAPGRAPH_ABI 2
#define HEAPGRAPH_NONE UINT32_MAX
#define HEAPGRAPH_GROUPS_PER_PASS 256
#define HEAPGRAPH_SETS_PER_PASS 63

#define HEAPGRAPH_OK 0
#define HEAPGRAPH_FAILED (-1)
#define HEAPGRAPH_CANCELLED (-2)

#define HEAPGRAPH_API __attribute__((visibility("default")))

/* Shared with the caller's other threads while a kernel runs: they set cancel, the kernel counts done. */
typedef struct {
    _Atomic uint32_t cancel;
    uint32_t unused;
    _Atomic uint64_t done; /* steps: every function takes about one per object and one per reference */
} HeapgraphControl;

typedef struct {
    const uint64_t *offsets; /* object_count + 1 */
    const uint32_t *targets;
    uint64_t target_count;
    uint32_t object_count;
} HeapgraphGraph;

HEAPGRAPH_API int heapgraph_abi(void);

/* ---- references ---- */

/* Turn every reference around; sources are ascending in each list. With merge, parallel references count once.
   source_offsets has room for object_count + 1, sources for target_count. */
HEAPGRAPH_API int heapgraph_reverse(const HeapgraphGraph *graph, HeapgraphControl *control, int merge,
                                    uint64_t *source_offsets, uint32_t *sources);

/* Count the references to each object. skip[i] != 0 leaves out those of object i; skip may be NULL. */
HEAPGRAPH_API int heapgraph_in_degrees(const HeapgraphGraph *graph, HeapgraphControl *control, const uint8_t *skip,
                                       uint32_t *degrees);

/* ---- reachability ---- */

/* Mark all that the seeds reach without entering what is marked already; seeds that are marked are not entered either.
   marks[i] becomes 1. size may be NULL; else *total becomes the sum of size over what was marked now. */
HEAPGRAPH_API int heapgraph_reach(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds,
                                  uint32_t seed_count, const uint64_t *size, uint8_t *marks, uint64_t *total);

/* Breadth first: the same, with the way. order lists what is marked now, nearest first; parent[i] is the object before
   i, HEAPGRAPH_NONE for a seed; distance[i] is the number of references to it, plus first_distance. All three are only
   written for what is marked now. Earlier seeds win among equals.
   avoid_sources and avoid_targets are references to leave out, sorted by source. */
HEAPGRAPH_API int heapgraph_search(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds,
                                   uint32_t seed_count, const uint32_t *avoid_sources, const uint32_t *avoid_targets,
                                   uint32_t avoid_count, uint32_t first_distance, uint8_t *marks,
                                   uint32_t *parent, uint32_t *distance, uint32_t *order, uint32_t *order_count);

/* For up to HEAPGRAPH_SETS_PER_PASS sets of objects at once: what would no longer be reached without each set.

   set_of[i] is the set of object i, first_set ... first_set + set_count - 1; others take no part. lost[s] becomes the
   sum of size over all that the seeds reach but do not reach without set s, the set itself included. */
HEAPGRAPH_API int heapgraph_lost_without(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *seeds,
                                         uint32_t seed_count, const uint32_t *set_of, uint32_t first_set,
                                         uint32_t set_count, const uint64_t *size, uint64_t *lost);

/* ---- dominators ---- */

/* Dominators of a graph with one virtual root above everything. Nodes are the objects, then group_count groups, then
   the root: numbers object_count + group_count for the root, object_count + g for group g.

   The root refers to the tops, and to the groups; group g refers to members[member_offsets[g]] ...

   dominator[i] is the immediate dominator of node i, HEAPGRAPH_NONE if it is not reached and for the root; it has room
   for object_count + group_count + 1. order lists the nodes that are reached, dominators before what they dominate,
   the root first; it has the same room. */
typedef struct {
    const uint32_t *tops;
    const uint64_t *member_offsets; /* group_count + 1 */
    const uint32_t *members;
    uint32_t top_count;
    uint32_t group_count;
} HeapgraphRoots;

HEAPGRAPH_API int heapgraph_dominators(const HeapgraphGraph *graph, HeapgraphControl *control,
                                       const HeapgraphRoots *roots, uint32_t *dominator, uint32_t *order,
                                       uint32_t *order_count);

/* List what each node is the parent of, in ascending order. child_offsets has room for node_count + 1, children for
   node_count. parent[i] is HEAPGRAPH_NONE for a node without one. */
HEAPGRAPH_API int heapgraph_children(HeapgraphControl *control, uint32_t node_count, const uint32_t *parent,
                                     uint64_t *child_offsets, uint32_t *children);

/* Add to every node what is below it, in place: value[parent[i]] += value[i], from the end of order to its start.
   A parent of HEAPGRAPH_NONE takes nothing. */
HEAPGRAPH_API int heapgraph_accumulate(HeapgraphControl *control, uint32_t node_count, const uint32_t *parent,
                                       const uint32_t *order, uint32_t order_count, uint64_t *value);

/* Over a tree in compressed form: for each kind, the sum of value over the nodes that have no node of the same kind
   above them. kind[i] is kind_count or more for nodes that take no part. top[i] becomes 1 for the nodes summed. */
HEAPGRAPH_API int heapgraph_topmost(const HeapgraphGraph *tree, HeapgraphControl *control, uint32_t root,
                                    const uint32_t *kind, uint32_t kind_count, const uint64_t *value, uint8_t *top,
                                    uint64_t *sums);

/* ---- ways from the roots ---- */

/* Number the ways from the roots by the kinds of objects on them. order and parent are those of heapgraph_search.

   Objects without a parent have a shape each; others the shape of their parent, with their own kind after it. A part
   of one or two kinds that comes three times in a row counts twice, so that chains do not make a shape per link. Once
   there are shape_limit shapes, objects share that of their parent.
   shape_parent, shape_kind have room for shape_limit; shape_kind of a first object is the object itself. */
HEAPGRAPH_API int heapgraph_shapes(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent,
                                   const uint32_t *order, uint32_t order_count, const uint32_t *kind,
                                   uint32_t shape_limit, uint32_t *shape, uint32_t *shape_parent, uint32_t *shape_kind,
                                   uint32_t *shape_count);

/* ---- holders ---- */

/* Tell where in the list of its parent each object stands: place[i] is the first position at which parent[i] refers to
   i, HEAPGRAPH_NONE where it does not, or there is no parent. */
HEAPGRAPH_API int heapgraph_places(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *parent,
                                   uint32_t *place);

/* Holders form a forest: parent[h] < h, or HEAPGRAPH_NONE. name[h] and kind[h] say how one leads to the next, first[h]
   is the first object in it. Each has room for limit + root_count. */
typedef struct {
    uint32_t *parent;
    uint32_t *name;
    uint32_t *kind;
    uint32_t *first;
} HeapgraphHolders;

/* Number the ways from the roots by name and kind of every step. order and parent are those of heapgraph_search;
   name[i] is how the parent refers to object i (of one without a parent: why it is a root), kind[i] what it is.

   Objects whose name is HEAPGRAPH_NONE share the holder of their parent. Chains do not make a holder per link: a step that
   is the same as the one before, of a name from first_name on, is no new one; of lower names, which are those of
   positions, and of two steps in turn, the first two times count. Once there are limit holders, objects share that of
   their parent; the at most root_count objects without a parent have one nevertheless. */
HEAPGRAPH_API int heapgraph_holders(HeapgraphControl *control, uint32_t object_count, const uint32_t *parent,
                                    const uint32_t *order, uint32_t order_count, const uint32_t *name,
                                    const uint32_t *kind, uint32_t first_name, uint32_t limit, uint32_t root_count,
                                    uint32_t *holder, const HeapgraphHolders *found, uint32_t *count);

/* ---- components and closures ---- */

/* Strongly connected components of the objects that are no boundary, references to boundaries left out.

   component[i] is the number of the component of object i, HEAPGRAPH_NONE for a boundary. Numbers are given in such
   an order that references between components lead from a higher to a lower one. order lists the objects component
   by component, 0 first; it has room for object_count. */
HEAPGRAPH_API int heapgraph_components(const HeapgraphGraph *graph, HeapgraphControl *control, const uint8_t *boundary,
                                       uint32_t *component, uint32_t *order, uint32_t *order_count,
                                       uint32_t *component_count);

/* References between different components, each pair once, without those inside of a component.

   component_offsets has room for component_count + 1, component_targets for target_count. */
HEAPGRAPH_API int heapgraph_condense(const HeapgraphGraph *graph, HeapgraphControl *control, const uint32_t *component,
                                     const uint32_t *order, uint32_t order_count, uint32_t component_count,
                                     uint64_t *component_offsets, uint32_t *component_targets);

/* Tell the components that another one with wanted set leads to: covered[c] becomes 1 or 0. components is the condensed
   graph. */
HEAPGRAPH_API int heapgraph_covered(const HeapgraphGraph *components, HeapgraphControl *control, const uint8_t *wanted,
                                    uint8_t *covered);

/* For up to HEAPGRAPH_GROUPS_PER_PASS groups of objects: the size of all that each group reaches, each object once.

   components is the condensed graph. group[i] is the group of object i; those outside of first_group ... first_group +
   group_count - 1 take no part. A boundary counts for its own group only, and nothing but its own group goes on to what
   it refers to. */
HEAPGRAPH_API int heapgraph_closure_sizes(const HeapgraphGraph *graph, HeapgraphControl *control,
                                          const uint32_t *component, const HeapgraphGraph *components,
                                          const uint64_t *component_size, const uint64_t *object_size,
                                          const uint32_t *group, uint32_t first_group, uint32_t group_count,
                                          uint64_t *group_size);

#endif
