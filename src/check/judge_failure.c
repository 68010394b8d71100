/* Findings about what does not work at all, in the words of base/failure.h. */
#include <stdio.h>

#include "check/judge_parts.h"

const char *judge_service_name(const struct survey *s)
{
    return s->config->tls ? "api-ssl" : "api";
}

static void write_filled(struct writer *w, const struct survey *s, const char *text)
{
    const struct check_config *c = s->config;
    char port[sizeof "65535"];
    (void)snprintf(port, sizeof port, "%u", (unsigned)c->router_port);
    struct ros_quoted user = ros_quote(span_text(c->user));
    struct log_safe host = log_safe(span_text(c->router_host));
    struct address_text gateway = address_text(c->gateway);
    struct address_text local = address_text(s->local != 0 ? s->local : s->owns > 0 ? s->own[0] : 0);
    const struct {
        const char *name;
        const char *value;
    } blanks[] = {{"{gateway}", gateway.text},
                  {"{service}", judge_service_name(s)},
                  {"{port}", port},
                  {"{host}", host.text},
                  {"{user}", user.text},
                  {"{address}", local.text}};
    while (*text != '\0') {
        unsigned i = 0;
        while (i < ARRAY_LEN(blanks) && strncmp(text, blanks[i].name, strlen(blanks[i].name)) != 0)
            i++;
        if (i < ARRAY_LEN(blanks)) {
            write_text(w, blanks[i].value);
            text += strlen(blanks[i].name);
        } else {
            write_u8(w, (uint8_t)*text);
            text++;
        }
    }
}

struct finding *judge_failure(const struct survey *s, struct findings *out, enum finding_id id,
                              const struct failure_text *t, const char *where)
{
    bool cause = t->cause != NULL;
    struct finding *f = finding_add(out, id, FINDING_FAIL, "%s%s%s (%s)", t->state, cause ? ": " : "",
                                    cause ? t->cause : "", where);
    char text[FINDING_CURE_MAX];
    struct writer w = writer_of(text, sizeof text);
    write_filled(&w, s, t->cure);
    finding_cure(f, "%.*s", (int)writer_span(&w).len, text);
    return f;
}
