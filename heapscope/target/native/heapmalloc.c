/* Walks what glibc's malloc keeps in the memory of another process, which stands still: chunks in address order, lists of fast chunks.
 *
 * Reads by system call and writes nothing there; believes no size: each must lead to another chunk of the same region, and every loop
 * is bounded.
 *
 *     chunk   u64 size of the chunk before (if that is free)   u64 size | 1 chunk before is in use | 2 mmapped | 4 of a thread's arena
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t u64;

enum { WINDOW = 1 << 18, PAGE = 4096, ALIGNMENT = 16, LEAST = 32, FENCE = 64, CHAIN = 8 };
enum { ABI = 2, DONE = 0, FULL = 1, BROKEN = 2, LATE = 3 };

struct Window {
    pid_t pid;
    int memory; /* descriptor of /proc/PID/mem, or -1 */
    u64 start, size;
    u64 words[WINDOW / 8];
};

struct Walk { /* kept by the caller; the walk goes on where it stopped */
    u64 at, end;
    u64 free_count; /* pairs (address, size) that were written this time */
    u64 used_count, used_bytes;
    u64 before, before_size; /* the chunk before, whose state the next header tells; 0: none */
    u64 deadline_ns; /* of the monotonic clock */
};

static int is_late(u64 deadline_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec > deadline_ns;
}

/* process_vm_readv pins the pages that it reads, and since Linux 5.19 a pinned page that a clone shares is copied first, also for
   reading: the clone would cost as much memory as was read. /proc/PID/mem does not pin. -1 where it may not be opened. */
static int open_memory(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_memory(int memory)
{
    if (memory >= 0)
        close(memory);
}

static u64 read_remote(pid_t pid, int memory, u64 address, void *into, u64 size)
{
    if (memory >= 0 && address < (u64)1 << 63) {
        ssize_t read = pread(memory, into, size, (off_t)address);
        return read < 0 ? 0 : (u64)read;
    }
    struct iovec ours = {into, size}, theirs = {(void *)(uintptr_t)address, size};
    ssize_t done = process_vm_readv(pid, &ours, 1, &theirs, 1, 0);
    return done < 0 ? 0 : (u64)done;
}

/* The word at an address, which is a multiple of 8. */
static int word_at(struct Window *window, u64 address, u64 end, u64 *value)
{
    if (address < window->start || address + 8 > window->start + window->size) {
        /* A jump over a large chunk: the next header may be far off again, and what lies between is of no interest. */
        u64 wanted = address - window->start < 2 * WINDOW ? WINDOW : PAGE;
        if (wanted > end - address)
            wanted = end - address;
        window->start = address;
        window->size = read_remote(window->pid, window->memory, address, window->words, wanted) & ~7ull;
        if (window->size < 8)
            return 0;
    }
    *value = window->words[(address - window->start) / 8];
    return 1;
}

static int is_size(u64 size, u64 room)
{
    return size >= LEAST && size % ALIGNMENT == 0 && size <= room;
}

static int add_free(u64 *pairs, u64 capacity, struct Walk *walk, u64 address, u64 size)
{
    if (walk->free_count >= capacity)
        return 0;
    pairs[2 * walk->free_count] = address;
    pairs[2 * walk->free_count + 1] = size;
    walk->free_count++;
    return 1;
}

EXPORT int heapmalloc_abi(void)
{
    return ABI;
}

static int walk_chunks(pid_t pid, int memory, struct Walk *walk, u64 *pairs, u64 capacity)
{
    struct Window window = {.pid = pid, .memory = memory};
    walk->free_count = 0;
    u64 seen = 0;
    while (walk->at + ALIGNMENT <= walk->end) {
        u64 head;
        if (seen != window.start && is_late(walk->deadline_ns)) /* each time that memory has been read */
            return LATE;
        seen = window.start;
        if (!word_at(&window, walk->at + 8, walk->end, &head))
            return BROKEN;
        u64 size = head & ~7ull, room = walk->end - walk->at;
        int is_fence = room <= FENCE && !is_size(size, room); /* marks the end of a heap of a thread's arena */
        if (!is_fence && (!is_size(size, room) || head & 2))
            return BROKEN;
        if (walk->before != 0) {
            if (head & 1) {
                walk->used_count++;
                walk->used_bytes += walk->before_size;
            } else if (!add_free(pairs, capacity, walk, walk->before, walk->before_size)) {
                return FULL;
            }
        }
        walk->before = is_fence ? 0 : walk->at;
        walk->before_size = size;
        walk->at += is_fence ? room : size;
    }
    if (walk->before != 0 && !add_free(pairs, capacity, walk, walk->before, walk->before_size))
        return FULL;
    walk->before = 0;
    return DONE;
}

/* Go through the chunks of a region. The last one, which ends with it, is free: the top, or the end of a heap that is full. */
EXPORT int heapmalloc_walk(pid_t pid, struct Walk *walk, u64 *pairs, u64 capacity)
{
    int memory = open_memory(pid);
    int result = walk_chunks(pid, memory, walk, pairs, capacity);
    close_memory(memory);
    return result;
}

static u64 find_chain(pid_t pid, int memory, u64 start, u64 end, u64 limit)
{
    struct Window window = {.pid = pid, .memory = memory}, chain = {.pid = pid, .memory = memory};
    for (u64 at = start; at + LEAST <= end && at < start + limit; at += ALIGNMENT) {
        u64 head, place = at;
        int links = 0;
        if (!word_at(&window, at + 8, end, &head))
            return 0;
        while (links < CHAIN && place < end && word_at(&chain, place + 8, end, &head) && !(head & 2) &&
               is_size(head & ~7ull, end - place)) {
            place += head & ~7ull;
            links++;
        }
        if (links == CHAIN || (links > 0 && place == end))
            return at;
    }
    return 0;
}

/* Find where chunks may begin again: the first place from which a few of them follow each other. 0: nowhere. */
EXPORT u64 heapmalloc_resume(pid_t pid, u64 start, u64 end, u64 limit)
{
    int memory = open_memory(pid);
    u64 found = find_chain(pid, memory, start, end, limit);
    close_memory(memory);
    return found;
}

/* Count the chunks of one list of fast chunks. ``is_mangled``: links are xored with their place (glibc 2.32 and newer). */
EXPORT u64 heapmalloc_list(pid_t pid, u64 first, u64 size, u64 limit, int is_mangled, int *is_whole)
{
    u64 count = 0, chunk[4];
    int memory = open_memory(pid);
    *is_whole = 0;
    for (u64 at = first; count < limit; count++) {
        if (at == 0) {
            *is_whole = 1;
            break;
        }
        if (at % ALIGNMENT != 0 || read_remote(pid, memory, at, chunk, sizeof chunk) != sizeof chunk || (chunk[1] & ~7ull) != size)
            break;
        at = is_mangled ? chunk[2] ^ (at + 16) >> 12 : chunk[2];
        if (at != 0 && is_mangled && at % ALIGNMENT != 0)
            break;
    }
    close_memory(memory);
    return count;
}
