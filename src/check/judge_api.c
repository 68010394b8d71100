/* The router's API: reachable, the login, the policies, the version, the service. */
#include <stdio.h>

#include "check/judge_parts.h"

/* ---- the connection and the login ---- */

enum { API_PORT = 8728, API_TLS_PORT = 8729 };

/* A service that does not listen there, or another one, is more likely a mistake in our setting than one of
 * the router's, on which other programs depend. */
static bool is_port_doubtful(const struct survey *s)
{
    static const enum failure doubts[] = {FAILURE_REFUSED,     FAILURE_TIMEOUT,    FAILURE_SILENT_LOGIN,
                                          FAILURE_TLS_REFUSED, FAILURE_TLS_BROKEN, FAILURE_PROTOCOL};
    for (size_t i = 0; i < ARRAY_LEN(doubts); i++)
        if (s->failure == doubts[i])
            return s->config->router_port != (s->config->tls ? API_TLS_PORT : API_PORT);
    return false;
}

static void judge_unreachable(const struct survey *s, struct findings *out)
{
    static const struct failure_text stopped = {.state = "the router was not read: the check was stopped",
                                                .cure = ""};
    bool failed = s->failure != FAILURE_NONE;
    char where[sizeof(struct log_safe) + sizeof " port 65535"];
    (void)snprintf(where, sizeof where, "%s port %u", log_safe(span_text(s->config->router_host)).text,
                   (unsigned)s->config->router_port);
    struct finding *f =
        judge_failure(s, out, FINDING_API, failed ? failure_text((enum failure)s->failure) : &stopped, where);
    if (is_port_doubtful(s))
        finding_cure(
            f,
            "correct the port in MIKROTIK_API_ADDRESS: the service %s has %u, unless it was given another "
            "one (/ip/service/print)",
            judge_service_name(s), s->config->tls ? API_TLS_PORT : API_PORT);
}

static void judge_login(const struct survey *s, struct findings *out)
{
    struct log_safe user = log_safe(span_text(s->config->user));
    if (s->logged_in) {
        (void)finding_add(out, FINDING_LOGIN, FINDING_PASS,
                          "the router accepts the login as %s, whose group has the policy api", user.text);
        return;
    }
    char who[sizeof(struct log_safe) + sizeof "user "];
    (void)snprintf(who, sizeof who, "user %s", user.text);
    struct finding *f = judge_failure(s, out, FINDING_LOGIN, failure_text(FAILURE_LOGIN), who);
    /* The password of admin is not for programs. */
    if (strcmp(s->config->user, "admin") == 0)
        finding_cure(f, "set MIKROTIK_API_USER and the password to those of a user for this program alone, "
                        "with the policies read, write, test and api");
}

/* ---- policies ---- */

/* True if the word is in the list of words that commas separate. */
bool judge_has_word(struct span list, struct span word)
{
    while (list.len > 0) {
        size_t len = 0;
        while (len < list.len && list.data[len] != ',')
            len++;
        if (span_equal(span_of(list.data, len), word))
            return true;
        list = span_skip(list, len < list.len ? len + 1 : len);
    }
    return false;
}

bool judge_find_policies(const struct survey *s, struct table_rows *groups, struct span *ret_policies)
{
    char name[MARK_NAME_MAX + 1];
    struct span group;
    struct table_rows users = table_rows_of(s, TABLE_USER);
    const struct ros_sentence *row = table_find(&users, "name", s->config->user);
    if (row == NULL || !row_get(row, "group", &group) || group.len > MARK_NAME_MAX)
        return false;
    memcpy(name, group.data, group.len);
    name[group.len] = '\0';
    row = table_find(groups, "name", name);
    return row != NULL && row_get(row, "policy", ret_policies);
}

/* What the command does not name is taken away, so it names what the group has, too. */
static void cure_policies(const struct survey *s, struct finding *f)
{
    static const char *const needed[] = {"read", "write", "test", "api"};
    struct table_rows groups = table_rows_of(s, TABLE_GROUP);
    struct span granted;
    struct span name;
    char text[256];
    struct writer w = writer_of(text, sizeof text);
    if (!judge_find_policies(s, &groups, &granted) || !row_get(groups.row, "name", &name)) {
        finding_cure(f, FAILURE_SET_POLICIES);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        write_text(&w, i > 0 ? "," : "");
        write_text(&w, needed[i]);
    }
    while (granted.len > 0) {
        const uint8_t *comma = memchr(granted.data, ',', granted.len);
        size_t len = comma != NULL ? (size_t)(comma - granted.data) : granted.len;
        struct span word = span_of(granted.data, len);
        if (len > 0 && !span_starts(word, "!") && !judge_has_word(span_text("read,write,test,api"), word)) {
            write_text(&w, ",");
            write_text(&w, log_safe(word).text);
        }
        granted = span_skip(granted, comma != NULL ? len + 1 : len);
    }
    if (!w.failed)
        finding_cure(f, "/user/group/set [find name=%s] policy=%.*s", ros_quote(name).text, (int)w.len, text);
}

/* A table that could not be read, or not completely, so that the findings are uncertain. */
static const struct table *find_gap(const struct survey *s)
{
    for (unsigned i = 0; i < TABLES; i++) {
        const struct table *table = &s->table[i];
        bool refused = table->state == TABLE_REFUSED && table->error != ROS_ERROR_NO_COMMAND;
        bool matters = i != TABLE_ROUTE_CHECK && i < TABLE_ACTIVE;
        if (matters && (refused || table->incomplete))
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
        (void)finding_add(scene->out, FINDING_POLICY_READ, FINDING_PASS,
                          "the user has the policy read: the router's tables can be read");
    } else if (first->state == TABLE_READ) {
        (void)finding_add(scene->out, FINDING_POLICY_READ, FINDING_WARN,
                          "not all tables could be read, so some findings are uncertain (%s)",
                          gap->incomplete ? "too many rows" : gap->message.text);
    } else {
        bool permission = first->error == ROS_ERROR_PERMISSION;
        f = finding_add(scene->out, FINDING_POLICY_READ, FINDING_FAIL, "%s (%s)",
                        permission ? "the user lacks the policy read: nothing can be checked"
                                   : "the router refuses to list its settings",
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
                          "the policy test is not needed: this RouterOS version has no /ip/route/check");
        return;
    }
    if (table->state == TABLE_REFUSED && table->error == ROS_ERROR_PERMISSION) {
        struct finding *f = finding_add(
            scene->out, FINDING_POLICY_TEST, FINDING_WARN,
            "the user lacks the policy test: the interface to the gateway is guessed from the routing table");
        cure_policies(scene->s, f);
        return;
    }
    (void)finding_add(scene->out, FINDING_POLICY_TEST, FINDING_PASS,
                      "the user has the policy test: /ip/route/check answers");
}

static void judge_trial(struct scene *scene)
{
    const struct survey *s = scene->s;
    struct finding *f;
    switch ((enum trial)s->trial) {
    case TRIAL_NONE:
        break;
    case TRIAL_UNDONE:
        (void)finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_PASS,
                          "the user has the policy write: a disabled rule was added and removed again%s",
                          s->leftovers > 0 ? ", and a rule that an earlier check left behind was removed"
                                           : "");
        break;
    case TRIAL_REFUSED:
        f = finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_FAIL, "%s (%s)",
                        s->trial_error == ROS_ERROR_PERMISSION
                            ? "the user lacks the policy write: no rule can be added"
                            : "the router refuses to add a rule",
                        s->trial_message.text);
        if (s->trial_error == ROS_ERROR_PERMISSION)
            cure_policies(s, f);
        break;
    case TRIAL_STAYS:
        f = finding_add(scene->out, FINDING_POLICY_WRITE, FINDING_FAIL,
                        "the disabled rule that this check added may still exist; the next check removes it");
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
        (void)finding_add(scene->out, FINDING_API, FINDING_PASS, "the API at %s port %u answers (service %s)",
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

static const char *const dialect_texts[] = {
    [CONTAINER_NONE] = "no containers",
    [CONTAINER_7_19] = "container commands as up to 7.19",
    [CONTAINER_7_20] = "container commands as in 7.20",
    [CONTAINER_7_21] = "container commands as since 7.21",
};

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
                          "the version of the router, \"%s\", has an unknown form", safe.text);
        return;
    }
    /* Before 6.43 the login asks for a hash of the password, but only after the client has sent it in clear
     * text. */
    bool old = scene->version.major < 6 || (scene->version.major == 6 && scene->version.minor < 43);
    struct finding *f = finding_add(
        scene->out, FINDING_VERSION, old ? FINDING_WARN : FINDING_PASS, "RouterOS %s: %s, %s%s", safe.text,
        ros_version_has_route_check(scene->version) ? "/ip/route/check names the interface to the gateway"
                                                    : "the routing table names the interface to the gateway",
        dialect_texts[ros_version_dialect(scene->version)],
        old ? "; its login sends the password in clear text without TLS" : "");
    if (old)
        finding_cure(f, "/system/package/update/install");
}

/* The daemon's sessions and the one of this check. */
enum { SESSIONS_WANTED = ROUTER_SESSIONS_MAX + 1 };

/* The configured service; NULL: none. */
static const struct ros_sentence *find_service(struct table_rows *rows, const char *name)
{
    const struct ros_sentence *row = table_find(rows, "name", name);
    while (row != NULL && service_row_is_connection(row))
        row = table_find(rows, "name", name);
    return row;
}

void judge_service(struct scene *scene)
{
    const char *name = judge_service_name(scene->s);
    struct table_rows rows = table_rows_of(scene->s, TABLE_SERVICE);
    const struct ros_sentence *row = find_service(&rows, name);
    struct span text;
    uint64_t max = 0;
    if (row == NULL)
        return;
    bool listed = row_get(row, "address", &text) || row_get(row, "available-from", &text);
    struct log_safe from = log_safe(listed ? text : span_text("any address"));
    if (ros_flag(row, "disabled")) {
        struct finding *f =
            finding_add(scene->out, FINDING_SERVICE, FINDING_FAIL,
                        "the service %s is disabled, although the API was reached in another way", name);
        finding_cure(f, "/ip/service/enable %s", name);
    } else if (row_get(row, "max-sessions", &text) && parse_decimal(text, UINT32_MAX, &max) &&
               max < SESSIONS_WANTED) {
        struct finding *f = finding_add(scene->out, FINDING_SERVICE, FINDING_WARN,
                                        "the service %s allows %u sessions, but the daemon opens up to %u",
                                        name, (unsigned)max, (unsigned)ROUTER_SESSIONS_MAX);
        finding_cure(f, "/ip/service/set %s max-sessions=20", name);
    } else {
        (void)finding_add(scene->out, FINDING_SERVICE, FINDING_PASS, "the service %s is enabled for %s", name,
                          from.text);
    }
}

/* True if the service answers, whoever connects, as far as its own list of addresses decides. */
static bool is_open(const struct survey *s, const char *name)
{
    struct table_rows rows = table_rows_of(s, TABLE_SERVICE);
    const struct ros_sentence *row = find_service(&rows, name);
    struct span list;
    if (row == NULL || ros_flag(row, "disabled"))
        return false;
    if (!row_get(row, "address", &list) && !row_get(row, "available-from", &list))
        return true;
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;
        struct prefix prefix;
        if (parse_prefix(span_of(list.data, len), &prefix) && prefix.length == 0)
            return true;
        list = span_skip(list, comma != NULL ? len + 1 : len);
    }
    return false;
}

/* The password of the API's user protects the whole router, and without TLS it is in each login. */
void judge_service_address(struct scene *scene)
{
    const struct survey *s = scene->s;
    struct address_text us = address_text(s->local != 0 ? s->local : s->own[0]);
    bool plain = is_open(s, "api");
    bool tls = is_open(s, "api-ssl");
    struct finding *f;
    if (s->table[TABLE_SERVICE].state != TABLE_READ)
        return;
    if (!plain && !tls) {
        (void)finding_add(scene->out, FINDING_SERVICE_ADDRESS, FINDING_PASS,
                          "the services api and api-ssl are limited to some addresses, or disabled");
        return;
    }
    f = finding_add(scene->out, FINDING_SERVICE_ADDRESS, FINDING_WARN,
                    "%s whoever reaches the router%s, because no addresses are set for %s",
                    plain && tls ? "the services api and api-ssl answer"
                    : plain      ? "the service api answers"
                                 : "the service api-ssl answers",
                    plain ? ", and api without encryption" : "", plain && tls ? "them" : "it");
    if (plain && tls)
        finding_cure(f, "/ip/service/set api address=%s/32; /ip/service/set api-ssl address=%s/32", us.text,
                     us.text);
    else
        finding_cure(f, "/ip/service/set %s address=%s/32", plain ? "api" : "api-ssl", us.text);
}
