/* A census: how many objects of each type there are and what they cost, and nothing of any single one.
 *
 * Takes the place of everything else between the first frame and the last. Frame: COUNTS in heapscope/wire/protocol.py.
 */
#include "heapwalk.h"

enum { ROWS_PER_NOTICE = 1 << 16, COUNTS_PER_FRAME = 1 << 12 };

static struct Plan *counted;

static void send_notice(void)
{
    put_dict(1);
    PUT_KEY("objects");
    put_unsigned(walk.objects);
    values_send(KIND_PROGRESS);
    stream_check_limits();
}

void count_row(struct Plan *plan, const struct Row *row)
{
    if (plan->counted.count++ == 0) {
        plan->next_counted = counted;
        counted = plan;
    }
    plan->counted.requested += row->shallow;
    plan->counted.allocated += row->allocated;
    if (++walk.objects % ROWS_PER_NOTICE == 0)
        send_notice();
}

void counts_send(void)
{
    static u8 name[12 * MAX_NAME + 16];
    u64 count = 0, hole = 0;
    for (const struct Plan *plan = counted; plan != NULL; plan = plan->next_counted) {
        if (count == 0) {
            put_list(0);
            hole = values_hole();
        }
        put_list(4);
        put_text((const char *)name, type_name(plan->type, name));
        put_unsigned(plan->counted.count);
        put_unsigned(plan->counted.requested);
        put_unsigned(plan->counted.allocated);
        values_fill(hole, ++count);
        if (count == COUNTS_PER_FRAME || values.size > values.limit / 2) {
            values_send(KIND_COUNTS);
            count = 0;
        }
    }
    if (count != 0)
        values_send(KIND_COUNTS);
}
