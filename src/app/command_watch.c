/* double-natpmp watch */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/change_report.h"
#include "app/command.h"
#include "app/status_ask.h"
#include "app/watch.h"
#include "io/clock.h"

struct watch {
    struct health_name daemon;
    int feed;
    uint64_t next; /* the number of the next change that is not a part of what was printed */
    struct status_report report;
};

static const char *verdict_text(uint32_t verdict)
{
    switch ((enum feed_verdict)verdict) {
    case FEED_WELCOME:
        return NULL;
    case FEED_FULL:
        return "as many processes watch as may";
    case FEED_UNTRUSTED:
    case FEED_VERDICTS:
        break;
    }
    return status_why_not(-EPROTO);
}

/* Waits for the next message. False: the output is closed, or nothing came in time; -1: there is no limit. */
static bool wait_for_feed(const struct watch *w, int limit_ms)
{
    struct pollfd on[] = {{.fd = w->feed, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    int result;
    do {
        result = poll(on, ARRAY_LEN(on), limit_ms);
    } while (result < 0 && errno == EINTR);
    return result > 0 && on[0].revents != 0 && (on[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* Returns NULL, or why the daemon cannot be watched. */
static const char *begin(struct watch *w)
{
    struct watch_greeting greeting;
    struct health_name name = watch_name(&w->daemon);
    w->feed = feed_connect(name.text);
    if (w->feed < 0)
        return status_why_not(w->feed);
    if (!wait_for_feed(w, PROBE_WAIT_MS))
        return status_why_not(-EAGAIN);
    ssize_t len = recv(w->feed, &greeting, sizeof(greeting), 0);
    if (len < 0 || !watch_greeting_is_valid(&greeting, (size_t)len))
        return status_why_not(-EPROTO);
    return verdict_text(greeting.verdict);
}

/* What is, and from which change on it counts. */
static const char *print_state(struct watch *w)
{
    int result = status_ask(w->daemon.text, &w->report);
    if (result != 0)
        return status_why_not(result);
    w->next = w->report.head.proxy.notices;
    change_report_state(&w->report, stdout);
    return NULL;
}

static const char *print_change(struct watch *w, const struct change *change)
{
    uint64_t number = change->notice.number;
    if (number > w->next) {
        change_report_lost(number - w->next, time(NULL), stdout);
        return print_state(w);
    }
    if (number < w->next) /* it is a part of what was printed */
        return NULL;
    w->next++;
    change_report(&change->notice, (time_t)clock_unix_s(change->at_ms), false, stdout);
    return NULL;
}

/* Prints until the daemon ends (then it returns why) or nobody reads any more (NULL). */
static const char *follow(struct watch *w)
{
    const char *why = print_state(w);
    while (why == NULL && fflush(stdout) == 0 && wait_for_feed(w, -1)) {
        struct change change;
        ssize_t len = recv(w->feed, &change, sizeof(change), MSG_TRUNC);
        if (len == 0)
            return "the daemon has ended";
        if (len < 0 || !watch_change_is_valid(&change, (size_t)len))
            return status_why_not(-EPROTO);
        why = print_change(w, &change);
    }
    return why;
}

int command_watch(int count, char **arguments)
{
    static struct config config;
    static struct watch watch;
    struct config_error error;
    (void)arguments;
    if (count > 0) {
        (void)fputs("usage: double-natpmp watch\n", stderr);
        return EXIT_STATUS_USAGE;
    }
    bool good = config_parse_identity(&config, (const char *const *)environ, &error);
    config_wipe_environment(environ);
    if (!good) {
        (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
        return EXIT_STATUS_USAGE;
    }
    watch.daemon = health_name(config.instance, config.listen_address, config.listen_port);
    const char *why = begin(&watch);
    if (why == NULL)
        why = follow(&watch);
    if (why != NULL)
        (void)fprintf(stderr, "double-natpmp: cannot watch the daemon: %s\n", why);
    if (watch.feed >= 0)
        (void)close(watch.feed);
    free(watch.report.row);
    return EXIT_STATUS_FAILED;
}
