/* router ADDRESS PORT [delay=US] [foreign=N] [ours=N] [mappings=N]: a RouterOS API that answers at once, or
 * always after the same delay. It prints the time (CLOCK_MONOTONIC, ns) at which it gave the last byte of a
 * snapshot to the kernel. At SIGUSR1 it prints how many commands it has received and how many rules it
 * has. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "routeros_server.h"

enum { MARKS = 65536, US = 1000, S = 1000000000, LISTENER = ROUTEROS_CONNECTIONS_MAX };

/* The part of a connection's `out` up to `end` may be sent when its time has come. */
struct mark {
    uint64_t due_ns;
    size_t end;
    bool snapshot;
};

struct line {
    size_t sent;
    size_t marked;
    uint64_t snapshots;
    unsigned first_mark;
    unsigned marks;
    struct mark mark[MARKS];
};

static struct routeros_server server;
static struct line line[ROUTEROS_CONNECTIONS_MAX];
static struct pollfd in[ROUTEROS_CONNECTIONS_MAX + 1];
static uint64_t delay_ns;
static struct {
    unsigned foreign;
    unsigned ours;
    unsigned mappings;
} option = {.mappings = 1};
static volatile sig_atomic_t tell;

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void say(const char *what, uint64_t value)
{
    (void)printf("%s %llu\n", what, (unsigned long long)value);
    (void)fflush(stdout);
}

static void on_signal(int number)
{
    (void)number;
    tell = 1;
}

static int listener(const char *address, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &local.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0 || listen(fd, 8) != 0)
        err(1, "%s:%u", address, (unsigned)port);
    return fd;
}

/* ---- connections ---- */

static void hang_up(unsigned i)
{
    (void)close(in[i].fd);
    in[i].fd = -1;
    routeros_server_close(&server, i);
}

static void accept_one(void)
{
    const int on = 1;
    /* A router's buffers are smaller than this machine's, so that what it has sent is close to what was
     * read. */
    const int buffer = 65536;
    int fd = accept4(in[LISTENER].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    unsigned i = 0;
    while (i < ROUTEROS_CONNECTIONS_MAX && in[i].fd >= 0)
        i++;
    if (fd < 0 || i == ROUTEROS_CONNECTIONS_MAX) {
        warnx("a connection too many");
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    in[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    line[i].sent = line[i].marked = 0;
    line[i].marks = line[i].first_mark = 0;
    line[i].snapshots = 0;
    routeros_server_open(&server, i);
}

static void mark_new(void)
{
    for (unsigned i = 0; i < ROUTEROS_CONNECTIONS_MAX; i++) {
        struct line *l = &line[i];
        const struct routeros_connection *c = &server.connection[i];
        if (!c->open || l->marked == c->out_len)
            continue;
        if (l->marks == MARKS)
            errx(1, "too many answers wait");
        l->mark[(l->first_mark + l->marks++) % MARKS] = (struct mark){
            .due_ns = delay_ns == 0 ? 0 : now_ns() + delay_ns,
            .end = c->out_len,
            .snapshot = l->snapshots != c->snapshots,
        };
        l->snapshots = c->snapshots;
        l->marked = c->out_len;
    }
}

static void receive(unsigned i)
{
    static uint8_t bytes[65536];
    ssize_t len = recv(in[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len > 0) {
        routeros_server_take(&server, i, span_of(bytes, (size_t)len));
        mark_new();
    } else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
        hang_up(i);
    }
}

/* Sends what is due. True: the rest waits for room in the kernel. */
static bool send_due(unsigned i)
{
    struct line *l = &line[i];
    struct routeros_connection *c = &server.connection[i];
    uint64_t now = delay_ns == 0 ? 0 : now_ns();
    unsigned due = 0;
    while (due < l->marks && l->mark[(l->first_mark + due) % MARKS].due_ns <= now)
        due++;
    if (due == 0)
        return false;
    size_t end = l->mark[(l->first_mark + due - 1) % MARKS].end;
    ssize_t sent = send(in[i].fd, c->out + l->sent, end - l->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    l->sent += sent > 0 ? (size_t)sent : 0;
    for (; due > 0 && l->mark[l->first_mark].end <= l->sent; due--, l->marks--) {
        if (l->mark[l->first_mark].snapshot)
            say("snapshot_ns", now_ns());
        l->first_mark = (l->first_mark + 1) % MARKS;
    }
    if (l->sent == c->out_len)
        l->sent = l->marked = c->out_len = 0;
    return due > 0;
}

static void turn(void)
{
    uint64_t next_ns = UINT64_MAX;
    for (unsigned i = 0; i < ROUTEROS_CONNECTIONS_MAX; i++) {
        if (in[i].fd < 0)
            continue;
        in[i].events = send_due(i) ? POLLIN | POLLOUT : POLLIN;
        const struct mark *first = &line[i].mark[line[i].first_mark];
        if (line[i].marks > 0 && (in[i].events & POLLOUT) == 0 && first->due_ns < next_ns)
            next_ns = first->due_ns;
    }
    uint64_t now = now_ns();
    uint64_t rest_ns = next_ns == UINT64_MAX || next_ns < now ? 0 : next_ns - now;
    struct timespec rest = {.tv_sec = (time_t)(rest_ns / S), .tv_nsec = (long)(rest_ns % S)};
    if (ppoll(in, LISTENER + 1, next_ns == UINT64_MAX ? NULL : &rest, NULL) < 0)
        return;
    for (unsigned i = 0; i < ROUTEROS_CONNECTIONS_MAX; i++)
        if (in[i].fd >= 0 && (in[i].revents & ~POLLOUT) != 0)
            receive(i);
    if (in[LISTENER].revents != 0)
        accept_one();
}

static void set_option(const char *word)
{
    const char *value;
    if ((value = argument_value(word, "delay")) != NULL)
        delay_ns = argument_number(value, UINT32_MAX) * US;
    else if ((value = argument_value(word, "foreign")) != NULL)
        option.foreign = (unsigned)argument_number(value, ROUTEROS_RULES_MAX);
    else if ((value = argument_value(word, "ours")) != NULL)
        option.ours = (unsigned)argument_number(value, ROUTEROS_RULES_MAX);
    else if ((value = argument_value(word, "mappings")) != NULL)
        option.mappings = (unsigned)argument_number(value, UINT16_MAX);
    else
        errx(2, "%s: no such key", word);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        errx(2, "usage: router ADDRESS PORT [delay=US] [foreign=N] [ours=N] [mappings=N]");
    for (int i = 3; i < argc; i++)
        set_option(argv[i]);
    routeros_server_init(&server, option.foreign, option.ours, option.mappings);
    for (unsigned i = 0; i < ROUTEROS_CONNECTIONS_MAX; i++)
        in[i].fd = -1;
    in[LISTENER] = (struct pollfd){.fd = listener(argv[1], argument_port(argv[2])), .events = POLLIN};
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGUSR1, &action, NULL);
    for (;;) {
        turn();
        if (tell) {
            tell = 0;
            say("commands", server.commands);
            say("rules", server.rules);
        }
    }
}
