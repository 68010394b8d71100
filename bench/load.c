/* load key=value ...: many NAT-PMP clients, each with an address of its own and one request at a time. Prints
 * one line of JSON.
 *
 *   to=ADDRESS:PORT the server        kind=map|delete|address
 *   clients=N       their number      mappings=N    of each client
 *   first=N         number of the first client
 *   outstanding=N   requests at once  ms=N          how long; 0: each mapping once
 *   lifetime=S      to request        cpu=PID       the process whose processor time is counted
 *
 * Every second round requests one second less, because a request that is equal to the last one of its mapping
 * would be a retransmission, and would need no gateway. The clients are 10.64.0.1 and up. An answer belongs
 * to the request of the address at which it arrives; an echo counts as an answer, too. */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "bytes.h"
#include "datagrams.h"
#include "histogram.h"

enum {
    CLIENTS_MAX = 8000,
    FIRST_CLIENT = 0x0A400001, /* 10.64.0.1 */
    FIRST_INTERNAL_PORT = 10000,
    FIRST_SUGGESTED_PORT = 1024,
    PORTS = 64000,
    LOST_MS = 3000,
    MS = 1000000,
    S = 1000000000,
};

struct client {
    uint64_t asked_ns; /* 0: nothing is outstanding */
    uint16_t internal_port;
};

static struct {
    struct sockaddr_in to;
    char kind;
    unsigned first;
    unsigned clients;
    unsigned mappings;
    unsigned outstanding;
    uint64_t ms;
    unsigned lifetime_s;
    unsigned cpu_pid;
} option = {.kind = 'm', .clients = 1, .mappings = 1, .outstanding = 1, .lifetime_s = 7200};

static struct client client[CLIENTS_MAX];
static struct histogram latency;
static uint64_t next_request; /* number of the next one: clients take turns, then their mappings */
static unsigned outstanding;
static uint64_t lost;
static uint64_t refused;
static uint64_t strange;
static uint64_t first_answer_ns;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        err(1, "clock");
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

/* The kernel's form of "processor time of that process". */
static uint64_t cpu_ns(void)
{
    return option.cpu_pid == 0 ? 0 : clock_ns((clockid_t)(~option.cpu_pid << 3 | 2));
}

/* ---- options ---- */

static void set_target(const char *text)
{
    char address[sizeof("255.255.255.255")] = "";
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(address))
        errx(2, "to=ADDRESS:PORT");
    memcpy(address, text, (size_t)(colon - text));
    option.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(argument_port(colon + 1))};
    if (inet_pton(AF_INET, address, &option.to.sin_addr) != 1)
        errx(2, "%s", text);
}

static void set_option(const char *word)
{
    const char *value;
    if ((value = argument_value(word, "to")) != NULL)
        set_target(value);
    else if ((value = argument_value(word, "kind")) != NULL)
        option.kind = value[0];
    else if ((value = argument_value(word, "first")) != NULL)
        option.first = (unsigned)argument_number(value, UINT16_MAX);
    else if ((value = argument_value(word, "clients")) != NULL)
        option.clients = (unsigned)argument_number(value, CLIENTS_MAX);
    else if ((value = argument_value(word, "mappings")) != NULL)
        option.mappings = (unsigned)argument_number(value, UINT16_MAX);
    else if ((value = argument_value(word, "outstanding")) != NULL)
        option.outstanding = (unsigned)argument_number(value, CLIENTS_MAX);
    else if ((value = argument_value(word, "ms")) != NULL)
        option.ms = argument_number(value, UINT32_MAX);
    else if ((value = argument_value(word, "lifetime")) != NULL)
        option.lifetime_s = (unsigned)argument_number(value, UINT16_MAX);
    else if ((value = argument_value(word, "cpu")) != NULL)
        option.cpu_pid = (unsigned)argument_number(value, INT32_MAX);
    else
        errx(2, "%s: no such key", word);
}

/* ---- requests and answers ---- */

/* Mappings 2n and 2n + 1 are UDP and TCP of one internal port. Each such pair suggests a port of its own. */
static void make_request(struct datagram *datagram, unsigned c, unsigned mapping, unsigned round)
{
    unsigned pair = mapping / 2;
    unsigned pairs = (option.mappings + 1) / 2;
    *datagram = (struct datagram){.peer = option.to, .local = FIRST_CLIENT + option.first + c, .len = 2};
    if (option.kind == 'a')
        return;
    datagram->len = 12;
    datagram->bytes[1] = 1 + mapping % 2;
    put16(datagram->bytes + 4, FIRST_INTERNAL_PORT + pair);
    if (option.kind == 'd')
        return;
    put16(datagram->bytes + 6, FIRST_SUGGESTED_PORT + ((option.first + c) * pairs + pair) % PORTS);
    put16(datagram->bytes + 10, option.lifetime_s - round % 2);
}

static bool all_begun(uint64_t end_ns)
{
    if (end_ns != 0)
        return clock_ns(CLOCK_MONOTONIC) >= end_ns;
    return next_request == (uint64_t)option.clients * option.mappings;
}

/* Skips a client that still waits for an answer; its turn comes later. */
static unsigned make_requests(struct datagram *datagram, uint64_t end_ns)
{
    unsigned count = 0;
    while (count < BATCH_MAX && outstanding < option.outstanding && !all_begun(end_ns)) {
        unsigned c = (unsigned)(next_request % option.clients);
        unsigned mapping = (unsigned)(next_request / option.clients % option.mappings);
        unsigned round = (unsigned)(next_request / option.clients / option.mappings);
        if (client[c].asked_ns != 0)
            break;
        next_request++;
        make_request(&datagram[count], c, mapping, round);
        client[c] =
            (struct client){.asked_ns = 1, .internal_port = (uint16_t)(FIRST_INTERNAL_PORT + mapping / 2)};
        count++;
        outstanding++;
    }
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < count; i++)
        client[datagram[i].local - FIRST_CLIENT - option.first].asked_ns = now_ns;
    return count;
}

static void take_answer(const struct datagram *datagram, uint64_t now_ns)
{
    unsigned c = datagram->local - FIRST_CLIENT - option.first;
    const uint8_t *bytes = datagram->bytes;
    bool echoed = datagram->len >= 2 && bytes[1] < 128;
    bool other_port = datagram->len == 16 && get16(bytes + 8) != client[c].internal_port;
    if (c >= option.clients || client[c].asked_ns == 0 || other_port) {
        strange++;
        return;
    }
    refused += !echoed && (bytes[2] != 0 || bytes[3] != 0);
    if (first_answer_ns == 0)
        first_answer_ns = now_ns;
    histogram_add(&latency, now_ns - client[c].asked_ns);
    client[c].asked_ns = 0;
    outstanding--;
}

static void give_up_lost(uint64_t now_ns)
{
    for (unsigned c = 0; c < option.clients; c++) {
        if (client[c].asked_ns == 0 || now_ns - client[c].asked_ns < (uint64_t)LOST_MS * MS)
            continue;
        client[c].asked_ns = 0;
        outstanding--;
        lost++;
    }
}

static void run(int fd, uint64_t end_ns)
{
    static struct datagram datagram[BATCH_MAX];
    struct pollfd in = {.fd = fd, .events = POLLIN};
    while (outstanding > 0 || !all_begun(end_ns)) {
        unsigned count = make_requests(datagram, end_ns);
        (void)datagrams_send(fd, datagram, count);
        if (count == BATCH_MAX)
            continue;
        bool silent = poll(&in, 1, LOST_MS / 10) == 0;
        uint64_t now_ns;
        do {
            count = datagrams_receive(fd, datagram);
            now_ns = clock_ns(CLOCK_MONOTONIC);
            for (unsigned i = 0; i < count; i++)
                take_answer(&datagram[i], now_ns);
        } while (count == BATCH_MAX);
        if (silent)
            give_up_lost(now_ns);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        set_option(argv[i]);
    if (option.clients == 0 || option.mappings == 0)
        errx(2, "at least one client with one mapping");
    int fd = datagrams_open("0.0.0.0", 0, true);
    uint64_t began_cpu_ns = cpu_ns();
    uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    run(fd, option.ms > 0 ? began_ns + option.ms * MS : 0);
    uint64_t took_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
    uint64_t took_cpu_ns = cpu_ns() - began_cpu_ns;
    return printf(
               "{\"answers\": %llu, \"lost\": %llu, \"refused\": %llu, \"strange\": %llu, \"seconds\": %.6f, "
               "\"cpu_seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
               "\"began_ns\": %llu, \"first_answer_ns\": %llu}\n",
               (unsigned long long)latency.count, (unsigned long long)lost, (unsigned long long)refused,
               (unsigned long long)strange, (double)took_ns / S, (double)took_cpu_ns / S,
               (double)histogram_at(&latency, 0.5) / 1000, (double)histogram_at(&latency, 0.99) / 1000,
               (double)histogram_at(&latency, 1) / 1000, (unsigned long long)began_ns,
               (unsigned long long)first_answer_ns) < 0;
}
