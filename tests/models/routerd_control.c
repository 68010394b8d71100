/* The control socket's commands, and the table as JSON. */
#include "routerd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

/* Comments are bytes without an encoding. Each byte becomes the character of that number. */
static void write_string(struct span text, FILE *out)
{
    putc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            fprintf(out, "\\u%04x", (unsigned)byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

static void write_rule(const struct router_model *m, const struct router_model_rule *rule, FILE *out)
{
    const char *name;
    struct span value;
    fprintf(out, "{\".id\": \"*%X\", \"dynamic\": \"%s\", \"invalid\": \"%s\", \"disabled\": \"%s\"",
            router_model_rule_id(rule), router_model_rule_dynamic(rule) ? "true" : "false",
            router_model_rule_invalid(m, rule) ? "true" : "false",
            router_model_rule_disabled(rule) ? "true" : "false");
    for (unsigned i = 0; router_model_rule_next_property(rule, &i, &name, &value);) {
        fprintf(out, ", \"%s\": ", name);
        write_string(value, out);
    }
    fputs("}", out);
}

void routerd_write_rules(const struct router_model *m, FILE *out)
{
    const char *separator = "[";
    for (const struct router_model_rule *rule = NULL; (rule = router_model_rule_next(m, rule)) != NULL;) {
        fputs(separator, out);
        write_rule(m, rule, out);
        separator = ",\n ";
    }
    fputs(*separator == '[' ? "[]\n" : "]\n", out);
}

/* A reader must see the old table or the new one, never a part of either. */
void routerd_write_state(const struct routerd *d)
{
    char path[4096];
    if (!d->config.state)
        return;
    snprintf(path, sizeof(path), "%s.new", d->config.state);
    FILE *out = fopen(path, "w");
    if (out)
        routerd_write_rules(d->model, out);
    if (!out || fclose(out) != 0 || rename(path, d->config.state) != 0)
        fprintf(stderr, "routerd: cannot write %s: %s\n", d->config.state, strerror(errno));
}

static void write_counters(const struct router_model *m, FILE *out)
{
    const struct router_model_counters *c = router_model_counters(m);
    fprintf(out,
            "{\"sessions\": %u, \"connections\": %llu, \"logins\": %llu, \"failed_logins\": %llu, "
            "\"commands\": %llu, "
            "\"adds\": %llu, \"sets\": %llu, \"removes\": %llu, \"prints\": %llu, \"traps\": %llu}\n",
            router_model_sessions(m), (unsigned long long)c->connections, (unsigned long long)c->logins,
            (unsigned long long)c->failed_logins, (unsigned long long)c->commands,
            (unsigned long long)c->adds, (unsigned long long)c->sets, (unsigned long long)c->removes,
            (unsigned long long)c->prints, (unsigned long long)c->traps);
}

/* ---- commands ---- */

static uint32_t id_of(const char *text)
{
    return (uint32_t)strtoul(text + (*text == '*'), NULL, 16);
}

static const char *done(bool fine, const struct router_model *m)
{
    return fine ? NULL : router_model_error(m);
}

static const char *add_rule(struct router_model *m, const char *attributes, bool dynamic, FILE *out)
{
    uint32_t id = router_model_rule_add(m, attributes, dynamic);
    if (!id)
        return router_model_error(m);
    fprintf(out, "*%X\n", id);
    return NULL;
}

static const char *change_rule(struct router_model *m, const char *verb, char *rest)
{
    uint32_t id = id_of(control_word(&rest));
    if (strcmp(verb, "set") == 0)
        return done(router_model_rule_set(m, id, rest), m);
    if (strcmp(verb, "unset") == 0)
        return done(router_model_rule_unset(m, id, control_word(&rest)), m);
    if (strcmp(verb, "enable") == 0)
        return done(router_model_rule_set(m, id, "disabled=no"), m);
    if (strcmp(verb, "disable") == 0)
        return done(router_model_rule_set(m, id, "disabled=yes"), m);
    if (strcmp(verb, "remove") == 0)
        return done(router_model_rule_remove(m, id), m);
    return done(router_model_rule_move(m, id, id_of(control_word(&rest))), m);
}

static const char *change_interface(struct router_model *m, char *rest)
{
    const char *name = control_word(&rest);
    const char *what = control_word(&rest);
    if (strcmp(what, "add") == 0)
        return done(router_model_interface_add(m, name, "ether"), m);
    if (strcmp(what, "remove") == 0)
        return done(router_model_interface_remove(m, name), m);
    if (strcmp(what, "up") == 0 || strcmp(what, "down") == 0)
        return done(router_model_interface_enable(m, name, what[0] == 'u'), m);
    return "add, remove, up or down";
}

static const char *change_member(struct router_model *m, char *rest)
{
    const char *list = control_word(&rest);
    const char *interface = control_word(&rest);
    if (strcmp(control_word(&rest), "remove") == 0)
        return done(router_model_member_remove(m, list, interface), m);
    return done(router_model_member_add(m, list, interface), m);
}

static const char *drop_at(struct router_model *m, char *rest)
{
    static const char *const points[] = {"before", "after", "amid", "done"};
    struct router_model_drop_fault fault = {.drop = ROUTER_MODEL_DROP_BEFORE};
    const char *point = control_word(&rest);
    unsigned i = 0;
    while (i < ARRAY_LEN(points) && strcmp(points[i], point) != 0)
        i++;
    if (i == ARRAY_LEN(points))
        return "before, after, amid or done";
    fault.drop = (enum router_model_drop)i;
    snprintf(fault.command, sizeof(fault.command), "%s", control_word(&rest));
    const char *how = control_word(&rest);
    fault.silent = strcmp(how, "silent") == 0;
    fault.reset = strcmp(how, "reset") == 0;
    router_model_drop_at(m, &fault);
    return NULL;
}

static const char *set_access(struct router_model *m, const char *name)
{
    static const char *const names[] = {"open", "refused", "silent", "close"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            router_model_set_access(m, (enum router_model_access)i);
            return NULL;
        }
    }
    return "open, refused, silent or close";
}

static const char *set_latency(struct router_model *m, char *rest)
{
    const char *min = control_word(&rest);
    const char *max = control_word(&rest);
    router_model_options(m)->latency_min_ms = (uint32_t)strtoul(min, NULL, 10);
    router_model_options(m)->latency_max_ms = (uint32_t)strtoul(*max ? max : min, NULL, 10);
    return NULL;
}

static const char *set_user(struct router_model *m, const char *verb, char *rest)
{
    const char *user = control_word(&rest);
    unsigned policies;
    if (strcmp(verb, "password") == 0) {
        router_model_set_password(m, user, control_word(&rest));
        return NULL;
    }
    if (!routerd_parse_policies(control_word(&rest), &policies))
        return "of read,write,test,api";
    router_model_set_policies(m, user, policies);
    return NULL;
}

static const char *make_trouble(struct routerd *d, const char *verb, char *rest)
{
    struct router_model *m = d->model;
    const char *first = control_word(&rest);
    if (strcmp(verb, "mute") == 0) {
        bool executes = strcmp(control_word(&rest), "executes") == 0;
        router_model_mute(m, routerd_now_ms(d) + strtoul(first, NULL, 10), executes);
    } else if (strcmp(verb, "drop") == 0) {
        router_model_drop_session(m, 0, strcmp(first, "reset") == 0);
    } else if (strcmp(verb, "reboot") == 0) {
        bool reset = strcmp(control_word(&rest), "reset") == 0;
        router_model_reboot(m, (uint32_t)strtoul(first, NULL, 10), reset);
    } else if (strcmp(verb, "fail") == 0) {
        router_model_fail_next(m, first, rest);
    } else if (strcmp(verb, "dribble") == 0) {
        router_model_options(m)->chunk_bytes = strcmp(first, "on") == 0;
        router_model_options(m)->chunk_interval_ms = 1;
    } else {
        return "unknown command";
    }
    return NULL;
}

const char *routerd_obey(struct routerd *d, char *line, FILE *out)
{
    struct router_model *m = d->model;
    const char *verb = control_word(&line);
    if (strcmp(verb, "list") == 0)
        routerd_write_rules(m, out);
    else if (strcmp(verb, "counters") == 0)
        write_counters(m, out);
    else if (strcmp(verb, "reset-counters") == 0)
        router_model_reset_counters(m);
    else if (strcmp(verb, "script") == 0 && d->config.nft_family)
        routerd_write_script(d, out);
    else if (strcmp(verb, "add") == 0 || strcmp(verb, "add-dynamic") == 0)
        return add_rule(m, line, verb[3] == '-', out);
    else if (control_is_one_of(verb, "set unset enable disable remove move"))
        return change_rule(m, verb, line);
    else if (strcmp(verb, "interface") == 0)
        return change_interface(m, line);
    else if (strcmp(verb, "member") == 0)
        return change_member(m, line);
    else if (strcmp(verb, "drop-at") == 0)
        return drop_at(m, line);
    else if (strcmp(verb, "access") == 0)
        return set_access(m, control_word(&line));
    else if (strcmp(verb, "latency") == 0)
        return set_latency(m, line);
    else if (control_is_one_of(verb, "policies password"))
        return set_user(m, verb, line);
    else
        return make_trouble(d, verb, line);
    return NULL;
}
