/* gateway ADDRESS PORT [DELAY_US]: a NAT-PMP gateway that grants every request, at once or after a delay. At
 * SIGUSR1 it prints how many datagrams it has received. */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "arguments.h"
#include "datagrams.h"
#include "natpmp_answer.h"

enum { RING = 16384, US = 1000, S = 1000000000 };

/* Answers that wait, in order, because the delay is the same for all. */
static struct datagram waiting[RING];
static uint64_t due_ns[RING];
static unsigned queued;
static unsigned sent;
static volatile sig_atomic_t tell;

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void on_signal(int number)
{
    (void)number;
    tell = 1;
}

/* Writes answers in place of the requests, and leaves out datagrams that get none. */
static unsigned answer(struct datagram *datagram, unsigned count)
{
    unsigned answers = 0;
    uint32_t epoch_s = (uint32_t)(now_ns() / S);
    for (unsigned i = 0; i < count; i++) {
        datagram[i].len = (uint16_t)natpmp_answer(datagram[i].bytes, datagram[i].len, epoch_s);
        if (i != answers)
            datagram[answers] = datagram[i];
        answers += datagram[i].len != 0;
    }
    return answers;
}

static void wait_for_work(int fd)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    uint64_t now = now_ns();
    uint64_t due = queued == sent ? 0 : due_ns[sent % RING];
    struct timespec rest = {0};
    if (due > now)
        rest = (struct timespec){.tv_sec = (time_t)((due - now) / S), .tv_nsec = (long)((due - now) % S)};
    (void)ppoll(&in, 1, queued == sent ? NULL : &rest, NULL);
}

static void send_due(int fd)
{
    uint64_t now = now_ns();
    for (; sent != queued && due_ns[sent % RING] <= now; sent++)
        (void)datagrams_send(fd, &waiting[sent % RING], 1);
}

int main(int argc, char **argv)
{
    static struct datagram datagram[BATCH_MAX];
    uint64_t requests = 0;
    if (argc < 3)
        errx(2, "usage: gateway ADDRESS PORT [DELAY_US]");
    int fd = datagrams_open(argv[1], argument_port(argv[2]), false);
    uint64_t delay_ns = argc > 3 ? argument_number(argv[3], UINT32_MAX) * US : 0;
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGUSR1, &action, NULL);
    for (;;) {
        wait_for_work(fd);
        if (tell) {
            tell = 0;
            (void)printf("requests %llu\n", (unsigned long long)requests);
            (void)fflush(stdout);
        }
        unsigned count = datagrams_receive(fd, datagram);
        requests += count;
        count = answer(datagram, count);
        if (delay_ns == 0)
            (void)datagrams_send(fd, datagram, count);
        for (unsigned i = 0; delay_ns != 0 && i < count && queued - sent < RING; i++) {
            due_ns[queued % RING] = now_ns() + delay_ns;
            waiting[queued++ % RING] = datagram[i];
        }
        send_due(fd);
    }
}
