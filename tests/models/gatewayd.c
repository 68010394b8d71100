/* The gateway model behind a real socket, for the lab. `gatewayd --help` prints its options. With nftables
 * its leases are rules of the kernel. That is how ProtonVPN's NAT-PMP works, for which Debian has no
 * server. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attributes.h"
#include "control.h"
#include "gateway_model.h"
#include "nft.h"

static const char help[] =
    "usage: gatewayd --listen ADDRESS --external ADDRESS [OPTION...]\n"
    "A NAT-PMP gateway on port 5351 that grants what is asked, and one number to TCP and UDP of one port. "
    "Ends at\n"
    "SIGTERM.\n"
    "\n"
    "  --proton                  always 60 s, five random external ports, as ProtonVPN does\n"
    "  --result KIND=RESULT      see below\n"
    "  --nft-chain \"FAMILY TABLE CHAIN\"   leases are rules of this chain, which lead to the client\n"
    "  --client ADDRESS          of the other end of the tunnel\n"
    "  --control SOCKET          Unix socket for commands\n"
    "\n"
    "Commands on the control socket, one a line; the answer ends with \"ok\" or \"error TEXT\":\n"
    "  leases                    JSON\n"
    "  counters                  JSON: requests, and new leases that were granted\n"
    "  result KIND RESULT        of each request for an address, map or delete: a number, or silent\n"
    "  rotate                    the next renewals give other external ports\n";

enum {
    PORT = 5351,
    EPOCH_S = 108573, /* Like a server that has run for a day. */
    TURN_MS = 100,    /* The longest time by which a lease ends late. */
    RECEIVE_BUFFER = 1 << 20,
};

/* Index in the list of what poll() waits for. */
enum { POLL_SOCKET, POLL_SIGNAL, POLL_CONTROL, POLLS = POLL_CONTROL + CONTROL_POLLS };

struct gatewayd {
    struct gateway_model model;
    struct gateway_lease applied[GATEWAY_LEASES_MAX]; /* the rules that the kernel has */
    unsigned applied_end;
    struct sockaddr_in peer; /* of the request in work */
    struct control control;
    const char *listen;
    const char *external;
    const char *client;
    const char *chain; /* NULL: no nftables */
    const char *control_path;
    bool proton;
    int fd;
    int signal_fd;
};

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

    if (!d->chain || is_applied(d))
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
    memcpy(d->applied, d->model.leases, d->model.leases_end * sizeof(d->applied[0]));
    d->applied_end = d->model.leases_end;
}

/* ---- the model ---- */

/* The port must be open before its client is advertised it. The tunnel is slow enough without the model's
 * delay. */
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

static void take_datagram(struct gatewayd *d)
{
    uint8_t bytes[2048];
    socklen_t size = sizeof(d->peer);
    ssize_t n = recvfrom(d->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)(void *)&d->peer, &size);

    if (n >= 0)
        gateway_receive(&d->model, control_clock_ms(), control_clock_ms(), span_of(bytes, (size_t)n));
}

/* ---- commands ---- */

static void write_leases(const struct gateway_model *g, FILE *out)
{
    const char *separator = "[";

    for (unsigned i = 0; i < g->leases_end; i++) {
        const struct gateway_lease *lease = &g->leases[i];

        if (!lease->used)
            continue;
        fprintf(out, "%s{\"protocol\": \"%s\", \"internal\": %u, \"external\": %u}", separator,
                lease->tcp ? "tcp" : "udp", lease->internal_port, lease->external_port);
        separator = ",\n ";
    }
    fputs(*separator == '[' ? "[]\n" : "]\n", out);
}

static const char *set_result(struct gateway_faults *faults, const char *kind, const char *result)
{
    uint16_t *place = strcmp(kind, "address") == 0  ? &faults->refuse_address
                      : strcmp(kind, "map") == 0    ? &faults->refuse
                      : strcmp(kind, "delete") == 0 ? &faults->refuse_delete
                                                    : NULL;

    if (!place)
        return "address, map or delete";
    *place = strcmp(result, "silent") == 0 ? GATEWAY_NO_ANSWER : (uint16_t)strtoul(result, NULL, 10);
    return NULL;
}

static const char *obey(void *context, char *rest, FILE *out)
{
    struct gatewayd *d = context;
    struct gateway_model *g = &d->model;
    const char *verb = control_word(&rest);

    gateway_expire(g, control_clock_ms());
    if (strcmp(verb, "leases") == 0) {
        write_leases(g, out);
    } else if (strcmp(verb, "counters") == 0) {
        fprintf(out, "{\"requests\": %" PRIu64 ", \"grants\": %" PRIu64 "}\n", g->requests, g->grants);
    } else if (strcmp(verb, "rotate") == 0) {
        gateway_rotate(g, control_clock_ms());
    } else if (strcmp(verb, "result") == 0) {
        const char *kind = control_word(&rest);

        return set_result(&g->faults, kind, control_word(&rest));
    } else {
        return "unknown command";
    }
    return NULL;
}

/* ---- start ---- */

_Noreturn static void stop(const char *what, const char *value)
{
    fprintf(stderr, "gatewayd: %s: %s\n", what, value);
    exit(2);
}

static uint32_t address_of(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        stop("not an address", text);
    return ntohl(address.s_addr);
}

static void option_result(struct gateway_faults *faults, char *text)
{
    char *equals = strchr(text, '=');
    const char *error;

    if (!equals)
        stop("KIND=RESULT", text);
    *equals = '\0';
    error = set_result(faults, text, equals + 1);
    if (error)
        stop(error, text);
}

/* The model's faults apply from the start. */
static void read_arguments(struct gatewayd *d, int argc, char **argv, struct gateway_faults *faults)
{
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"external", required_argument, NULL, 'e'},
                                            {"proton", no_argument, NULL, 'p'},
                                            {"result", required_argument, NULL, 'r'},
                                            {"client", required_argument, NULL, 'c'},
                                            {"nft-chain", required_argument, NULL, 'n'},
                                            {"control", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'l':
            d->listen = optarg;
            break;
        case 'e':
            d->external = optarg;
            break;
        case 'p':
            d->proton = true;
            break;
        case 'r':
            option_result(faults, optarg);
            break;
        case 'c':
            d->client = optarg;
            break;
        case 'n':
            d->chain = optarg;
            break;
        case 's':
            d->control_path = optarg;
            break;
        default:
            fputs(help, option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 2);
        }
    }
    if (!d->listen || !d->external || !d->client != !d->chain || optind < argc) {
        fputs(help, stderr);
        exit(2);
    }
}

static void open_sockets(struct gatewayd *d)
{
    struct sockaddr_in own = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(address_of(d->listen))};
    int buffer = RECEIVE_BUFFER;

    d->signal_fd = control_signals();
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0 || d->signal_fd < 0 ||
        bind(d->fd, (const struct sockaddr *)(const void *)&own, sizeof(own)) < 0)
        stop(d->listen, strerror(errno));
    (void)setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    control_open(&d->control, d->control_path, obey, d);
}

static void start(struct gatewayd *d, const struct gateway_faults *faults)
{
    struct gateway_callbacks callbacks = {.context = d, .send = model_sends, .complain = model_complains};

    gateway_init(&d->model,
                 &(struct gateway_options){.profile = d->proton ? GATEWAY_PROTON : GATEWAY_STRICT,
                                           .external_address = address_of(d->external),
                                           .epoch_s = EPOCH_S,
                                           .pairs = true},
                 &callbacks, control_clock_ms());
    d->model.epoch_origin_ms = control_clock_ms();
    d->model.faults = *faults;
    open_sockets(d);
}

int main(int argc, char **argv)
{
    static struct gatewayd d;
    struct gateway_faults faults = {0};

    read_arguments(&d, argc, argv, &faults);
    start(&d, &faults);
    for (;;) {
        struct pollfd polls[POLLS] = {[POLL_SOCKET] = {.fd = d.fd, .events = POLLIN},
                                      [POLL_SIGNAL] = {.fd = d.signal_fd, .events = POLLIN}};

        control_polls(&d.control, polls + POLL_CONTROL);
        if (poll(polls, POLLS, TURN_MS) < 0 && errno != EINTR)
            return 2;
        if (polls[POLL_SIGNAL].revents)
            return 0;
        if (polls[POLL_SOCKET].revents)
            take_datagram(&d);
        control_turn(&d.control, polls + POLL_CONTROL);
        gateway_expire(&d.model, control_clock_ms());
        apply(&d);
    }
}
