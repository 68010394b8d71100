/* The router's API: reachable, the login, the policies, the version, the service. */
#include <stdio.h>

#include "check/judge_parts.h"

/* ---- the connection and the login ---- */

static void judge_unreachable(const struct survey *s, struct findings *out)
{
    static const struct failure_text stopped = {.state = "the router was not read: the check was stopped",
                                                .cure = ""};
    bool failed = s->failure != FAILURE_NONE;
    char where[sizeof(struct log_safe) + sizeof " port 65535"];
    (void)snprintf(where, sizeof where, "%s port %u", log_safe(span_text(s->config->router_host)).text,
                   (unsigned)s->config->router_port);
    judge_failure(s, out, FINDING_API, failed ? failure_text((enum failure)s->failure) : &stopped, where);
}

static void judge_login(const struct survey *s, struct findings *out)
{
    struct log_safe user = log_safe(span_text(s->config->user));
    if (s->logged_in) {
        (void)finding_add(out, FINDING_LOGIN, FINDING_PASS, "logged in as %s; its policy api is there",
                          user.text);
        return;
    }
    struct finding *f = finding_add(
        out, FINDING_LOGIN, FINDING_FAIL,
        "the router refuses the login as %s: the password, the user's allowed addresses, or no policy api",
        user.text);
    finding_cure(f, "/user/set [find name=%s] password=CHANGE-ME",
                 ros_quote(span_text(s->config->user)).text);
}

/* ---- policies ---- */

static void cure_policies(const struct survey *s, struct finding *f)
{
    finding_cure(f, "/user/group/set [find name=[/user/get [find name=%s] group]] policy=read,write,test,api",
                 ros_quote(span_text(s->config->user)).text);
}

/* A table that could not be read, or not completely, so that the findings are uncertain. */
static const struct table *find_gap(const struct survey *s)
{
    for (unsigned i = 0; i < TABLES; i++) {
        const struct table *table = &s->table[i];
        bool refused = table->state == TABLE_REFUSED && table->error != ROS_ERROR_NO_COMMAND;
        if (i != TABLE_ROUTE_CHECK && (refused || table->incomplete))
            return table;
    }
    return NULL;
}

static bool judge_read(struct scene *scene)
{
    const struct table *first = &scene->s->table[TABLE_RESOURCE];
    if (first->state == TABLE_UNASKED)
        return false;
    const struct table *gap = find_gap(scene->s);
    struct finding *f;
    if (gap == NULL) {
        (void)finding_add(scene->out, FINDING_POLICY_READ, FINDING_PASS, "policy read: tables can be read");
    } else if (first->state == TABLE_READ) {
        (void)finding_add(scene->out, FINDING_POLICY_READ, FINDING_WARN,
                          "not all tables could be read, so not all of this is sure (%s)",
                          gap->incomplete ? "too many rows" : gap->message.text);
    } else {
        bool permission = first->error == ROS_ERROR_PERMISSION;
        f = finding_add(scene->out, FINDING_POLICY_READ, FINDING_FAIL, "%s (%s)",
                        permission ? "policy read is missing: nothing can be read"
                                   : "the router refuses to be read",
                        first->message.text);
        if (permission)
            cure_policies(scene->s, f);
    }
    return first->state == TABLE_READ;
}

static void judge_test(struct scene *scene)
{
    const struct table *table = &scene->s->table[TABLE_ROUTE_CHECK];
    if (table->state == TABLE_UNASKED)
        return;
    if (table->state == TABLE_REFUSED && table->error == ROS_ERROR_NO_COMMAND) {
        (void)finding_add(scene->out, FINDING_POLICY_TEST, FINDING_PASS,
                          "policy test is not needed: this RouterOS has no /ip/route/check");
        return;
    }
    if (table->state == TABLE_REFUSED && table->error == ROS_ERROR_PERMISSION) {
        struct finding *f =
            finding_add(scene->out, FINDING_POLICY_TEST, FINDING_WARN,
                        "policy test is missing: /ip/route/check cannot be asked, and the interface to the "
                        "gateway is guessed from the routing table");
        cure_policies(scene->s, f);
        return;
    }
    (void)finding_add(scene->out, FINDING_POLICY_TEST, FINDING_PASS, "policy test: /ip/route/check answers");
}

void judge_trial(struct scene *scene)
{
    const struct survey *s = scene->s;
    struct finding *f;
    switch ((enum trial)s->trial) {
    case TRIAL_NONE:
        break;
    case TRIAL_UNDONE:
        (void)finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_PASS,
                          "policy write: a disabled rule was added and removed again%s",
                          s->leftovers > 0 ? ", and one that an earlier check had left" : "");
        break;
    case TRIAL_REFUSED:
        f = finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_FAIL, "%s (%s)",
                        s->trial_error == ROS_ERROR_PERMISSION
                            ? "policy write is missing: no rule can be made"
                            : "the router refuses a rule",
                        s->trial_message.text);
        if (s->trial_error == ROS_ERROR_PERMISSION)
            cure_policies(s, f);
        break;
    case TRIAL_STAYS:
        f = finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_FAIL,
                        "a disabled rule that this check made may still be there; the next check removes it");
        finding_cure(f, "/ip/firewall/nat/remove [find comment=\"double-natpmp/%s check, may be removed\"]",
                     s->config->instance);
        break;
    }
}

bool judge_api(struct scene *scene)
{
    const struct survey *s = scene->s;
    bool refused = s->failure == FAILURE_LOGIN;
    if (!s->logged_in && !refused) {
        judge_unreachable(s, scene->out);
        return false;
    }
    if (s->failure == FAILURE_NONE || refused)
        (void)finding_add(scene->out, FINDING_API, FINDING_PASS, "the API at %s port %u answers, service %s",
                          log_safe(span_text(s->config->router_host)).text, (unsigned)s->config->router_port,
                          judge_service_name(s));
    else
        judge_unreachable(s, scene->out);
    judge_login(s, scene->out);
    if (!s->logged_in)
        return false;
    bool read = judge_read(scene);
    judge_trial(scene);
    judge_test(scene);
    return read;
}

/* ---- what the router is ---- */

static const char *dialect_text(enum container_dialect dialect)
{
    switch (dialect) {
    case CONTAINER_NONE:
        return "no containers";
    case CONTAINER_7_19:
        return "containers as up to 7.19";
    case CONTAINER_7_20:
        return "containers as in 7.20";
    case CONTAINER_7_21:
        return "containers as from 7.21 on";
    }
    return "";
}

void judge_version(struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_RESOURCE);
    const struct ros_sentence *row = table_rows_next(&rows);
    struct span text = span_of(NULL, 0);
    if (row != NULL)
        (void)row_get(row, "version", &text);
    struct log_safe safe = log_safe(text);
    if (!scene->version_known) {
        (void)finding_add(scene->out, FINDING_VERSION, FINDING_WARN,
                          "the router's version \"%s\" is not a known form", safe.text);
        return;
    }
    /* Before 6.43 the login asks for a hash of the password, but only after the client has sent it in clear
     * text. */
    bool old = scene->version.major < 6 || (scene->version.major == 6 && scene->version.minor < 43);
    struct finding *f = finding_add(
        scene->out, FINDING_VERSION, old ? FINDING_WARN : FINDING_PASS, "RouterOS %s: %s, %s%s", safe.text,
        ros_version_has_route_check(scene->version) ? "finds the interface by /ip/route/check"
                                                    : "finds the interface in the routing table",
        dialect_text(ros_version_dialect(scene->version)),
        old ? "; the login of this version is outdated" : "");
    if (old)
        finding_cure(f, "/system/package/update/install");
}

/* The daemon's sessions and the one of this check. */
enum { SESSIONS_WANTED = ROUTER_SESSIONS_MAX + 1 };

void judge_service(struct scene *scene)
{
    const char *name = judge_service_name(scene->s);
    struct table_rows rows = table_rows_of(scene->s, TABLE_SERVICE);
    const struct ros_sentence *row;
    struct span text;
    uint64_t max = 0;
    while ((row = table_rows_next(&rows)) != NULL && !row_is(row, "name", name))
        ;
    if (row == NULL)
        return;
    bool listed = row_get(row, "address", &text) || row_get(row, "available-from", &text);
    struct log_safe from = log_safe(listed ? text : span_text("any address"));
    if (ros_flag(row, "disabled")) {
        struct finding *f = finding_add(scene->out, FINDING_SERVICE, FINDING_FAIL,
                                        "service %s is disabled: it was reached in another way", name);
        finding_cure(f, "/ip/service/enable %s", name);
    } else if (row_get(row, "max-sessions", &text) && parse_decimal(text, UINT32_MAX, &max) &&
               max < SESSIONS_WANTED) {
        struct finding *f = finding_add(scene->out, FINDING_SERVICE, FINDING_WARN,
                                        "service %s allows %u sessions; the daemon opens up to %u", name,
                                        (unsigned)max, (unsigned)ROUTER_SESSIONS_MAX);
        finding_cure(f, "/ip/service/set %s max-sessions=20", name);
    } else {
        (void)finding_add(scene->out, FINDING_SERVICE, FINDING_PASS, "service %s is enabled, for %s", name,
                          from.text);
    }
}
