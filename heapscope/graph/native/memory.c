#define _DEFAULT_SOURCE /* madvise */

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)1 << 21)

void *memory_for(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - HUGE_PAGE) / size)
        return NULL;
    size_t bytes = count * size;
    if (bytes < 2 * HUGE_PAGE)
        return malloc(bytes + 1); /* never NULL for nothing */
    size_t rounded = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, rounded);
#ifdef MADV_HUGEPAGE
    if (memory != NULL)
        (void)madvise(memory, rounded, MADV_HUGEPAGE); /* advice: nothing depends on it */
#endif
    return memory;
}

void *zeros_for(size_t count, size_t size)
{
    void *memory = memory_for(count, size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}
