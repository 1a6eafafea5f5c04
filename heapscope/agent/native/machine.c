#include "machine.h"

enum { PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22, MAP_NORESERVE = 0x4000, CLOCK_MONOTONIC = 1 };
enum { EINTR = 4, AT_FDCWD = -100, O_WRONLY = 1, MADV_NOHUGEPAGE = 15 };

void *machine_map(size_t size)
{
    long result = machine_call(SYS_MMAP, 0, (long)size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (result < 0 && result > -4096)
        return NULL;
    /* A huge page would cost 2 MiB where one byte is touched. */
    machine_call(SYS_MADVISE, result, (long)size, MADV_NOHUGEPAGE, 0, 0, 0);
    return (void *)result;
}

void machine_unmap(void *memory, size_t size)
{
    machine_call(SYS_MUNMAP, (long)memory, (long)size, 0, 0, 0, 0);
}

/* Have a system call take or fill all of a buffer, however often it stops before the end. */
static int transfer(long number, int descriptor, uintptr_t position, size_t size)
{
    while (size > 0) {
        long done = machine_call(number, descriptor, (long)position, (long)size, 0, 0, 0);
        if (done == -EINTR)
            continue;
        if (done <= 0)
            return -1;
        position += (size_t)done;
        size -= (size_t)done;
    }
    return 0;
}

int machine_write(int descriptor, const void *data, size_t size)
{
    return transfer(SYS_WRITE, descriptor, (uintptr_t)data, size);
}

int machine_read(int descriptor, void *data, size_t size)
{
    return transfer(SYS_READ, descriptor, (uintptr_t)data, size);
}

uint64_t machine_now_ns(void)
{
    int64_t time[2] = {0, 0};
    machine_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)time, 0, 0, 0, 0);
    return (uint64_t)time[0] * 1000000000u + (uint64_t)time[1];
}

void machine_alarm(unsigned seconds)
{
    if (SYS_ALARM >= 0)
        machine_call(SYS_ALARM, seconds, 0, 0, 0, 0, 0);
}

void machine_close(int descriptor)
{
    machine_call(SYS_CLOSE, descriptor, 0, 0, 0, 0, 0);
}

_Noreturn void machine_exit(int status)
{
    for (;;)
        machine_call(SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

void machine_volunteer_for_oom(void)
{
    static const char path[] = "/proc/self/oom_score_adj";
    static const char value[] = "1000";
    long descriptor = machine_call(SYS_OPENAT, AT_FDCWD, (long)path, O_WRONLY, 0, 0, 0);
    if (descriptor < 0)
        return;
    machine_write((int)descriptor, value, sizeof value - 1);
    machine_close((int)descriptor);
}

#undef memcpy
#undef memset

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    for (size_t i = 0; i < size; i++)
        target[i] = source[i];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *target = to;
    for (size_t i = 0; i < size; i++)
        target[i] = (unsigned char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left;
    const unsigned char *b = right;
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}
