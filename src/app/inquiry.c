#include "app/inquiry.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/driver.h"
#include "io/links.h"

struct inquiry {
    uv_loop_t loop;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    struct deadline deadline;
    struct udp_client gateway;
    struct stream *stream; /* NULL: none */
    bool stream_failed;    /* no memory for a stream: the check must be told */
    const struct config *config;
    struct tls_context *tls;
    struct check *check;
    int signal;
    bool ended;
    struct actions actions;
};

static void perform(struct inquiry *q, const struct action *action);

static void step(struct inquiry *q, struct event *event)
{
    event->now_ms = clock_now_ms();
    check_step(q->check, event, &q->actions);
    for (unsigned i = 0; i < q->actions.count && !q->ended; i++)
        perform(q, &q->actions.at[i]);
}

static void dispatch(struct inquiry *q, struct event event)
{
    if (q->ended)
        return;
    step(q, &event);
    if (q->stream_failed && !q->ended) {
        struct event closed = {.type = EVENT_ROUTER_CLOSED, .router = {.failure = FAILURE_HERE}};
        q->stream_failed = false;
        step(q, &closed);
    }
    deadline_arm(&q->deadline, check_deadline_ms(q->check));
}

/* ---- events ---- */

static void on_open(void *context, uint32_t peer)
{
    dispatch(context, (struct event){.type = EVENT_ROUTER_OPEN, .router = {.peer = peer}});
}

static void on_data(void *context, struct span bytes)
{
    dispatch(context, (struct event){.type = EVENT_ROUTER_DATA, .router = {.bytes = bytes}});
}

static void on_closed(void *context, enum failure failure)
{
    struct inquiry *q = context;
    q->stream = NULL;
    dispatch(q, (struct event){.type = EVENT_ROUTER_CLOSED, .router = {.failure = failure}});
}

static void on_gateway(void *context, struct span bytes)
{
    dispatch(context, (struct event){.type = EVENT_GATEWAY, .gateway = bytes});
}

static void on_gateway_failed(void *context, enum gateway_error error)
{
    dispatch(context, (struct event){.type = EVENT_GATEWAY_ERROR, .gateway_error = error});
}

/* Each request is sent at once, so a batch has no end. */
static void on_batch(void *context)
{
    (void)context;
}

static void on_deadline(void *context)
{
    dispatch(context, (struct event){.type = EVENT_DEADLINE});
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct inquiry *q = handle->data;
    if (q->signal != 0)
        _exit(128 + number);
    q->signal = number;
    dispatch(q, (struct event){.type = EVENT_STOP});
}

static const struct stream_handlers router_handlers = {
    .opened = on_open, .received = on_data, .closed = on_closed};
static const struct udp_client_handlers gateway_handlers = {
    .received = on_gateway, .batch_done = on_batch, .failed = on_gateway_failed};

/* ---- actions ---- */

static void close_stream(struct inquiry *q)
{
    if (q->stream != NULL)
        stream_close(q->stream);
    q->stream = NULL;
}

static void perform(struct inquiry *q, const struct action *action)
{
    switch (action->type) {
    case ACTION_GATEWAY_SEND:
        udp_client_queue(&q->gateway, action->gateway);
        udp_client_flush(&q->gateway);
        break;
    case ACTION_ROUTER_OPEN:
        close_stream(q);
        q->stream = stream_open(&q->loop, q->config->router_host, q->config->router_port, q->tls,
                                &router_handlers, q);
        q->stream_failed = q->stream == NULL;
        break;
    case ACTION_ROUTER_SEND:
        if (q->stream != NULL)
            stream_send(q->stream, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        close_stream(q);
        break;
    case ACTION_EXIT:
        q->ended = true;
        uv_stop(&q->loop);
        break;
    case ACTION_LAN_SEND:
    case ACTION_ANNOUNCE:
    case ACTION_LOG:
        break;
    }
}

/* ---- life ---- */

static void list_own(struct survey *survey)
{
    struct link links[LINKS_MAX];
    unsigned count = links_list(links, LINKS_MAX);
    for (unsigned i = 0; i < count && survey->owns < SURVEY_OWN_MAX; i++)
        if (!links[i].loopback)
            survey->own[survey->owns++] = links[i].address;
}

/* False if a thread still waits for a name server and uses the memory. */
static bool close_all(struct inquiry *q)
{
    close_stream(q);
    uv_close((uv_handle_t *)&q->terminate, NULL);
    uv_close((uv_handle_t *)&q->interrupt, NULL);
    udp_client_close(&q->gateway);
    deadline_close(&q->deadline);
    return driver_end_loop(&q->loop);
}

static int open_all(struct inquiry *q)
{
    int result = uv_loop_init(&q->loop);
    if (result != 0)
        return result;
    result = deadline_open(&q->deadline, &q->loop, on_deadline, q);
    if (result != 0) {
        (void)uv_loop_close(&q->loop);
        return result;
    }
    udp_client_open(&q->gateway, &q->loop, q->config->gateway, q->config->gateway_port,
                    &q->config->gateway_way, &gateway_handlers, q);
    driver_watch_signal(&q->loop, &q->terminate, SIGTERM, on_signal, q);
    driver_watch_signal(&q->loop, &q->interrupt, SIGINT, on_signal, q);
    return 0;
}

struct inquiry_end inquiry_run(struct check *check, const struct config *config, struct tls_context *tls)
{
    struct inquiry_end end = {0};
    struct inquiry *q = calloc(1, sizeof(*q));
    if (q == NULL)
        return (struct inquiry_end){.error = -ENOMEM};
    q->check = check;
    q->config = config;
    q->tls = tls;
    end.error = open_all(q);
    if (end.error == 0) {
        list_own(&check->survey);
        check->survey.local = udp_client_local(&q->gateway);
        dispatch(q, (struct event){.type = EVENT_START});
        if (!q->ended)
            (void)uv_run(&q->loop, UV_RUN_DEFAULT);
        end.signal = q->signal;
        end.hanging = !close_all(q);
    }
    if (!end.hanging)
        free(q);
    return end;
}

struct check_config inquiry_config(const struct config *config)
{
    return (struct check_config){
        .gateway = config->gateway,
        .listen_address = config->listen_address,
        .listen_port = config->listen_port,
        .router_host = config->router_host,
        .router_port = config->router_port,
        .user = config->user,
        .password = config->password,
        .instance = config->instance,
        .in_interface = config->in_interface,
        .tls = config->tls,
    };
}
