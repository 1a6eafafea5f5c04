/* Memory for arrays that are looked at in no order: in huge pages where the system has them, since most of the time of
   such a loop goes into finding the page. */
#ifndef HEAPGRAPH_MEMORY_H
#define HEAPGRAPH_MEMORY_H

#include <stddef.h>

/* Room for count things of size bytes each, aligned for anything; NULL if there is none. To be freed with free(). */
void *memory_for(size_t count, size_t size);

/* The same, filled with zeros. */
void *zeros_for(size_t count, size_t size);

#endif
