/* The kernel, without libc: system calls, and the few memory functions that a compiler may call.
 *
 * The walker runs in a clone of somebody else's process, which has one thread although its libc believes in more: any lock of
 * libc may be held for ever there.
 */
#ifndef HEAPWALK_MACHINE_H
#define HEAPWALK_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum {
    SYS_READ = 0,
    SYS_WRITE = 1,
    SYS_CLOSE = 3,
    SYS_MMAP = 9,
    SYS_MUNMAP = 11,
    SYS_ALARM = 37,
    SYS_CLOCK_GETTIME = 228,
    SYS_OPENAT = 257,
    SYS_MADVISE = 28,
    SYS_EXIT_GROUP = 231,
};
static inline long machine_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
enum {
    SYS_READ = 63,
    SYS_WRITE = 64,
    SYS_CLOSE = 57,
    SYS_MMAP = 222,
    SYS_MUNMAP = 215,
    SYS_ALARM = -1, /* aarch64 has setitimer only: the stub of that processor arms it */
    SYS_CLOCK_GETTIME = 113,
    SYS_OPENAT = 56,
    SYS_MADVISE = 233,
    SYS_EXIT_GROUP = 94,
};
static inline long machine_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}
#else
#error "add the system calls of this processor"
#endif

/* Fresh zeroed pages, or NULL. They cost memory only where they are touched. */
void *machine_map(size_t size);
void machine_unmap(void *memory, size_t size);

/* Write or read all of it; 0, or -1 when the other side is gone. */
int machine_write(int descriptor, const void *data, size_t size);
int machine_read(int descriptor, void *data, size_t size);

uint64_t machine_now_ns(void);
void machine_alarm(unsigned seconds);
void machine_close(int descriptor);
_Noreturn void machine_exit(int status);
/* Make the kernel kill this process first when memory runs out. */
void machine_volunteer_for_oom(void);

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);

/* Without a libc the compiler takes these for any functions, and calls them for a single word. */
#define memcpy __builtin_memcpy
#define memset __builtin_memset

#endif
