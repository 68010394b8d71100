/* What is wrong with the router, in words, with the likely cause and the cure; once, when it changes. */
#include "core/router.h"

static const char component[] = "router";

static void report_failure(enum failure failure, struct actions *out)
{
    const struct failure_text *t = failure_text(failure);
    enum log_level level = t->must_act ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
    if (failure == FAILURE_NONE)
        return;
    if (t->remedy == NULL)
        actions_log(out, level, component, "%s; connecting again", t->text);
    else
        actions_log(out, level, component, "%s; %s; trying on", t->text, t->remedy);
}

void router_report(struct router *r, enum router_trouble trouble, struct span message, struct actions *out)
{
    uint8_t failure = trouble == ROUTER_TROUBLE_SESSION ? r->session[0].failure : FAILURE_NONE;
    if (r->trouble == (uint8_t)trouble && r->trouble_failure == failure)
        return;
    r->trouble = (uint8_t)trouble;
    r->trouble_failure = failure;
    switch (trouble) {
    case ROUTER_TROUBLE_NONE:
        break;
    case ROUTER_TROUBLE_SESSION:
        report_failure((enum failure)failure, out);
        break;
    case ROUTER_TROUBLE_READ_POLICY:
        actions_log(out, LOG_LEVEL_ERROR, component,
                    "the API user may not read the router's tables: /user/group/set [find name=<group>] "
                    "policy=read,write,test,api");
        break;
    case ROUTER_TROUBLE_WRITE_POLICY:
        actions_log(out, LOG_LEVEL_ERROR, component,
                    "the API user may not change NAT rules: /user/group/set [find name=<group>] "
                    "policy=read,write,test,api");
        break;
    case ROUTER_TROUBLE_NO_INTERFACE:
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the router has no route to the gateway, so the interface for the rules is not known and nothing "
            "is mapped; is the tunnel up? or set MIKROTIK_IN_INTERFACE; trying on gateway=%s",
            address_text(r->gateway).text);
        break;
    case ROUTER_TROUBLE_COMMAND:
        actions_log(out, LOG_LEVEL_WARN, component, "the router refused a command; trying on message=\"%s\"",
                    log_safe(message).text);
        break;
    }
}
