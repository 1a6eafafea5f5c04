/* Kernels over the references of a heap snapshot.

   References are in compressed form: those of object i are targets[offsets[i]] ... targets[offsets[i + 1] - 1].
   Every function answers 0, or -1 if memory ran out or an index is out of bounds; then its outputs are undefined.
   No function keeps anything, or writes outside of its outputs. */
#ifndef HEAPGRAPH_H
#define HEAPGRAPH_H

#include <stdint.h>

#define HEAPGRAPH_ABI 1
#define HEAPGRAPH_NONE UINT32_MAX
#define HEAPGRAPH_GROUPS_PER_PASS 256

#define HEAPGRAPH_API __attribute__((visibility("default")))

HEAPGRAPH_API int heapgraph_abi(void);

/* Strongly connected components of the objects that are no boundary, references to boundaries left out.

   component[i] is the number of the component of object i, HEAPGRAPH_NONE for a boundary. Numbers are given in such
   an order that references between components lead from a higher to a lower one. order lists the objects component
   by component, 0 first; it has room for object_count. */
HEAPGRAPH_API int heapgraph_components(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets,
                                       uint64_t target_count, const uint8_t *boundary, uint32_t *component,
                                       uint32_t *order, uint32_t *order_count, uint32_t *component_count);

/* References between different components, each pair once, without those inside of a component.

   component_offsets has room for component_count + 1, component_targets for target_count. */
HEAPGRAPH_API int heapgraph_condense(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets,
                                     uint64_t target_count, const uint32_t *component, const uint32_t *order,
                                     uint32_t order_count, uint32_t component_count, uint64_t *component_offsets,
                                     uint32_t *component_targets);

/* For up to HEAPGRAPH_GROUPS_PER_PASS groups of objects: the size of all that each group reaches, each object once.

   group[i] is the group of object i; those outside of first_group ... first_group + group_count - 1 take no part.
   A boundary counts for its own group only, and nothing but its own group goes on to what it refers to. */
HEAPGRAPH_API int heapgraph_closure_sizes(uint32_t object_count, const uint64_t *offsets, const uint32_t *targets,
                                          uint64_t target_count, const uint32_t *component, uint32_t component_count,
                                          const uint64_t *component_offsets, const uint32_t *component_targets,
                                          const uint64_t *component_size, const uint64_t *object_size,
                                          const uint32_t *group, uint32_t first_group, uint32_t group_count,
                                          uint64_t *group_size);

#endif
