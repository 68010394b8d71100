/* The script of ON_CHANGE_SCRIPT: it is there, and the API user may run it. RouterOS runs a script only for a
 * user who has all policies of the script, unless the script says dont-require-permissions=yes. */
#include "check/judge_parts.h"

/* The first policy of the script that the user does not have; empty: there is none. */
static struct span missing_policy(struct span needed, struct span granted)
{
    while (needed.len > 0) {
        size_t len = 0;
        while (len < needed.len && needed.data[len] != ',')
            len++;
        struct span word = span_of(needed.data, len);
        if (len > 0 && !judge_has_word(granted, word))
            return word;
        needed = span_skip(needed, len < needed.len ? len + 1 : len);
    }
    return needed;
}

static void judge_policies(struct scene *scene, const struct ros_sentence *script, const char *name)
{
    const struct survey *s = scene->s;
    struct table_rows groups = table_rows_of(s, TABLE_GROUP);
    struct span needed = span_of(NULL, 0);
    struct span granted;
    (void)row_get(script, "policy", &needed);
    if (ros_flag(script, "dont-require-permissions")) {
        (void)finding_add(scene->out, FINDING_SCRIPT, FINDING_PASS,
                          "the script %s of ON_CHANGE_SCRIPT is there, and needs no policies", name);
        return;
    }
    bool known = judge_find_policies(s, &groups, &granted);
    struct span missing = known ? missing_policy(needed, granted) : span_of(NULL, 0);
    if (known && missing.len == 0) {
        (void)finding_add(scene->out, FINDING_SCRIPT, FINDING_PASS,
                          "the script %s of ON_CHANGE_SCRIPT is there, and the user has its policies", name);
        return;
    }
    struct finding *f =
        known ? finding_add(
                    scene->out, FINDING_SCRIPT, FINDING_FAIL,
                    "the script %s of ON_CHANGE_SCRIPT needs the policy %s, which the user does not have",
                    name, log_safe(missing).text)
              : finding_add(scene->out, FINDING_SCRIPT, FINDING_WARN,
                            "the script %s of ON_CHANGE_SCRIPT is there; the user's policies are not known",
                            name);
    finding_cure(f, "/system/script/set [find name=%s] dont-require-permissions=yes",
                 ros_quote(span_text(s->config->change_script)).text);
}

void judge_script(struct scene *scene)
{
    const struct survey *s = scene->s;
    const struct table *table = &s->table[TABLE_SCRIPT];
    const struct log_safe name = log_safe(span_text(s->config->change_script));
    if (s->config->change_script[0] == '\0' || table->state == TABLE_UNASKED)
        return;
    struct table_rows scripts = table_rows_of(s, TABLE_SCRIPT);
    const struct ros_sentence *script = table_find(&scripts, "name", s->config->change_script);
    if (script != NULL && ros_flag(script, "invalid")) {
        finding_cure(
            finding_add(scene->out, FINDING_SCRIPT, FINDING_FAIL,
                        "the script %s of ON_CHANGE_SCRIPT is invalid: its source has an error", name.text),
            "/system/script/print detail where name=%s", ros_quote(span_text(s->config->change_script)).text);
        return;
    }
    if (script != NULL) {
        judge_policies(scene, script, name.text);
        return;
    }
    if (table->state != TABLE_READ || table->incomplete) {
        (void)finding_add(scene->out, FINDING_SCRIPT, FINDING_WARN,
                          "whether the router has the script %s of ON_CHANGE_SCRIPT is not known (%s)",
                          name.text, table->incomplete ? "too many rows" : table->message.text);
        return;
    }
    struct finding *f = finding_add(scene->out, FINDING_SCRIPT, FINDING_FAIL,
                                    "the router has no script %s, which ON_CHANGE_SCRIPT names", name.text);
    finding_cure(f, "/system/script/add name=%s policy=read,write,test source=\":log info changed\"",
                 ros_quote(span_text(s->config->change_script)).text);
}
