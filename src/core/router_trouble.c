/* Logs what is wrong with the router, with the likely cause and the remedy; once, when it changes. */
#include "core/router.h"

static const char component[] = "router";

/* A route makes the way certain, if there is just one candidate that it can lead through. */
static void log_no_way(const struct router *r, const struct failure_text *t, const char *candidate,
                       struct actions *out)
{
    struct address_text gateway = address_text(r->way.gateway);
    if (candidate[0] == '\0')
        actions_log_state(out, LOG_LEVEL_WARN, component, "%s: %s; retrying gateway=%s fix=\"%s\"", t->state,
                          t->cause, gateway.text, t->remedy);
    else
        actions_log_state(out, LOG_LEVEL_WARN, component,
                          "%s: %s; retrying gateway=%s fix=\"/ip/route/add dst-address=%s/32 gateway=%s\"",
                          t->state, t->cause, gateway.text, gateway.text, candidate);
}

void router_report(struct router *r, enum failure failure, struct span message, struct actions *out)
{
    const struct failure_text *t = failure_text(failure);
    enum log_level level = t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
    /* Answers to other commands do not show the way. */
    bool hidden = r->trouble == FAILURE_NO_INTERFACE && failure == FAILURE_NONE && r->ready &&
                  r->way.interface[0] == '\0';
    /* `health` does not count it, so it does not end what counts. */
    bool lesser = failure == FAILURE_COMMAND && r->trouble >= FAILURE_READ_POLICY;
    if (r->trouble == (uint8_t)failure || hidden || lesser)
        return;
    r->trouble = (uint8_t)failure;
    if (failure == FAILURE_COMMAND)
        actions_log_state(out, level, component, "the router refused a command; retrying message=\"%s\"",
                          log_safe(message).text);
    else if (failure == FAILURE_UNANSWERED)
        actions_log_state(out, level, component, "%s: %s; retrying seconds=%u command=%s fix=\"%s\"",
                          t->state, t->cause, (unsigned)UNANSWERED_MS / 1000, log_safe(message).text,
                          t->remedy);
    else if (failure == FAILURE_NO_INTERFACE)
        log_no_way(r, t, log_safe(message).text, out);
    else if (failure != FAILURE_NONE)
        actions_log_failure(out, component, t);
}
