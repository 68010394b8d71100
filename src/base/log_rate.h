/* How often one kind of log line is written: LOG_BURST lines at once, then one in LOG_INTERVAL_S. The lines
 * in between are held: of each kind the last one is written when the kind has its turn again, with the number
 * of those that were left out. So the log ends with what is true, also if a thousand lines came before it.
 *
 * A kind is a static text: the format of the line, or a name that several formats share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct log_kind {
    const char *name;
    const char *component;
    uint64_t rested_ms; /* when the whole burst is available again */
    uint32_t held;      /* lines since the last one that was written; the last of them is in `text` */
    uint16_t len;
    uint8_t level;
    char text[LOG_HELD_MAX];
};

struct log_rates {
    struct log_kind kind[LOG_KINDS_MAX];
    unsigned kinds;
    unsigned holding; /* kinds with held lines */
};

/* At first, `kinds` and `holding` must be 0. When the table is full, the other kinds share its last entry. */
struct log_kind *log_rates_kind(struct log_rates *r, const char *name);
/* True: a line of this kind may be written now. *ret_left_out lines have been left out since the last one. */
bool log_kind_admits(struct log_rates *r, struct log_kind *kind, uint64_t now_ms, uint32_t *ret_left_out);
/* Holds a line; the caller has written its text, `len` bytes, to kind->text. */
void log_kind_hold(struct log_rates *r, struct log_kind *kind, unsigned level, const char *component,
                   int len);
/* Takes the next held line whose kind has its turn. NULL: none. *ret_left_out others have been left out. */
const struct log_kind *log_rates_take(struct log_rates *r, uint64_t now_ms, uint32_t *ret_left_out);
/* When log_rates_take has a line; UINT64_MAX: never. */
uint64_t log_rates_due_ms(const struct log_rates *r);
