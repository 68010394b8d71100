/* Logs what is wrong with the router, with the likely cause and the remedy; once, when it changes. */
#include "core/router.h"

static const char component[] = "router";

void router_report(struct router *r, enum failure failure, struct span message, struct actions *out)
{
    const struct failure_text *t = failure_text(failure);
    enum log_level level = t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
    if (r->trouble == (uint8_t)failure)
        return;
    r->trouble = (uint8_t)failure;
    if (failure == FAILURE_COMMAND)
        actions_log_state(out, level, component, "the router refused a command; retrying message=\"%s\"",
                          log_safe(message).text);
    else if (failure == FAILURE_NO_INTERFACE)
        actions_log_state(out, level, component, "%s: %s; retrying gateway=%s fix=\"%s\"", t->state, t->cause,
                          address_text(r->gateway).text, t->remedy);
    else if (failure != FAILURE_NONE)
        actions_log_failure(out, component, t);
}
