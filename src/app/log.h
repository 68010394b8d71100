/* Log lines: `2026-11-22T14:01:02.123Z info  router  message key=value ...`, one an event.
 *
 * Logging never blocks and never fails: a line that whoever reads the log does not take at once is lost, and
 * how many were lost is said with the next line that gets through. */
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
    bool torn; /* the last line was written in part, without its end */
};

void log_init(struct log *log, int fd, enum log_level level);
/* Anything but printable ASCII in `text` is shown as a question mark. */
void log_line(struct log *log, enum log_level level, const char *component, struct span text);
printf_(4, 5) void log_printf(struct log *log, enum log_level level, const char *component,
                              const char *format, ...);
