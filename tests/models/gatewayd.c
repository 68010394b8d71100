/* The gateway model behind a real socket, its leases as rules of nftables: ProtonVPN's NAT-PMP for the lab,
 * which no server in Debian can play. 60 s whatever is asked, five random external ports.
 *
 *   gatewayd ADDRESS EXTERNAL-ADDRESS CLIENT "FAMILY TABLE CHAIN"
 *
 * serves the one CLIENT on ADDRESS:5351 until SIGTERM. SIGUSR1: the next renewals give other external ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/attributes.h"
#include "gateway_model.h"
#include "nft.h"

enum {
    PORT = 5351,
    EPOCH_S = 108573, /* a server that has run for a day */
    TURN_MS = 100,    /* leases end so late at the most */
};

struct gatewayd {
    struct gateway_model model;
    struct gateway_lease applied[GATEWAY_LEASES_MAX]; /* what the kernel's rules say */
    unsigned applied_end;
    struct sockaddr_in peer; /* of the request in work */
    const char *external;
    const char *client;
    const char *chain;
    int fd;
    int signal_fd;
};

static uint64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the kernel's rules ---- */

static bool same_rule(const struct gateway_lease *a, const struct gateway_lease *b)
{
    return a->used == b->used && (!a->used || (a->tcp == b->tcp && a->internal_port == b->internal_port &&
                                               a->external_port == b->external_port));
}

static bool is_applied(const struct gatewayd *d)
{
    if (d->applied_end != d->model.leases_end)
        return false;
    for (unsigned i = 0; i < d->applied_end; i++)
        if (!same_rule(&d->applied[i], &d->model.leases[i]))
            return false;
    return true;
}

static void apply(struct gatewayd *d)
{
    char *script = NULL;
    size_t len = 0;
    FILE *out;

    if (is_applied(d))
        return;
    out = open_memstream(&script, &len);
    if (!out)
        abort();
    fprintf(out, "flush chain %s\n", d->chain);
    for (unsigned i = 0; i < d->model.leases_end; i++) {
        const struct gateway_lease *lease = &d->model.leases[i];

        if (lease->used)
            fprintf(out, "add rule %s ip daddr %s %s dport %u counter dnat ip to %s:%u\n", d->chain,
                    d->external, lease->tcp ? "tcp" : "udp", lease->external_port, d->client,
                    lease->internal_port);
    }
    if (fclose(out) != 0)
        abort();
    if (!nft_run(script, len))
        fprintf(stderr, "gatewayd: nft refused:\n%s\n", script);
    free(script);
    memcpy(d->applied, d->model.leases, sizeof(d->applied));
    d->applied_end = d->model.leases_end;
}

/* ---- the model ---- */

/* A port is open before its owner hears of it. The tunnel is slow enough without the model's delay. */
static void model_sends(void *context, uint64_t delay_ms, struct span datagram)
{
    struct gatewayd *d = context;

    (void)delay_ms;
    apply(d);
    if (sendto(d->fd, datagram.data, datagram.len, 0, (const struct sockaddr *)(const void *)&d->peer,
               sizeof(d->peer)) < 0)
        fprintf(stderr, "gatewayd: sendto: %s\n", strerror(errno));
}

static void model_complains(void *context, const char *what, struct span datagram)
{
    (void)context;
    (void)datagram;
    fprintf(stderr, "gatewayd: %s\n", what);
}

static void take_signal(struct gatewayd *d)
{
    struct signalfd_siginfo info;

    if (read(d->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo != SIGUSR1)
        exit(0);
    gateway_rotate(&d->model, clock_ms());
}

static void take_datagram(struct gatewayd *d)
{
    uint8_t bytes[2048];
    socklen_t size = sizeof(d->peer);
    ssize_t n = recvfrom(d->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)(void *)&d->peer, &size);

    if (n >= 0)
        gateway_receive(&d->model, clock_ms(), clock_ms(), span_of(bytes, (size_t)n));
}

/* ---- start ---- */

static uint32_t address_of(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1) {
        fprintf(stderr, "gatewayd: not an address: %s\n", text);
        exit(2);
    }
    return ntohl(address.s_addr);
}

static void open_sockets(struct gatewayd *d, const char *address)
{
    struct sockaddr_in own = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(address_of(address))};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    d->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0 || d->signal_fd < 0 ||
        bind(d->fd, (const struct sockaddr *)(const void *)&own, sizeof(own)) < 0) {
        fprintf(stderr, "gatewayd: %s: %s\n", address, strerror(errno));
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct gatewayd d;
    struct gateway_callbacks callbacks = {&d, model_sends, NULL, model_complains};

    if (argc != 5) {
        fprintf(stderr, "usage: gatewayd ADDRESS EXTERNAL-ADDRESS CLIENT \"FAMILY TABLE CHAIN\"\n");
        return 2;
    }
    d.external = argv[2];
    d.client = argv[3];
    d.chain = argv[4];
    gateway_init(&d.model,
                 &(struct gateway_options){.profile = GATEWAY_PROTON,
                                           .external_address = address_of(d.external),
                                           .epoch_s = EPOCH_S},
                 &callbacks, clock_ms());
    d.model.epoch_origin_ms = clock_ms();
    open_sockets(&d, argv[1]);
    for (;;) {
        struct pollfd polls[] = {{.fd = d.fd, .events = POLLIN}, {.fd = d.signal_fd, .events = POLLIN}};

        if (poll(polls, ARRAY_LEN(polls), TURN_MS) < 0 && errno != EINTR)
            return 2;
        if (polls[1].revents)
            take_signal(&d);
        if (polls[0].revents)
            take_datagram(&d);
        gateway_expire(&d.model, clock_ms());
        apply(&d);
    }
}
