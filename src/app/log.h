/* Log lines: `2026-11-22T14:01:02.123Z info router message key=value ...`, one for each event.
 *
 * The core limits how often it repeats a kind of line; log_printf() does that for the lines of io and app, by
 * their format. Logging never blocks and never fails. A line that the reader of the log does not take at once
 * is lost. As soon as there is room again, a line says how many were lost. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"
#include "base/log_rate.h"
#include "base/span.h"
#include "core/event.h"

enum {
    /* Below PIPE_BUF: a pipe takes a line entirely or not at all. */
    LOG_LINE_MAX = 1024,
};

struct log {
    int fd;
    int shared_flags; /* not -1: a write waits if these flags of the file stay as they are */
    enum log_level level;
    uint64_t lost;
    bool torn; /* the last line was written in part, without its newline */
    struct log_rates rates;
};

/* Puts an open file of our own in the place of a terminal or pipe that other processes share, so that its
 * flags are ours. Does nothing if that is not possible. To be called before log_init(). */
void log_detach(int fd);
void log_init(struct log *log, int fd, enum log_level level);
/* Reports the lines that were lost, if there is room for that now, and writes the held lines that have their
 * turn. */
void log_recover(struct log *log);
/* Bytes of `text` that are not printable ASCII are written as question marks. */
void log_line(struct log *log, enum log_level level, const char *component, struct span text);
printf_(4, 5) void log_printf(struct log *log, enum log_level level, const char *component,
                              const char *format, ...);
