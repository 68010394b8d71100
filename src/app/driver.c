#include "app/driver.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/health.h"
#include "app/status.h"
#include "app/watch.h"
#include "io/resident.h"
#include "wire/natpmp.h"

enum {
    NATPMP_ANNOUNCE_GROUP = (int)0xE0000001, /* 224.0.0.1, RFC 6886 section 3.2.1 */
    REPORT_AGAIN_MS = 60000,
    /* Closing takes two turns of the loop, unless a thread waits for a name server. */
    CLOSE_TURNS_MAX = 16,
};

static void dispatch(struct driver *d, struct event *event);

/* ---- events ---- */

/* True if the log is to report a counter: when it has changed for the first time, and then at most each
 * minute. */
static bool is_news(struct reported *reported, uint64_t count)
{
    if (count == reported->count)
        return false;
    uint64_t now_ms = clock_now_ms();
    if (reported->count != 0 && now_ms - reported->at_ms < REPORT_AGAIN_MS)
        return false;
    *reported = (struct reported){.count = count, .at_ms = now_ms};
    return true;
}

static void flush(struct driver *d)
{
    udp_client_flush(&d->gateway);
    if (d->lan.fd >= 0)
        udp_server_flush(&d->lan);
}

/* Sends the datagrams that were queued for the last events and sets the timer to the next deadline. */
static void send_and_arm(struct driver *d)
{
    if (d->exiting)
        return;
    flush(d);
    log_recover(d->log);
    if (d->lan.fd >= 0 && d->signal == 0)
        self_check_watch(&d->self_check, clock_now_ms());
    deadline_arm(&d->deadline, d->machine.deadline_ms(d->machine.state));
    uint64_t dropped = d->lan.dropped - d->lan_dropped.count;
    if (is_news(&d->lan_dropped, d->lan.dropped))
        log_printf(d->log, LOG_LEVEL_WARN, "driver",
                   "replies to the LAN could not be sent; clients repeat their requests count=%llu",
                   (unsigned long long)dropped);
    if (is_news(&d->lan_floods, d->lan.floods))
        log_printf(d->log, LOG_LEVEL_WARN, "driver",
                   "a host floods the NAT-PMP port; its requests are ignored until that ends; check what "
                   "runs on it source=%s floods=%llu",
                   address_text(d->lan.flooder).text, (unsigned long long)d->lan.floods);
}

static bool is_known(void *context, uint32_t address)
{
    const struct driver *d = context;
    return proxy_knows(d->machine.state, address);
}

static void on_lan(void *context, const struct udp_datagram *datagram)
{
    struct event event = {
        .type = EVENT_LAN,
        .lan = {.from = {.address = datagram->address, .port = datagram->port},
                .to = datagram->local,
                .interface = datagram->interface,
                .bytes = datagram->bytes},
    };
    dispatch(context, &event);
}

static void on_batch(void *context)
{
    send_and_arm(context);
}

static void on_gateway(void *context, struct span bytes)
{
    struct event event = {.type = EVENT_GATEWAY, .gateway = bytes};
    dispatch(context, &event);
}

static void on_gateway_failed(void *context, enum gateway_trouble error)
{
    struct event event = {.type = EVENT_GATEWAY_ERROR, .gateway_error = error};
    dispatch(context, &event);
    send_and_arm(context);
}

static void router_event(struct driver_session *session, struct event *event)
{
    struct driver *d = session->driver;
    event->router.session = (unsigned)(session - d->session);
    dispatch(d, event);
    send_and_arm(d);
}

static void on_router_open(void *context, uint32_t peer)
{
    struct driver_session *session = context;
    struct event event = {.type = EVENT_ROUTER_OPEN,
                          .router = {.peer = peer, .local = stream_local(session->stream)}};
    router_event(session, &event);
    /* A handshake needs most of the TLS library's code, and what follows little of it. */
    if (session->driver->tls != NULL)
        resident_trim();
}

static void on_router_data(void *context, struct span bytes)
{
    struct event event = {.type = EVENT_ROUTER_DATA, .router = {.bytes = bytes}};
    router_event(context, &event);
}

static void on_router_closed(void *context, enum failure failure)
{
    struct driver_session *session = context;
    struct event event = {.type = EVENT_ROUTER_CLOSED, .router = {.failure = failure}};
    session->stream = NULL;
    router_event(session, &event);
}

static void on_deadline(void *context)
{
    struct event event = {.type = EVENT_DEADLINE};
    dispatch(context, &event);
    send_and_arm(context);
}

/* Somebody reads the status. If the counters are old, the daemon reads them from the router, and the next
 * reply contains them. */
static void on_asked(void *context)
{
    struct event event = {.type = EVENT_ASKED};
    dispatch(context, &event);
    send_and_arm(context);
}

/* Anybody here may ask for the health, but what clients have is for root and for the daemon's own user. */
static void on_probe(void *context, const struct probe_question *question, struct writer *reply)
{
    struct driver *d = context;
    uint16_t from;
    if (question->trusted && status_asks_for(question->bytes, &from)) {
        if (from == 0)
            on_asked(d);
        struct status_page page = status_page(d->machine.state, d->config, from, clock_now_ms());
        write_bytes(reply, span_of(&page, sizeof(page)));
        return;
    }
    if (question->trusted && findings_asks_for(question->bytes, &from)) {
        struct findings_page page = findings_page(&d->findings, from, clock_now_ms());
        write_bytes(reply, span_of(&page, sizeof(page)));
        return;
    }
    char line[HEALTH_LINE_MAX + 1];
    struct proxy_status status = proxy_status(d->machine.state, clock_now_ms());
    health_write(&status, line);
    write_text(reply, line);
}

/* All signals that would end the process by default, but for those that report a fault of the program itself:
 * each of them would leave rules on the router. What nobody sends to a daemon (SIGXFSZ, the real-time
 * signals) main.c ignores. */
static const int stop_signals[] = {
    SIGTERM,   SIGINT,    SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2,
    SIGALRM,   SIGVTALRM, SIGPROF, SIGIO,  SIGPWR, /* LXC stops a container with it */
    SIGXCPU,
#ifdef SIGSTKFLT
    SIGSTKFLT,
#endif
};
_Static_assert(ARRAY_LEN(stop_signals) <= DRIVER_SIGNALS, "each has its handle");

/* Of these, a second one means that somebody does not want to wait any longer. */
static bool is_urgent(int number)
{
    return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

/* A service manager, a script after a rotation of logs, or Docker sends SIGHUP to a daemon that must not end.
 * There is nothing to read again: the configuration is in the environment. */
static void report_hangup(const struct driver *d)
{
    log_printf(d->log, LOG_LEVEL_INFO, "driver",
               "SIGHUP was ignored: the configuration is read only at the start; restart double-natpmp to "
               "change it");
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct driver *d = handle->data;
    if (number == SIGHUP && d->lan.fd >= 0) {
        report_hangup(d);
        return;
    }
    if (d->signal != 0 && !is_urgent(number))
        return;
    if (d->signal != 0) {
        /* A second signal means: wait for nothing, not even for a thread at exit. */
        log_printf(d->log, LOG_LEVEL_WARN, "driver",
                   "stopped by a second signal; rules may remain until the next start, and leases until they "
                   "expire signal=%d",
                   number);
        _exit(128 + number);
    }
    d->signal = number;
    self_check_stop(&d->self_check);
    struct event event = {.type = EVENT_STOP};
    dispatch(d, &event);
    send_and_arm(d);
}

static const struct udp_handlers lan_handlers = {
    .known = is_known, .received = on_lan, .batch_done = on_batch};
static const struct udp_client_handlers gateway_handlers = {
    .received = on_gateway, .batch_done = on_batch, .failed = on_gateway_failed};
static const struct stream_handlers router_handlers = {
    .opened = on_router_open, .received = on_router_data, .closed = on_router_closed};

/* ---- actions ---- */

static void close_session(struct driver_session *session)
{
    session->failed = false;
    if (session->stream != NULL) {
        stream_close(session->stream);
        session->stream = NULL;
    }
}

static void open_session(struct driver *d, struct driver_session *session)
{
    close_session(session);
    session->stream = stream_open(&d->loop, d->config->router_host, d->config->router_port, d->tls,
                                  &router_handlers, session);
    session->failed = session->stream == NULL;
}

static void announce(struct driver *d, struct span bytes)
{
    struct udp_datagram datagram = {
        .address = (uint32_t)NATPMP_ANNOUNCE_GROUP, .port = NATPMP_ANNOUNCE_PORT, .bytes = bytes};
    unsigned links =
        udp_server_announce(&d->lan, datagram, d->config->listen_address, udp_client_local(&d->gateway));
    log_printf(d->log, LOG_LEVEL_DEBUG, "driver", "sent announcements links=%u", links);
}

static void exit_loop(struct driver *d)
{
    /* Streams need no flush: they have given all bytes that the kernel takes. */
    flush(d);
    d->exiting = true;
    uv_stop(&d->loop);
}

static void perform(struct driver *d, const struct action *action, uint64_t now_ms)
{
    switch (action->type) {
    case ACTION_LAN_SEND: {
        struct udp_datagram datagram = {.address = action->lan.to.address,
                                        .port = action->lan.to.port,
                                        .local = action->lan.from,
                                        .interface = action->lan.interface,
                                        .bytes = action->lan.bytes};
        udp_server_queue(&d->lan, &datagram);
        break;
    }
    case ACTION_ANNOUNCE:
        announce(d, action->announce);
        break;
    case ACTION_GATEWAY_SEND:
        udp_client_queue(&d->gateway, action->gateway);
        break;
    case ACTION_ROUTER_OPEN:
        open_session(d, &d->session[action->router.session]);
        break;
    case ACTION_ROUTER_SEND:
        if (d->session[action->router.session].stream != NULL)
            stream_send(d->session[action->router.session].stream, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        close_session(&d->session[action->router.session]);
        break;
    case ACTION_LOG:
        log_line(d->log, action->log.level, action->log.component, action->log.text);
        break;
    case ACTION_NOTICE:
        changes_add(&d->changes, &action->notice, now_ms);
        web_notice(&d->web, &action->notice, now_ms);
        feed_wake(&d->feed);
        break;
    case ACTION_EXIT:
        exit_loop(d);
        break;
    }
}

/* An address that the operator chose says nothing about this machine's routes, of which the core would warn.
 */
static uint32_t gateway_local(const struct driver *d)
{
    bool chosen = d->config->gateway_way.source != 0 || d->config->gateway_way.device[0] != '\0';
    return chosen ? 0 : udp_client_local(&d->gateway);
}

static void step(struct driver *d, struct event *event)
{
    /* Callbacks of io come from the loop only, so an event never arrives while another one's actions are
     * performed. */
    assert(!d->stepping);
    d->stepping = true;
    event->now_ms = clock_now_ms();
    event->gateway_local = gateway_local(d);
    d->machine.step(d->machine.state, event, &d->actions);
    for (unsigned i = 0; i < d->actions.count && !d->exiting; i++)
        perform(d, &d->actions.at[i], event->now_ms);
    if (d->actions.dropped_logs > 0) {
        log_printf(
            d->log, LOG_LEVEL_WARN, "driver",
            "log lines were left out, because one event caused too many; nothing else was lost count=%u",
            d->actions.dropped_logs);
    }
    d->stepping = false;
}

/* Handles one event, and the failed connections that result from it at once. */
static void dispatch(struct driver *d, struct event *event)
{
    if (d->exiting)
        return;
    step(d, event);
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX && !d->exiting; i++) {
        if (d->session[i].failed) {
            struct event closed = {.type = EVENT_ROUTER_CLOSED,
                                   .router = {.session = i, .failure = FAILURE_HERE}};
            d->session[i].failed = false;
            step(d, &closed);
        }
    }
}

/* ---- life ---- */

/* Section 5 requires a way to switch the server off [G-17]. */
static void watch_signals(struct driver *d)
{
    for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++) {
        (void)uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, stop_signals[i]);
    }
}

static void report_socket(const struct driver *d, const char *command, const struct health_name *name,
                          int error)
{
    if (error != 0)
        log_printf(d->log, LOG_LEVEL_WARN, "driver",
                   "cannot open the socket for double-natpmp %s; check for a daemon with the same "
                   "INSTANCE socket=@%s error=\"%s\"",
                   command, name->text, strerror(-error));
}

/* The daemon also works without them. */
static void open_probe_and_feed(struct driver *d)
{
    struct health_name name =
        health_name(d->config->instance, d->config->listen_address, udp_server_port(&d->lan));
    struct health_name feed = watch_name(&name);
    report_socket(d, "health", &name, probe_open(&d->probe, &d->loop, name.text, on_probe, d));
    report_socket(d, "watch", &feed, feed_open(&d->feed, &d->loop, feed.text, &watch_handlers, &d->changes));
}

static const char *web_remedy(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program uses the port; change STATUS_LISTEN or stop it (ss -ltnp shows it)";
    case EADDRNOTAVAIL:
        return "no interface of this machine has the address; use one that ip -4 address shows";
    case EACCES:
        return "a port below 1024 needs CAP_NET_BIND_SERVICE; use a higher one";
    case ELIBACC:
        return "libmicrohttpd is not installed (Debian's package libmicrohttpd12)";
    default:
        return "check STATUS_LISTEN and the limits of this process";
    }
}

/* Ports are mapped without it, too. */
static void open_web(struct driver *d, const struct proxy *proxy)
{
    const struct config *config = d->config;
    if (config->status_port == 0)
        return;
    d->web.asked = on_asked;
    d->web.asker = d;
    int result = web_open(&d->web, &d->loop, proxy, config, &d->changes, &d->findings);
    struct address_text address = address_text(config->status_address);
    if (result == 0)
        log_printf(d->log, LOG_LEVEL_INFO, "driver", "the status page is ready address=%s:%u", address.text,
                   (unsigned)config->status_port);
    else
        log_printf(d->log, LOG_LEVEL_ERROR, "driver",
                   "there is no status page: %s STATUS_LISTEN=%s:%u error=\"%s\"", web_remedy(-result),
                   address.text, (unsigned)config->status_port, strerror(-result));
}

static void step_proxy(void *state, const struct event *event, struct actions *out)
{
    proxy_step(state, event, out);
}

static uint64_t proxy_deadline(const void *state)
{
    return proxy_deadline_ms(state);
}

unsigned driver_descriptors_needed(const struct config *config)
{
    return DESCRIPTORS_MIN + (config->status_port == 0 ? 0 : HTTP_DESCRIPTORS);
}

uint64_t driver_descriptors(unsigned needed)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return needed;
    if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

int driver_open_machine(struct driver *d, const struct config *config, struct tls_context *tls,
                        struct machine machine, struct log *log)
{
    d->config = config;
    d->tls = tls;
    d->machine = machine;
    d->log = log;
    d->lan.fd = -1;
    d->probe.fd = -1;
    d->feed.fd = -1;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        d->session[i].driver = d;
    /* With less the daemon would listen and not serve, or libuv would abort. */
    unsigned needed = driver_descriptors_needed(config);
    if (driver_descriptors(needed) < needed)
        return -EMFILE;
    int result = uv_loop_init(&d->loop);
    if (result != 0)
        return result;
    result = deadline_open(&d->deadline, &d->loop, on_deadline, d);
    if (result != 0) {
        (void)uv_loop_close(&d->loop);
        return result;
    }
    udp_client_open(&d->gateway, &d->loop, config->gateway, config->gateway_port, &config->gateway_way,
                    &gateway_handlers, d);
    watch_signals(d);
    return 0;
}

int driver_open(struct driver *d, const struct config *config, struct tls_context *tls, struct proxy *proxy,
                struct log *log)
{
    const struct machine machine = {.state = proxy, .step = step_proxy, .deadline_ms = proxy_deadline};
    int result = driver_open_machine(d, config, tls, machine, log);
    if (result != 0)
        return result;
    result =
        udp_server_open(&d->lan, &d->loop, config->listen_address, config->listen_port, &lan_handlers, d);
    if (result == 0) {
        const struct self_check_subject subject = {.loop = &d->loop,
                                                   .config = config,
                                                   .tls = tls,
                                                   .proxy = proxy,
                                                   .gateway = &d->gateway,
                                                   .log = log,
                                                   .findings = &d->findings};
        self_check_open(&d->self_check, &subject);
        open_probe_and_feed(d);
        open_web(d, proxy);
    } else {
        bool closed = driver_close(d);
        assert(closed); /* no name has been looked up yet */
    }
    return result;
}

void driver_run(struct driver *d)
{
    struct event start = {.type = EVENT_START};
    dispatch(d, &start);
    send_and_arm(d);
    if (!d->exiting)
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
}

bool driver_close(struct driver *d)
{
    d->exiting = true;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        close_session(&d->session[i]);
    for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    probe_close(&d->probe);
    web_close(&d->web);
    self_check_close(&d->self_check);
    feed_close(&d->feed);
    udp_client_close(&d->gateway);
    udp_server_close(&d->lan);
    deadline_close(&d->deadline);
    for (unsigned i = 0; i < CLOSE_TURNS_MAX && uv_loop_alive(&d->loop); i++)
        (void)uv_run(&d->loop, UV_RUN_NOWAIT);
    return uv_loop_close(&d->loop) == 0;
}
