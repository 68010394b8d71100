#include "app/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void log_init(struct log *log, int fd, enum log_level level)
{
    *log = (struct log){.fd = fd, .level = level};
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "?";
}

/* Time, level and component. */
static size_t write_prefix(char *line, size_t capacity, enum log_level level, const char *component)
{
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, capacity, "%Y-%m-%dT%H:%M:%S", &utc);
    int rest = snprintf(line + len, capacity - len, ".%03ldZ %-5s %-7s ", now.tv_nsec / 1000000,
                        level_name(level), component);
    assert(rest > 0 && (size_t)rest < capacity - len);
    return len + (size_t)rest;
}

/* Whether a write would not block. The file may be shared with other processes (a terminal, a pipe of the
 * service manager), for whom O_NONBLOCK would change too: so ask instead. */
static bool writable(int fd)
{
    struct pollfd file = {.fd = fd, .events = POLLOUT};
    return poll(&file, 1, 0) == 1 && (file.revents & POLLOUT) != 0 &&
           (file.revents & (POLLERR | POLLHUP)) == 0;
}

/* True if the line, whose last byte is a newline, is out. */
static bool put(struct log *log, const char *line, size_t len)
{
    if (!writable(log->fd)) {
        return false;
    }
    /* A socket tells by itself whether it has room for all of it. */
    ssize_t written = send(log->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
        written = write(log->fd, line, len);
    }
    if (written > 0) {
        log->torn = (size_t)written < len;
    }
    return written == (ssize_t)len;
}

/* Makes up for what went wrong before. */
static bool recover(struct log *log)
{
    if (log->torn && !put(log, "\n", 1)) {
        return false;
    }
    if (log->lost > 0) {
        char line[LOG_LINE_MAX];
        size_t len = write_prefix(line, sizeof(line), LOG_LEVEL_WARN, "log");
        int rest = snprintf(line + len, sizeof(line) - len, "lines were lost count=%llu\n",
                            (unsigned long long)log->lost);
        if (!put(log, line, len + (size_t)rest)) {
            return false;
        }
        log->lost = 0;
    }
    return true;
}

void log_line(struct log *log, enum log_level level, const char *component, struct span text)
{
    if (level > log->level) {
        return;
    }
    char line[LOG_LINE_MAX];
    size_t len = write_prefix(line, sizeof(line), level, component);
    for (size_t i = 0; i < text.len && len < sizeof(line) - 1; i++) {
        uint8_t byte = text.data[i];
        line[len++] = byte >= ' ' && byte <= '~' ? (char)byte : '?';
    }
    line[len++] = '\n';
    if (!recover(log) || !put(log, line, len)) {
        log->lost++;
    }
}

void log_printf(struct log *log, enum log_level level, const char *component, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    if (level > log->level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(len >= 0);
    log_line(log, level, component,
             span_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}
