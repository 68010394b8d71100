#include "app/self_findings.h"

#include <stdio.h>

static const char component[] = "check";

/* A command that a line has no room for would be cut, and a part of a command would do harm. */
static void log_finding(struct log *log, const struct finding *finding)
{
    enum { AROUND = 128 }; /* what log_line() writes before the text, and the keys */
    bool fits = strlen(finding->what) + strlen(finding->cure) + AROUND < LOG_LINE_MAX;
    if (finding->cure[0] == '\0')
        log_printf(log, LOG_LEVEL_WARN, component, "%s finding=%s", finding->what,
                   finding_name((enum finding_id)finding->id));
    else
        log_printf(log, LOG_LEVEL_WARN, component, "%s finding=%s fix=\"%s\"", finding->what,
                   finding_name((enum finding_id)finding->id),
                   fits ? finding->cure : "double-natpmp status shows the command");
}

static bool is_same(const struct finding *a, const struct finding *b)
{
    return strcmp(a->what, b->what) == 0 && strcmp(a->cure, b->cure) == 0;
}

/* The one with that id; NULL: none. */
static struct self_finding *find(struct self_findings *f, uint8_t id)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->at[i].finding.id == id)
            return &f->at[i];
    return NULL;
}

static void forget(struct self_findings *f, const char *why, struct log *log)
{
    if (f->count > 0)
        log_printf(log, LOG_LEVEL_INFO, component, "%s findings=%u", why, f->count);
    f->count = 0;
}

void self_findings_take(struct self_findings *f, const struct findings *found, uint64_t now_ms,
                        struct log *log)
{
    static const uint64_t never = UINT64_MAX;
    uint64_t since_ms[FINDINGS];
    unsigned failures = 0;
    for (unsigned i = 0; i < found->count; i++) {
        const struct self_finding *before = find(f, found->at[i].id);
        bool known = before != NULL && is_same(&before->finding, &found->at[i]);
        since_ms[i] = found->at[i].status != FINDING_FAIL ? never : known ? before->since_ms : now_ms;
        failures += since_ms[i] != never;
        if (since_ms[i] != never && !known)
            log_finding(log, &found->at[i]);
    }
    if (failures == 0)
        forget(f, "the check finds no failure any more", log);
    f->count = 0;
    for (unsigned i = 0; i < found->count; i++)
        if (since_ms[i] != never)
            f->at[f->count++] = (struct self_finding){found->at[i], since_ms[i]};
    f->checked = true;
    f->checked_ms = now_ms;
}

void self_findings_end(struct self_findings *f, struct log *log)
{
    if (!f->checked)
        return; /* its memory has not been used yet */
    forget(f, "router and gateway work; what the check found is over", log);
    f->checked = false;
}
