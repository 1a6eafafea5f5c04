/* Memory for columns that grow to gigabytes: moved page by page when it grows, never copied, never filled before use.

   Huge pages are not asked for: columns are written once and in order, and clearing 2 MiB at a time was measured to take
   two to three times as long as it saved. */
#define _GNU_SOURCE
#include "heapdecode.h"

#include <sys/mman.h>

void *heapmemory_resize(void *place, size_t old_size, size_t new_size)
{
    void *made = NULL;
    if (new_size == 0) {
        if (old_size > 0)
            munmap(place, old_size);
        return NULL;
    }
    if (old_size == 0)
        made = mmap(NULL, new_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else
        made = mremap(place, old_size, new_size, MREMAP_MAYMOVE);
    return made == MAP_FAILED ? NULL : made;
}
