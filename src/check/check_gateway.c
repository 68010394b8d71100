/* The gateway's side: asks for its address, and makes and deletes a mapping. */
#include "check/check_parts.h"

enum {
    /* The fourth retransmission is sent after 3.75 s (RFC 6886 section 3.1); this leaves time for its
     * reply. */
    SILENCE_MS = 4500,
    /* An error may be temporary: three requests are sent in this time. */
    TROUBLE_MS = 1500,
    TEST_LIFETIME_S = 60,
    TEST_PORT_FIRST = 49152,
    TEST_PORTS = 65536 - TEST_PORT_FIRST,
    OWNER_TEST = 1,
};

static void ask_mapping(struct check *c, const struct step *step)
{
    uint16_t port;
    do
        port = (uint16_t)(TEST_PORT_FIRST + prng_below(&c->prng, TEST_PORTS));
    while (survey_has_rule(&c->survey, port));
    c->survey.upstream.internal_port = port;
    c->gateway_phase = GATEWAY_MAPPING;
    c->gateway_ms = step->now_ms;
    upstream_ask(&c->upstream, OWNER_TEST, NATPMP_UDP, port, 0, TEST_LIFETIME_S, step);
}

static void ask_deletion(struct check *c, const struct step *step)
{
    uint16_t port = c->survey.upstream.internal_port;
    c->gateway_phase = GATEWAY_DELETING;
    c->gateway_ms = step->now_ms;
    upstream_withdraw(&c->upstream, NATPMP_UDP, port, step->now_ms);
    upstream_ask(&c->upstream, OWNER_TEST, NATPMP_UDP, port, 0, 0, step);
}

/* The gateway may have granted the mapping all the same. */
static void not_granted(struct check *c, const struct step *step)
{
    c->survey.upstream.trial = c->survey.upstream.wrong != NULL ? GATEWAY_TRIAL_WRONG : GATEWAY_TRIAL_SILENT;
    ask_deletion(c, step);
}

static void take_outcome(struct check *c, const struct upstream_outcome *o, const struct step *step)
{
    if (o->type == UPSTREAM_UNSOLICITED)
        (void)upstream_on_stranger(&c->upstream, o, false, step);
    if (o->owner != OWNER_TEST)
        return;
    if (o->type == UPSTREAM_WRONG || o->type == UPSTREAM_NOT_GRANTED)
        c->survey.upstream.wrong = upstream_wrong_text(o, NATPMP_UDP, c->survey.upstream.internal_port);
    if (c->gateway_phase == GATEWAY_DELETING) {
        c->survey.upstream.deleted = o->type == UPSTREAM_DELETED;
        c->gateway_phase = GATEWAY_ENDED;
    } else if (c->gateway_phase == GATEWAY_MAPPING && o->type == UPSTREAM_GRANTED) {
        c->survey.upstream.trial = GATEWAY_TRIAL_GRANTED;
        c->survey.upstream.external_port = o->external_port;
        c->survey.upstream.lifetime_s = o->lifetime_s;
        ask_deletion(c, step);
    } else if (c->gateway_phase == GATEWAY_MAPPING && o->type == UPSTREAM_FAILED) {
        c->survey.upstream.trial = GATEWAY_TRIAL_FAILED;
        c->survey.upstream.trial_result = o->result;
        c->gateway_phase = GATEWAY_ENDED;
    } else if (c->gateway_phase == GATEWAY_MAPPING && o->type == UPSTREAM_NOT_GRANTED) {
        not_granted(c, step);
    }
}

static uint64_t gateway_limit_ms(const struct check *c)
{
    bool trouble = c->upstream.trouble > GATEWAY_SILENT;
    if (c->gateway_phase != GATEWAY_ADDRESS && c->gateway_phase != GATEWAY_MAPPING)
        return UINT64_MAX;
    return c->gateway_ms + (trouble ? TROUBLE_MS : SILENCE_MS);
}

/* To be called when the address is known, or the gateway did not give it in time. */
static void note_address(struct check *c)
{
    c->survey.upstream.trouble = c->upstream.trouble;
    c->survey.upstream.result = c->upstream.trouble_result;
    c->survey.upstream.address_known = c->upstream.address_known;
    c->survey.upstream.address = c->upstream.address;
    /* Who refuses the one request may grant the other. */
    bool answers = c->upstream.address_known || gateway_trouble_is_an_answer(c->upstream.trouble);
    c->gateway_phase = answers ? GATEWAY_WAITING : GATEWAY_ENDED;
}

void check_tick_gateway(struct check *c, const struct step *step)
{
    struct upstream_outcome outcome;
    if (c->gateway_phase == GATEWAY_ENDED)
        return;
    if (c->gateway_phase != GATEWAY_WAITING)
        upstream_tick(&c->upstream, step);
    while (upstream_next(&c->upstream, step->now_ms, &outcome))
        take_outcome(c, &outcome, step);
    bool over = c->stopping || gateway_limit_ms(c) <= step->now_ms;
    if (c->gateway_phase == GATEWAY_ADDRESS && (c->upstream.address_known || over))
        note_address(c);
    if (c->gateway_phase == GATEWAY_WAITING && c->stopping)
        c->gateway_phase = GATEWAY_ENDED;
    if (c->gateway_phase == GATEWAY_WAITING && c->phase > PHASE_READING) {
        ask_mapping(c, step);
        upstream_tick(&c->upstream, step); /* a slow router may have taken minutes */
    }
    if (c->gateway_phase == GATEWAY_MAPPING && (c->stopping || gateway_limit_ms(c) <= step->now_ms))
        not_granted(c, step);
}

uint64_t check_gateway_deadline_ms(const struct check *c)
{
    uint64_t limit_ms = gateway_limit_ms(c);
    if (c->gateway_phase == GATEWAY_ENDED || c->gateway_phase == GATEWAY_WAITING)
        return UINT64_MAX;
    uint64_t ask_ms = upstream_deadline_ms(&c->upstream);
    return earlier_ms(ask_ms, limit_ms);
}
