/* The loop: from sockets to the model and back. Nothing is sent before the kernel has the rules of the
 * table. */
#include "routerd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Index in the list of what poll() waits for. */
enum {
    POLL_SIGNAL,
    POLL_LISTEN,
    POLL_CONTROL,
    POLL_CONNECTIONS = POLL_CONTROL + CONTROL_POLLS,
    POLLS = POLL_CONNECTIONS + ROUTERD_CONNECTIONS_MAX,
};

uint64_t routerd_now_ms(const struct routerd *d)
{
    return control_clock_ms() - d->start_ms;
}

/* ---- from the model ---- */

static struct routerd_connection *find(struct routerd *d, int session)
{
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        if (d->connection[i].fd >= 0 && d->connection[i].session == session && !d->connection[i].closing)
            return &d->connection[i];
    return NULL;
}

static void model_sends(void *ctx, int session, struct span bytes)
{
    struct routerd_connection *c = find(ctx, session);
    if (!c)
        return;
    if (c->out_len + bytes.len > c->out_capacity) {
        c->out_capacity = 2 * (c->out_len + bytes.len);
        c->out = realloc(c->out, c->out_capacity);
        if (!c->out)
            abort();
    }
    memcpy(c->out + c->out_len, bytes.data, bytes.len);
    c->out_len += bytes.len;
}

static void model_closes(void *ctx, int session, bool reset)
{
    struct routerd *d = ctx;
    struct routerd_connection *c = find(d, session);
    if (!c)
        return;
    c->closing = true;
    c->reset = reset;
    c->linger_ms = routerd_now_ms(d) + ROUTERD_LINGER_MS;
}

static void model_changed(void *ctx)
{
    struct routerd *d = ctx;
    d->changed = true;
}

/* ---- connections ---- */

static void release(struct routerd_connection *c, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(c->fd);
    free(c->out);
    *c = (struct routerd_connection){.fd = -1};
}

static void open_listener(struct routerd *d)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(d->config.listen);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (const struct sockaddr *)(const void *)&d->config.listen, size) < 0 ||
        listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)(void *)&d->config.listen, &size) < 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    d->listen_fd = fd;
}

/* A router that refuses connections has no listening socket. */
static void update_listener(struct routerd *d)
{
    bool refuses = router_model_refuses(d->model);
    if (refuses && d->listen_fd >= 0) {
        close(d->listen_fd);
        d->listen_fd = -1;
    } else if (!refuses && d->listen_fd < 0) {
        open_listener(d);
    }
}

static void accept_one(struct routerd *d)
{
    int on = 1;
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof(peer);
    int fd = accept4(d->listen_fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    char address[INET_ADDRSTRLEN];
    if (fd < 0)
        return;
    struct routerd_connection *c = d->connection;
    while (c < d->connection + ROUTERD_CONNECTIONS_MAX && c->fd >= 0)
        c++;
    if (c == d->connection + ROUTERD_CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *c = (struct routerd_connection){.fd = fd};
    c->session = router_model_connect(d->model, routerd_now_ms(d));
    if (c->session < 0)
        release(c, true);
    else if (peer.sin_family == AF_INET && inet_ntop(AF_INET, &peer.sin_addr, address, sizeof(address)))
        router_model_peer(d->model, c->session, address);
}

#define CONNECTIONS "/ip/firewall/connection/print"

static void read_connection(struct routerd *d, struct routerd_connection *c)
{
    uint8_t bytes[65536];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n > 0 && memmem(bytes, (size_t)n, CONNECTIONS, strlen(CONNECTIONS)))
        routerd_read_flows(d);
    if (n > 0 && memmem(bytes, (size_t)n, "packets", strlen("packets")))
        routerd_read_counters(d);
    if (n > 0 && !c->closing)
        router_model_input(d->model, c->session, routerd_now_ms(d), span_of(bytes, (size_t)n));
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        if (!c->closing)
            router_model_disconnect(d->model, c->session);
        release(c, false);
    }
}

static void write_connection(struct routerd *d, struct routerd_connection *c)
{
    ssize_t n = c->out_len ? send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        n = 0;
    if (n < 0 || c->out_len > ROUTERD_OUTPUT_MAX) {
        if (!c->closing)
            router_model_disconnect(d->model, c->session);
        release(c, true);
        return;
    }
    if (n > 0) {
        memmove(c->out, c->out + n, c->out_len - (size_t)n);
        c->out_len -= (size_t)n;
    }
    if (!c->closing)
        return;
    if (c->reset) {
        release(c, true);
    } else if (c->out_len == 0 && !c->shut) {
        /* close() with unread input would send RST and lose the last answers. */
        shutdown(c->fd, SHUT_WR);
        c->shut = true;
    } else if (routerd_now_ms(d) >= c->linger_ms) {
        release(c, false);
    }
}

/* ---- control ---- */

static void apply(struct routerd *d)
{
    if (!d->changed)
        return;
    d->changed = false;
    routerd_apply(d);
    routerd_write_state(d);
}

/* The answer is sent when the change has taken effect. */
static const char *obey(void *context, char *line, FILE *out)
{
    struct routerd *d = context;
    router_model_run(d->model, routerd_now_ms(d));
    const char *error = routerd_obey(d, line, out);
    router_model_run(d->model, routerd_now_ms(d));
    apply(d);
    update_listener(d);
    return error;
}

/* ---- the loop ---- */

static int timeout_ms(const struct routerd *d)
{
    uint64_t now = routerd_now_ms(d);
    uint64_t next = router_model_next_ms(d->model);
    if (d->listen_fd < 0 && next > now + 10)
        next = now + 10; /* The router may be up again. */
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        if (d->connection[i].fd >= 0 && d->connection[i].closing && d->connection[i].linger_ms < next)
            next = d->connection[i].linger_ms;
    if (next == UINT64_MAX)
        return -1;
    return next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
}

static short connection_events(const struct routerd *d, const struct routerd_connection *c)
{
    bool full = c->out_len > ROUTERD_OUTPUT_HIGH || router_model_waiting_input(d->model, c->session) > 0;
    return (short)((full && !c->closing ? 0 : POLLIN) | (c->out_len ? POLLOUT : 0));
}

/* False: the end. */
static bool turn(struct routerd *d)
{
    struct pollfd polls[POLLS];
    struct pollfd *connections = polls + POLL_CONNECTIONS;
    polls[POLL_SIGNAL] = (struct pollfd){.fd = d->signal_fd, .events = POLLIN};
    polls[POLL_LISTEN] = (struct pollfd){.fd = d->listen_fd, .events = POLLIN};
    control_polls(&d->control, polls + POLL_CONTROL);
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++) {
        connections[i] = (struct pollfd){.fd = d->connection[i].fd};
        if (d->connection[i].fd >= 0)
            connections[i].events = connection_events(d, &d->connection[i]);
    }
    if (poll(polls, POLLS, timeout_ms(d)) < 0 && errno != EINTR)
        return false;
    if (polls[POLL_SIGNAL].revents)
        return false;
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        if (connections[i].revents & (POLLIN | POLLHUP | POLLERR))
            read_connection(d, &d->connection[i]);
    control_turn(&d->control, polls + POLL_CONTROL);
    if (polls[POLL_LISTEN].revents && d->listen_fd >= 0)
        accept_one(d);
    router_model_run(d->model, routerd_now_ms(d));
    apply(d);
    update_listener(d);
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        if (d->connection[i].fd >= 0)
            write_connection(d, &d->connection[i]);
    return true;
}

static void init(struct routerd *d, const struct router_model_options *options)
{
    struct router_model_callbacks callbacks = {d, model_sends, model_closes, model_changed,
                                               routerd_forget_flow};
    d->start_ms = control_clock_ms();
    d->model = router_model_new(options, &callbacks, d->config.seed);
    d->listen_fd = -1;
    d->changed = true;
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        d->connection[i].fd = -1;
    routerd_configure(d->model);
}

int main(int argc, char **argv)
{
    static struct routerd d;
    struct router_model_options options;
    routerd_arguments(argc, argv, &options, &d.config);
    (void)signal(SIGPIPE, SIG_IGN);
    d.signal_fd = control_signals();
    init(&d, &options);
    apply(&d);
    control_open(&d.control, d.config.control, obey, &d);
    open_listener(&d);
    if (d.listen_fd < 0) {
        fprintf(stderr, "routerd: cannot listen: %s\n", strerror(errno));
        return 2;
    }
    char address[INET_ADDRSTRLEN];
    printf("listening on %s:%u\n", inet_ntop(AF_INET, &d.config.listen.sin_addr, address, sizeof(address)),
           ntohs(d.config.listen.sin_port));
    if (fflush(stdout) != 0)
        return 2;
    while (turn(&d))
        ;
    for (unsigned i = 0; i < ROUTERD_CONNECTIONS_MAX; i++)
        if (d.connection[i].fd >= 0)
            release(&d.connection[i], false);
    router_model_free(d.model);
    routerd_forget_counters(&d);
    if (d.config.control)
        unlink(d.config.control);
    return 0;
}
