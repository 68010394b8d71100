#include "app/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

/* A terminal and a pipe can have room for a part of a line, although poll() says that they are writable: then
 * write() waits for the reader. */
static bool can_block(int fd)
{
    struct stat file;
    return fstat(fd, &file) == 0 && (S_ISFIFO(file.st_mode) || (S_ISCHR(file.st_mode) && isatty(fd) == 1));
}

void log_detach(int fd)
{
    char path[sizeof("/proc/self/fd/") + 10];
    if (!can_block(fd))
        return;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    (void)dup2(own, fd);
    (void)close(own);
}

void log_init(struct log *log, int fd, enum log_level level)
{
    int flags = can_block(fd) ? fcntl(fd, F_GETFL) : -1;
    bool blocks = flags >= 0 && (flags & O_NONBLOCK) == 0;
    log->fd = fd;
    log->shared_flags = blocks ? flags : -1;
    log->level = level;
    log->lost = 0;
    log->torn = false;
    log->rates.kinds = 0; /* its pages stay untouched */
    log->rates.holding = 0;
}

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

struct date {
    unsigned year;
    unsigned month;
    unsigned day;
};

/* Counts years from the first of March, so that the leap day is the last of its year; 400 years have 146097
 * days. gmtime_r() of the C library would read the file of the time zone. */
static struct date date_of(uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
    unsigned era_day = (unsigned)(days % 146097);
    unsigned era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    unsigned year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    unsigned march_month = (5 * year_day + 2) / 153;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = (unsigned)(days / 146097) * 400 + era_year + (month <= 2),
        .month = month,
        .day = year_day - (153 * march_month + 2) / 5 + 1,
    };
}

/* Writes time, level and component. */
static size_t write_prefix(char *line, size_t capacity, enum log_level level, const char *component)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seconds = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
    struct date date = date_of(seconds / 86400);
    unsigned second = (unsigned)(seconds % 86400);
    int len = snprintf(line, capacity, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ %-5s %-7s ", date.year,
                       date.month, date.day, second / 3600, second / 60 % 60, second % 60,
                       (unsigned)(now.tv_nsec / 1000000), level_names[level], component);
    assert(len > 0 && (size_t)len < capacity);
    return (size_t)len;
}

/* True if there is room for a part of the line at least. */
static bool writable(int fd)
{
    struct pollfd file = {.fd = fd, .events = POLLOUT};
    return poll(&file, 1, 0) == 1 && (file.revents & POLLOUT) != 0 &&
           (file.revents & (POLLERR | POLLHUP)) == 0;
}

/* O_NONBLOCK changes a shared file for all processes that have it open, so it is set only for a moment. */
static ssize_t write_now(const struct log *log, const char *line, size_t len)
{
    if (log->shared_flags >= 0 && fcntl(log->fd, F_SETFL, log->shared_flags | O_NONBLOCK) != 0)
        return -1;
    ssize_t written = write(log->fd, line, len);
    if (log->shared_flags >= 0)
        (void)fcntl(log->fd, F_SETFL, log->shared_flags);
    return written;
}

/* True if all of the line, whose last byte is a newline, was written. */
static bool put(struct log *log, const char *line, size_t len)
{
    if (!writable(log->fd))
        return false;
    /* On a socket that has room for a part of the line only, send() does not block. */
    ssize_t written = send(log->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK)
        written = write_now(log, line, len);
    if (written > 0)
        log->torn = (size_t)written < len;
    return written == (ssize_t)len;
}

/* Ends a line that was written in part and reports the lines that were lost. */
static bool recover(struct log *log)
{
    if (log->torn && !put(log, "\n", 1))
        return false;
    if (log->lost > 0) {
        char line[LOG_LINE_MAX];
        size_t len = write_prefix(line, sizeof(line), LOG_LEVEL_WARN, "log");
        int rest = snprintf(line + len, sizeof(line) - len,
                            "log lines were lost: the reader of the log is too slow count=%llu\n",
                            (unsigned long long)log->lost);
        if (!put(log, line, len + (size_t)rest))
            return false;
        log->lost = 0;
    }
    return true;
}

void log_line(struct log *log, enum log_level level, const char *component, struct span text)
{
    if (level > log->level)
        return;
    char line[LOG_LINE_MAX];
    size_t len = write_prefix(line, sizeof(line), level, component);
    for (size_t i = 0; i < text.len && len < sizeof(line) - 1; i++) {
        uint8_t byte = text.data[i];
        line[len++] = byte >= ' ' && byte <= '~' ? (char)byte : '?';
    }
    line[len++] = '\n';
    if (!recover(log) || !put(log, line, len))
        log->lost++;
}

/* `len` is what vsnprintf returned for the buffer of that size. */
static void put_text(struct log *log, enum log_level level, const char *component, char text[LOG_LINE_MAX],
                     int len, uint32_t left_out)
{
    assert(len >= 0);
    if (left_out > 0 && len < LOG_LINE_MAX)
        len += snprintf(text + len, (size_t)(LOG_LINE_MAX - len), " left_out=%u", (unsigned)left_out);
    log_line(log, level, component, span_of(text, (size_t)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX - 1)));
}

void log_recover(struct log *log)
{
    const struct log_kind *kind;
    uint32_t left_out;
    (void)recover(log);
    while (log->rates.holding > 0 &&
           (kind = log_rates_take(&log->rates, clock_now_ms(), &left_out)) != NULL) {
        char text[LOG_LINE_MAX];
        memcpy(text, kind->text, kind->len);
        put_text(log, (enum log_level)kind->level, kind->component, text, kind->len, left_out);
    }
}

void log_printf(struct log *log, enum log_level level, const char *component, const char *format, ...)
{
    struct log_kind *kind = log_rates_kind(&log->rates, format);
    char text[LOG_LINE_MAX];
    uint32_t left_out = 0;
    if (level > log->level)
        return;
    va_list arguments;
    va_start(arguments, format);
    if (level < LOG_LEVEL_DEBUG && !log_kind_admits(&log->rates, kind, clock_now_ms(), &left_out))
        log_kind_hold(&log->rates, kind, level, component,
                      vsnprintf(kind->text, sizeof(kind->text), format, arguments));
    else
        put_text(log, level, component, text, vsnprintf(text, sizeof(text), format, arguments), left_out);
    va_end(arguments);
}
