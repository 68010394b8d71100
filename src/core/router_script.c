/* Runs a script of the router when something has changed (ON_CHANGE_SCRIPT). The script reads what it needs
 * from the comments of our rules, so only the last state counts, and changes that follow each other closely
 * are one run. */
#include "core/router.h"

enum {
    /* Two halves of one change, such as TCP and UDP of one port, need one run. */
    GATHER_MS = 1000,
    APART_MS = CHANGE_SCRIPT_PERIOD_S * 1000,
};

static const char component[] = "router";

void router_set_script(struct router *r, const char *name)
{
    r->script.name = name[0] != '\0' ? name : NULL;
}

void router_want_script(struct router *r, uint64_t now_ms)
{
    struct change_script *script = &r->script;
    if (script->name == NULL || script->wanted)
        return;
    script->wanted = true;
    script->due_ms = now_ms + GATHER_MS;
    if (script->ran_ms != 0)
        script->due_ms = later_ms(script->due_ms, script->ran_ms + APART_MS);
}

bool router_finish_script(struct router *r, uint64_t now_ms)
{
    struct change_script *script = &r->script;
    script->due_ms = now_ms;
    return r->ready && (script->wanted || script->running);
}

void router_script_tick(struct router *r, const struct step *step)
{
    struct change_script *script = &r->script;
    if (router_script_due_ms(r) > step->now_ms)
        return;
    script->wanted = false;
    script->running = true;
    script->ran_ms = step->now_ms;
    struct writer w = session_begin(main_session(r), COMMAND_SCRIPT, 0, "/system/script/run", step);
    ros_write_pair_text(&w, "=number=", script->name);
    session_end(main_session(r), &w, step->out);
}

uint64_t router_script_due_ms(const struct router *r)
{
    bool may = r->script.wanted && !r->script.running && session_free(&r->session[0]);
    return may ? r->script.due_ms : UINT64_MAX;
}

static const char *remedy(enum ros_error error)
{
    if (error == ROS_ERROR_NO_SUCH_ITEM)
        return "add it with /system/script/add, or correct ON_CHANGE_SCRIPT";
    if (error == ROS_ERROR_PERMISSION)
        return "give the API user's group every policy of the script, or the script "
               "dont-require-permissions=yes";
    return "run it by hand: /system/script/run";
}

/* Each run fails for the same reason until somebody removes it. */
static void report(struct router *r, const struct command *c, struct actions *out)
{
    uint8_t failed = c->failed ? (uint8_t)(c->error + 1) : 0;
    if (failed == r->script.failed)
        return;
    r->script.failed = failed;
    if (c->failed)
        actions_log(out, LOG_LEVEL_WARN, component,
                    "the script of ON_CHANGE_SCRIPT failed script=\"%s\" message=\"%s\" fix=\"%s\"",
                    log_safe(span_text(r->script.name)).text, c->message.text,
                    remedy((enum ros_error)c->error));
    else
        actions_log(out, LOG_LEVEL_INFO, component,
                    "the script of ON_CHANGE_SCRIPT works again script=\"%s\"",
                    log_safe(span_text(r->script.name)).text);
}

void router_script_done(struct router *r, const struct command *c, const struct step *step)
{
    r->script.running = false;
    r->script.cut_off = false;
    report(r, c, step->out);
}

void router_script_given_up(struct router *r, const struct step *step)
{
    struct command endless = {.failed = true,
                              .error = ROS_ERROR_OTHER,
                              .message = log_safe(span_text("it runs for more than a minute"))};
    router_script_done(r, &endless, step);
}

/* It may not have begun, so it is run again, but only once: the script itself may end the connection. */
void router_script_lost(struct router *r, uint64_t now_ms)
{
    r->script.running = false;
    if (!r->script.cut_off)
        router_want_script(r, now_ms);
    r->script.cut_off = true;
}
