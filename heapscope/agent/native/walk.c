/* The walk: every object on the collector's lists, and everything that is reached from there and from the roots, once.
 *
 * Runs in the frozen clone, with the GIL held and alone. Memory: two bits per 16 bytes of heap, a stack of bounded size, a buffer.
 * An object that the collector tracks waits for its place on the lists; the stack holds the others. When the stack is full an
 * object stays marked but not done, and the sweep over the marks finds it.
 */
#include "heapwalk.h"
#include "seen.h"

enum { STACK_LIMIT = 1 << 16, STACK_RESERVE = 1 << 12, SCRATCH_LIMIT = 1 << 16, IMMORTAL_FROM = 1 << 30 };
enum { COMMAND_DESCRIPTOR = 0, OTHER_ENDS_FIRST = 1, OTHER_ENDS_LAST = 2, PROTOCOL_VERSION = 2, MAX_OPTIONS = 64 << 20 };

struct Walk walk;

static Object stack[STACK_LIMIT + STACK_RESERVE];
static u64 stack_size;
static Object scratch[SCRATCH_LIMIT];
static u64 scratch_size;
static struct Current {
    struct Plan *plan;
    Object object;
    struct Row *row;
    u64 refcount;
    const u64 *seed;
    int is_sent;
} current;

static void send_atom(struct Plan *plan, Object object, unsigned generation);
static void meet(Object object, int may_send);

/* ---- meeting objects ---- */

static void push(Object object)
{
    u64 limit = object & 15 ? STACK_LIMIT + STACK_RESERVE : STACK_LIMIT; /* the sweep cannot tell an odd address */
    if (stack_size < limit)
        stack[stack_size++] = object;
}

/* The plan of a type; with it the type itself is met, for an object need not refer to its type. */
static struct Plan *plan_met(Object type)
{
    struct Plan *plan = plan_of(type);
    if (plan != NULL && !plan->is_met) {
        plan->is_met = 1;
        meet(type, 0);
    }
    return plan;
}

/* Meet an object. ``may_send``: no row is open, so that one without references can go at once. */
static void meet(Object object, int may_send)
{
    struct Marks *marks = marks_of(object);
    u64 bit = mark_bit(object);
    if (marks == NULL || (marks->seen & bit))
        return;
    marks->seen |= bit;
    struct Plan *plan = plan_met(TYPE_OF_OBJECT(object));
    if (plan == NULL || walk.failure != NULL)
        return;
    if (plan->is_atom && may_send) {
        marks->done |= bit;
        send_atom(plan, object, GENERATION_NONE);
    } else if ((object & 15) != 0 || !is_gc_object(plan, object) || word_at(object, -16) == 0) {
        push(object); /* static objects lie at odd multiples of 8, and have no GC head whatever their type says */
    }
}

static int discover(Object object, void *unused)
{
    (void)unused;
    if (object != 0)
        meet(object, 1);
    return 0;
}

/* ---- one object ---- */

static void send_row(int has_references)
{
    if (!current.is_sent && current.plan->slots != 0) /* what was collected begins with them */
        current.row->fingerprint = slots_fingerprint(current.plan, current.object, scratch, scratch_size);
    if (!current.is_sent)
        stream_row(current.plan, current.object, current.refcount, current.row, has_references);
    current.is_sent = 1;
}

static void spill(void)
{
    send_row(1);
    stream_chunk(scratch, scratch_size, 1);
    for (u64 i = 0; i < scratch_size; i++)
        meet(scratch[i], 0);
    scratch_size = 0;
}

/* The attribute values of an instance come first, in the order of its shape; what tp_traverse shows of them again is left out.
 * Only where it shows them all: the same object may be an item or in a slot as well, and would be missed there. */
static struct {
    struct Attributes of;
    u64 next;
} expected;

static int take_expected(Object object)
{
    while (expected.next < expected.of.count) {
        Object value = word_at(expected.of.values, (long)(8 * expected.next));
        if (value == object) {
            expected.next++;
            return 1;
        }
        if (value != 0)
            return 0;
        expected.next++;
    }
    return 0;
}

static int collect(Object object, void *unused)
{
    (void)unused;
    if (object == 0)
        return 0;
    if (scratch_size == SCRATCH_LIMIT)
        spill();
    if (take_expected(object))
        return 0;
    __builtin_prefetch((const void *)object);
    walk.saw_type |= object == walk.current_type;
    scratch[scratch_size++] = object;
    return 0;
}

static Object looked_for;
static u8 is_shown;

static int look(Object object, void *unused)
{
    (void)unused;
    is_shown |= object == looked_for;
    return 0;
}

/* Whether tp_traverse shows the dict of an instance with inline values instead of the values: releases after 3.13.0 do. */
static int shows_dict(const struct Plan *plan, Object object, Object dict)
{
    looked_for = dict;
    is_shown = 0;
    if (dict != 0 && plan->traverse != NULL)
        plan->traverse(object, look, NULL);
    return is_shown;
}

/* Nobody but the host vouches for what frames hold. */
static void collect_seed(const u64 *seed)
{
    for (u64 i = 0; i < seed[SEED_COUNT]; i++)
        if (seed_of(seed[SEED_TARGETS + i]) != NULL || looks_like_object(seed[SEED_TARGETS + i]))
            collect(seed[SEED_TARGETS + i], NULL);
}

static void collect_edges(struct Plan *plan, Object object, const struct Row *row, const u64 *seed)
{
    walk.current_type = plan->type;
    walk.saw_type = 0;
    scratch_size = 0;
    if (seed != NULL && (seed[SEED_FLAGS] & SEED_REPLACES_EDGES)) {
        collect_seed(seed);
        return;
    }
    const struct Attributes *attributes = &row->attributes;
    for (u64 i = 0; i < attributes->used; i++) {
        u8 place = attributes->order[attribute_place(i, attributes->used)];
        if (place < attributes->count)
            collect(word_at(attributes->values, 8 * place), NULL);
    }
    int has_dict = shows_dict(plan, object, row->hidden);
    expected.of = has_dict ? (struct Attributes){0} : *attributes;
    expected.next = 0;
    edges_collect(plan, object, collect);
    expected.of.count = 0;
    if (plan->adds_type == 2) /* what subtype_traverse shows from 3.9 on, other traverse functions of heap types may not */
        plan->adds_type = plan->is_heap && !plan->is_type && !walk.saw_type;
    if (plan->adds_type)
        collect(plan->type, NULL);
    if (row->hidden != 0 && !has_dict)
        collect(row->hidden, NULL);
}

static u64 refcount_of(Object object)
{
    return walk.layout.minor < 14 ? word_at(object, 0) : half_at(object, 0);
}

/* Send the row at hand with its references, and meet what it refers to. */
static void finish(void)
{
    int was_spilled = current.is_sent;
    send_row(scratch_size > 0);
    if (scratch_size > 0 || was_spilled)
        stream_chunk(scratch, scratch_size, 0);
    for (u64 i = 0; i < scratch_size; i++)
        if (current.seed == NULL || seed_of(scratch[i]) == NULL) /* a frame that is no object is taken as a seed only */
            meet(scratch[i], 1);
}

static u64 list_flags(struct Plan *plan, Object object, unsigned generation)
{
    if (!is_gc_object(plan, object) || word_at(object, -16) == 0)
        return 0;
    if (generation == GENERATION_FROZEN)
        return ROW_TRACKED | ROW_FROZEN;
    return ROW_TRACKED | (generation < GENERATION_FROZEN ? (u64)generation << ROW_GENERATION_SHIFT : 0);
}

static void begin_row(struct Plan *plan, Object object, unsigned generation, u64 refcount, struct Row *row)
{
    size_row(plan, object, row);
    row->flags |= list_flags(plan, object, generation);
    row->flags |= refcount >= IMMORTAL_FROM ? ROW_IMMORTAL : 0;
    if (plan->is_text && !walk.is_census)
        names_add(object);
}

/* An object that refers to nothing, and is marked as sent. */
static void send_atom(struct Plan *plan, Object object, unsigned generation)
{
    struct Row row;
    row_clear(&row);
    u64 refcount = refcount_of(object);
    begin_row(plan, object, generation, refcount, &row);
    stream_row(plan, object, refcount, &row, 0);
}

static void take_object(Object object, unsigned generation)
{
    if (!done_mark(object))
        return;
    struct Plan *plan = plan_met(TYPE_OF_OBJECT(object));
    if (plan == NULL || walk.failure != NULL)
        return;
    if (plan->is_atom) {
        send_atom(plan, object, generation);
        return;
    }
    struct Row row;
    row_clear(&row);
    const u64 *seed = plan->is_frame ? seed_of(object) : NULL;
    u64 refcount = refcount_of(object);
    begin_row(plan, object, generation, refcount, &row);
    row.flags |= seed != NULL ? ROW_BOUNDARY : 0;
    if (plan->edges == EDGES_CODE && !walk.is_census)
        codes_add(object);
    if (plan->is_cache && !walk.is_census)
        caches_add(object);
    current = (struct Current){.plan = plan, .object = object, .row = &row, .refcount = refcount, .seed = seed};
    collect_edges(plan, object, &row, seed);
    if (plan->is_type && !walk.is_census)
        type_describe(object);
    finish();
}

static int drain(void)
{
    while (stack_size > 0 && walk.failure == NULL)
        take_object(stack[--stack_size], GENERATION_NONE);
    return walk.failure == NULL ? 0 : -1;
}

static int take_listed(Object object, unsigned generation)
{
    take_object(object, generation);
    return drain();
}

static int take_swept(Object object)
{
    if (looks_like_object(object))
        take_object(object, GENERATION_NONE);
    return drain();
}

/* A row for an executing frame that has no frame object; the size of its block is the thread's, not an object's. */
static int take_seed(const u64 *seed)
{
    struct Row row = {.length = NO_LENGTH, .flags = ROW_SYNTHETIC | ROW_BOUNDARY};
    if (!(seed[SEED_FLAGS] & SEED_SYNTHETIC)) {
        meet(seed[SEED_ADDRESS], 1);
        return drain();
    }
    struct Plan *plan = plan_met(seed[SEED_TYPE]);
    if (plan == NULL || !done_mark(seed[SEED_ADDRESS]))
        return 0;
    current = (struct Current){.plan = plan, .object = seed[SEED_ADDRESS], .row = &row, .refcount = 1, .seed = seed};
    scratch_size = 0;
    collect_seed(seed);
    finish();
    return drain();
}

static void sweep(void)
{
    while (walk.failure == NULL && seen_sweep(take_swept) > 0)
        ;
}

static void walk_heap(void)
{
    roots_find_interned();
    roots_start(discover);
    drain();
    seeds_each(take_seed);
    if (walk.failure == NULL)
        collector_each(take_listed);
    sweep();
    roots_scan(discover);
    drain();
    sweep();
    if (walk.failure == NULL && !seen_is_done(walk.modules))
        walk.failure = "the walk did not come to sys.modules";
}

/* ---- from the first message to the last ---- */

static void put_version(void)
{
    static char text[16];
    u64 size = 0;
    text[size++] = '3';
    for (int shift = 16; shift >= 8; shift -= 8) {
        unsigned part = (unsigned)(walk.options->hex_version >> shift & 255);
        text[size++] = '.';
        if (part >= 100)
            text[size++] = (char)('0' + part / 100);
        if (part >= 10)
            text[size++] = (char)('0' + part / 10 % 10);
        text[size++] = (char)('0' + part % 10);
    }
    put_text(text, size);
}

static void send_hello(void)
{
    put_dict(5);
    PUT_KEY("protocol");
    put_unsigned(PROTOCOL_VERSION);
    PUT_KEY("python_version");
    put_version();
    PUT_KEY("hexversion");
    put_unsigned(walk.options->hex_version);
    PUT_KEY("implementation");
    put_c_text("cpython");
    PUT_KEY("collector");
    put_c_text("native-clone");
    values_send(KIND_HELLO);
}

static void send_error(const char *code, const char *message)
{
    values_reset();
    put_dict(2);
    PUT_KEY("code");
    put_c_text(code);
    PUT_KEY("message");
    put_c_text(message);
    values_send(KIND_ERROR);
    machine_exit(0);
}

static void send_end(void)
{
    put_dict(6);
    PUT_KEY("objects");
    put_unsigned(walk.objects);
    PUT_KEY("references");
    put_unsigned(walk.references);
    PUT_KEY("types");
    put_unsigned(walk.types);
    PUT_KEY("roots");
    put_unsigned(walk.roots);
    PUT_KEY("warnings");
    put_list((u64)(!walk.layout.instances_known + (walk.strays != 0) + (walk.codes_left_out != 0)));
    if (walk.strays != 0)
        put_c_text("some references lead to what is no object of a known type: left out");
    if (!walk.layout.instances_known)
        put_c_text("instance layout could not be verified: states and hidden blocks of instances are unknown");
    if (walk.codes_left_out != 0)
        put_c_text("there is too much code: where some of it was written is unknown");
    PUT_KEY("coverage_attributed_bytes");
    put_unsigned(walk.small_bytes);
    values_send(KIND_END);
}

static void read_options(void)
{
    u64 size = 0;
    if (machine_read(COMMAND_DESCRIPTOR, &size, sizeof size) < 0 || size < sizeof(struct Options) || size > MAX_OPTIONS)
        machine_exit(1);
    u8 *data = machine_map(size);
    if (data == NULL || machine_read(COMMAND_DESCRIPTOR, data, size) < 0)
        machine_exit(1);
    const struct Options *options = walk.options = (const struct Options *)data;
    walk.is_census = (options->flags & OPTION_COUNTS) != 0;
    u64 words = (size - sizeof *options) / 8;
    const u64 parts[] = {options->symbol_count, 2 * options->range_count, 2 * options->root_range_count, options->seed_words};
    for (int i = 0; i < 4; i++) {
        if (parts[i] > words)
            machine_exit(1);
        words -= parts[i];
    }
    if (options->symbol_count != SYMBOL_COUNT)
        machine_exit(1);
    walk.ranges = options->symbol + options->symbol_count;
    walk.root_ranges = walk.ranges + 2 * options->range_count;
    walk.seeds = walk.root_ranges + 2 * options->root_range_count;
}

/* The host reads the names from here and sends their addresses in this order. */
__attribute__((visibility("default"))) const char heapwalk_symbols[] =
#define NAME(name) #name " "
    SYMBOLS(NAME)
#undef NAME
    ;

__attribute__((visibility("default"))) void heapwalk_run(void)
{
    read_options();
    for (int descriptor = OTHER_ENDS_FIRST; descriptor <= OTHER_ENDS_LAST; descriptor++)
        machine_close(descriptor);
    machine_alarm((unsigned)walk.options->alarm_s);
    machine_volunteer_for_oom();
    if (walk.options->deadline_ns != 0)
        walk.deadline = machine_now_ns() + walk.options->deadline_ns;
    stream_open();
    const char *fault = layout_open();
    if (fault == NULL)
        fault = collector_open();
    if (fault == NULL && seeds_open() < 0)
        fault = "the frames make no sense";
    if (fault != NULL)
        send_error("refused", fault);
    send_hello();
    walk_heap();
    if (walk.failure != NULL)
        send_error(c_text_is(walk.failure, "deadline") || c_text_is(walk.failure, "too-many-objects") ? walk.failure : "internal", walk.failure);
    stream_flush();
    if (walk.is_census) {
        counts_send();
    } else {
        types_flush(1);
        names_flush();
        codes_flush();
        tally_send();
        shapes_send();
        slots_send();
        caches_send();
        roots_send();
    }
    send_end();
    machine_exit(0);
}
