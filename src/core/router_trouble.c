/* What is wrong with the router, in words, with the likely cause and the cure; once, when it changes. */
#include "core/router.h"

static const char component[] = "router";

void router_report(struct router *r, enum failure failure, struct span message, struct actions *out)
{
    const struct failure_text *t = failure_text(failure);
    enum log_level level = t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
    if (r->trouble == (uint8_t)failure)
        return;
    r->trouble = (uint8_t)failure;
    if (failure == FAILURE_NONE)
        return;
    if (failure == FAILURE_NO_INTERFACE)
        actions_log(out, level, component, "%s gateway=%s", t->text, address_text(r->gateway).text);
    else if (failure == FAILURE_COMMAND)
        actions_log(out, level, component, "%s message=\"%s\"", t->text, log_safe(message).text);
    else if (t->remedy != NULL)
        actions_log(out, level, component, "%s; %s; trying on", t->text, t->remedy);
    else
        actions_log(out, level, component, "%s", t->text);
}
