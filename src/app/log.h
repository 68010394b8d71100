/* Log lines: `2026-11-22T14:01:02.123Z info router message key=value ...`, one for each event.
 *
 * Logging never blocks and never fails. A line that the reader of the log does not take at once is lost, and
 * the next line that is written is preceded by the number of lost lines. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "core/event.h"

enum {
    /* Below PIPE_BUF: a pipe takes a line entirely or not at all. */
    LOG_LINE_MAX = 1024,
};

struct log {
    int fd;
    enum log_level level;
    uint64_t lost;
    bool torn; /* the last line was written in part, without its newline */
};

void log_init(struct log *log, int fd, enum log_level level);
/* Bytes of `text` that are not printable ASCII are written as question marks. */
void log_line(struct log *log, enum log_level level, const char *component, struct span text);
printf_(4, 5) void log_printf(struct log *log, enum log_level level, const char *component,
                              const char *format, ...);
