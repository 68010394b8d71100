#include "app/self_check.h"

#include <sys/mman.h>

#include "app/inquiry.h"
#include "check/judge.h"
#include "io/clock.h"
#include "io/resident.h"
#include "io/stream.h"

/* Some megabytes of address space, of which only what the tables of the router need becomes real memory. It
 * does not come from malloc(), which would keep it. */
struct self_check_run {
    struct self_check *owner;
    struct check_config about;
    struct stream *stream; /* NULL: none */
    bool failed;           /* there is no memory for a stream */
    bool ended;
    struct actions actions;
    struct findings findings;
    struct judge_room room;
    struct check check;
};

static void step(struct self_check_run *run, struct event *event);
static void arm(struct self_check *s, uint64_t now_ms);

/* ---- the session ---- */

static void on_open(void *context, uint32_t peer)
{
    struct self_check_run *run = context;
    struct event event = {.type = EVENT_ROUTER_OPEN,
                          .router = {.peer = peer, .local = stream_local(run->stream)}};
    step(run, &event);
}

static void on_data(void *context, struct span bytes)
{
    struct event event = {.type = EVENT_ROUTER_DATA, .router = {.bytes = bytes}};
    step(context, &event);
}

static void on_closed(void *context, enum failure failure)
{
    struct self_check_run *run = context;
    struct event event = {.type = EVENT_ROUTER_CLOSED, .router = {.failure = failure}};
    run->stream = NULL;
    step(run, &event);
}

static const struct stream_handlers handlers = {.opened = on_open, .received = on_data, .closed = on_closed};

static void close_stream(struct self_check_run *run)
{
    if (run->stream != NULL)
        stream_close(run->stream);
    run->stream = NULL;
}

static void open_stream(struct self_check_run *run)
{
    const struct self_check_subject *of = &run->owner->of;
    close_stream(run);
    run->stream =
        stream_open(of->loop, of->config->router_host, of->config->router_port, of->tls, &handlers, run);
    run->failed = run->stream == NULL;
}

static void perform(struct self_check_run *run, const struct action *action)
{
    switch (action->type) {
    case ACTION_ROUTER_OPEN:
        open_stream(run);
        break;
    case ACTION_ROUTER_SEND:
        if (run->stream != NULL)
            stream_send(run->stream, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        close_stream(run);
        break;
    case ACTION_EXIT:
        run->ended = true;
        break;
    case ACTION_LAN_SEND:
    case ACTION_ANNOUNCE:
    case ACTION_GATEWAY_SEND: /* it reads only */
    case ACTION_LOG:
    case ACTION_NOTICE:
        break;
    }
}

/* ---- the end ---- */

void self_check_stop(struct self_check *s)
{
    if (s->run == NULL)
        return;
    close_stream(s->run);
    (void)munmap(s->run, sizeof(*s->run));
    s->run = NULL;
}

/* What the daemon knows of the gateway and of the policies of its user, which reading does not show. */
static void add_own_knowledge(struct survey *survey, const struct proxy_status *status)
{
    bool refuses = status->gateway_trouble == GATEWAY_REFUSES_MAPPINGS;
    survey->upstream.trouble = refuses ? GATEWAY_FINE : (uint8_t)status->gateway_trouble;
    survey->upstream.trial = refuses ? GATEWAY_TRIAL_FAILED : GATEWAY_TRIAL_NONE;
    survey->upstream.trial_result = status->gateway_result;
    survey->upstream.result = status->gateway_result;
    survey->upstream.address = status->external_address;
    survey->upstream.address_known =
        survey->upstream.trouble == GATEWAY_FINE && status->external_address != 0;
    if (status->router_failure == FAILURE_WRITE_POLICY) {
        survey->trial = TRIAL_REFUSED;
        survey->trial_error = ROS_ERROR_PERMISSION;
        survey->trial_message = log_safe(span_text(failure_text(FAILURE_WRITE_POLICY)->state));
    }
}

/* Over such a connection nothing can be read, and another one would not get further. */
static bool is_cut_off(const struct proxy_status *status)
{
    return status->router_failure != FAILURE_NONE && status->router_failure < FAILURE_READ_POLICY;
}

/* That there is no further session, because of max-sessions for instance, is not what is wrong with a daemon
 * that is logged in. */
static void excuse_own_session(struct findings *findings)
{
    for (unsigned i = 0; i < findings->count; i++)
        if (findings->at[i].id == FINDING_API || findings->at[i].id == FINDING_LOGIN)
            findings->at[i].status = FINDING_WARN;
}

static void conclude(struct self_check *s, uint64_t now_ms)
{
    struct self_check_run *run = s->run;
    struct proxy_status status = proxy_status(s->of.proxy, now_ms);
    add_own_knowledge(&run->check.survey, &status);
    judge(&run->check.survey, &run->room, &run->findings);
    if (status.router_ready && !is_cut_off(&status))
        excuse_own_session(&run->findings);
    self_findings_take(s->of.findings, &run->findings, now_ms, s->of.log);
    self_check_stop(s);
    /* The judgement takes several times as much of the stack as all else. */
    resident_trim();
}

/* ---- events ---- */

static void step_once(struct self_check_run *run, const struct event *event)
{
    check_step(&run->check, event, &run->actions);
    for (unsigned i = 0; i < run->actions.count; i++)
        perform(run, &run->actions.at[i]);
}

static void step(struct self_check_run *run, struct event *event)
{
    struct self_check *s = run->owner;
    uint64_t now_ms = clock_now_ms();
    event->now_ms = now_ms;
    step_once(run, event);
    while (run->failed) {
        const struct event closed = {
            .type = EVENT_ROUTER_CLOSED, .now_ms = now_ms, .router = {.failure = FAILURE_HERE}};
        run->failed = false;
        step_once(run, &closed);
    }
    if (run->ended)
        conclude(s, now_ms);
    arm(s, now_ms);
}

/* ---- the beginning ---- */

static void begin(struct self_check *s, uint64_t now_ms)
{
    struct proxy_status status = proxy_status(s->of.proxy, now_ms);
    struct event start = {.type = EVENT_START};
    self_check_begins(&s->when, now_ms);
    void *memory = mmap(NULL, sizeof(*s->run), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return;
    struct self_check_run *run = memory;
    s->run = run;
    run->owner = s;
    run->about = inquiry_about(s->of.config);
    run->about.password = proxy_password(s->of.proxy);
    check_init(&run->check, &run->about, true, clock_seed());
    inquiry_list_own(&run->check.survey);
    run->check.survey.local = udp_client_local(s->of.gateway);
    run->check.survey.standing_by = status.standing_by;
    run->check.survey.other_address = status.other_address;
    if (status.router_failure != FAILURE_NO_INTERFACE)
        memcpy(run->check.survey.interface, status.interface, sizeof(status.interface));
    if (!is_cut_off(&status)) {
        step(run, &start);
        return;
    }
    run->check.survey.failure = (uint8_t)status.router_failure;
    conclude(s, now_ms);
}

static void on_timer(uv_timer_t *timer)
{
    struct self_check *s = timer->data;
    uint64_t now_ms = clock_now_ms();
    struct event deadline = {.type = EVENT_DEADLINE};
    s->armed_ms = UINT64_MAX;
    if (s->run != NULL && check_deadline_ms(&s->run->check) <= now_ms)
        step(s->run, &deadline);
    else if (s->run == NULL && self_check_due_ms(&s->when) <= now_ms)
        begin(s, now_ms);
    arm(s, now_ms);
}

static void arm(struct self_check *s, uint64_t now_ms)
{
    uint64_t due_ms = s->run != NULL ? check_deadline_ms(&s->run->check) : self_check_due_ms(&s->when);
    if (due_ms == s->armed_ms)
        return;
    s->armed_ms = due_ms;
    if (due_ms == UINT64_MAX)
        (void)uv_timer_stop(&s->timer);
    else
        (void)uv_timer_start(&s->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

void self_check_watch(struct self_check *s, uint64_t now_ms)
{
    self_check_note(&s->when, proxy_condition(s->of.proxy), now_ms);
    if (!s->when.troubled) {
        self_check_stop(s);
        self_findings_end(s->of.findings, s->of.log);
    }
    arm(s, now_ms);
}

/* ---- life ---- */

void self_check_open(struct self_check *s, const struct self_check_subject *of)
{
    s->of = *of;
    s->armed_ms = UINT64_MAX;
    (void)uv_timer_init(of->loop, &s->timer);
    s->timer.data = s;
}

void self_check_close(struct self_check *s)
{
    if (s->of.loop == NULL)
        return;
    self_check_stop(s);
    uv_close((uv_handle_t *)&s->timer, NULL);
}
