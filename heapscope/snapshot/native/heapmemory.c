/* Memory for columns that grow to gigabytes: moved page by page when it grows, never copied, never filled before use.

   Huge pages are not asked for: columns are written once and in order, and clearing 2 MiB at a time was measured to take
   two to three times as long as it saved. */
#define _GNU_SOURCE
#include "heapdecode.h"

#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; refused before */
#endif
#define PAGE ((uintptr_t)4096) /* or more: what is no page boundary is refused */
#define WORTH_ASKING ((size_t)1 << 15)

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

void heapmemory_touch(void *place, size_t size)
{
    uintptr_t start = ((uintptr_t)place + PAGE - 1) & ~(PAGE - 1);
    uintptr_t end = ((uintptr_t)place + size + PAGE - 1) & ~(PAGE - 1);
    if (size >= WORTH_ASKING && end > start)
        (void)madvise((void *)start, end - start, MADV_POPULATE_WRITE); /* advice: nothing depends on it */
}
