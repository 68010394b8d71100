/* What the gateway is asked. */
#include "book.h"
#include "bytes.h"

enum {
    LATE_MAX_MS = 64000, /* a reply can be so late */
    /* The answer to an address request, of which one follows each minute, may arrive so long after the last
     * datagram that asked. */
    ADDRESS_LATE_MS = 30000,
    SILENT_REQUESTS = 5,
    SILENT_MS = 3750,
    SILENT_ADDRESSES = 3,
    SHORT_MS = 1000,
    ATTEMPT_FIRST_MS = 250,
    ATTEMPT_SLACK_MS = 500,
};

static void note_unheard(struct book *b, uint64_t now_ms, bool address)
{
    if (b->own.unheard++ == 0) {
        b->own.unheard_ms = now_ms;
        b->own.unheard_addresses = 0;
    }
    b->own.unheard_addresses += address;
    if (b->own.unsure_unheard++ == 0)
        b->own.unsure_unheard_ms = now_ms;
    /* It may ignore requests for mappings. */
    if (b->own.unheard >= SILENT_REQUESTS && now_ms >= b->own.unheard_ms + SILENT_MS &&
        b->own.unheard_addresses >= SILENT_ADDRESSES)
        b->own.silent = true;
    if (b->own.unsure_unheard >= SILENT_REQUESTS && now_ms >= b->own.unsure_unheard_ms + SILENT_MS)
        b->own.maybe_silent = true;
}

static void ask_address(struct book *b, uint64_t now_ms)
{
    if (b->own.address_open)
        book_gateway_trouble(b, now_ms);
    if (now_ms > b->own.address_sent_ms + ADDRESS_LATE_MS)
        b->own.address_questions = 0;
    if (!b->own.address_open || b->own.address_maybe) {
        b->own.address_asked_ms = now_ms;
        b->own.address_is_first = b->own.address_questions == 0;
    }
    b->own.address_open = true;
    b->own.address_maybe = false;
    b->own.address_questions++;
    b->own.address_sent_ms = now_ms;
    note_unheard(b, now_ms, true);
}

/* Section 3.3: a renewal suggests the port that is mapped. A gateway may be particular about the suggestion
 * [G5]: what it refuses is requested once more with the internal port, and so are the next tries. */
static void check_suggestion(struct book *b, uint64_t now_ms, struct book_lease *lease)
{
    const struct book_mapping *m = book_owner_of(b, lease);
    const struct book_rule *rule = m ? book_rule_of(b, m->address, m->tcp, m->port) : NULL;
    const struct book_mapping *other =
        lease->suggested == 0 ? NULL
                              : book_other_holder(b, rule ? m : NULL, lease->tcp, lease->suggested, now_ms);
    char text[48];

    lease->suggested_of = other ? other->address : 0;
    if (!m || !rule || rule->router_port != lease->router_port || b->config.symmetric ||
        book_excused(b, m->address, m->tcp, m->port))
        return;
    /* The client itself may have been told that port while the other one's lease was over. It still has it
     * when the gateway restarts, until it hears of that. */
    bool has = m->external_port == lease->suggested && m->until_ms > now_ms && !m->doubtful;
    if (other && !has)
        book_fail(b, "port %u is suggested for router port %u, and %s has it", lease->suggested,
                  lease->router_port, book_name(other, text));
    /* What was granted after a client's deletion was told to nobody. */
    bool told = m->external_port == lease->grant[0].port;
    if (told && book_lease_is_sure(b, lease, now_ms + SHORT_MS) &&
        lease->grant[0].got_ms + SHORT_MS < now_ms && lease->suggested != lease->grant[0].port &&
        !(lease->suggested == lease->router_port && now_ms < lease->particular_ms + BOOK_PARTICULAR_MS))
        book_fail(b, "port %u is suggested at the renewal of external port %u", lease->suggested,
                  lease->grant[0].port);
}

/* What was asked for a shorter time may be granted without a word. */
static void shorten(struct book_lease *lease, uint64_t now_ms, uint32_t lifetime_s)
{
    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].ends_ms > now_ms + (uint64_t)lifetime_s * 1000)
            lease->grant[i].ends_ms = now_ms + (uint64_t)lifetime_s * 1000;
        if (lease->grant[i].latest_ms > now_ms + (uint64_t)lifetime_s * 1000)
            lease->grant[i].latest_ms = now_ms + (uint64_t)lifetime_s * 1000;
    }
}

/* The rules may have changed while another process served. */
static void find_owner(const struct book *b, struct book_lease *lease)
{
    for (unsigned i = 0; i < b->rule_count && !b->config.symmetric; i++) {
        const struct book_rule *rule = &b->rules[i];

        if (rule->tcp != lease->tcp || rule->router_port != lease->router_port || rule->by_hand ||
            !book_mapping_of_rule(b, rule))
            continue;

        lease->owner = rule->address;
        lease->owner_port = rule->port;
    }
}

static bool is_granted(const struct book_lease *lease, uint16_t port)
{
    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].port == port)
            return true;
    }
    return false;
}

/* What was granted, or may have been granted without a word. */
static uint64_t may_live_ms(const struct book_lease *lease)
{
    uint64_t gone_ms = book_lease_gone_ms(lease);
    uint64_t asked_ms = lease->sent_ms + (uint64_t)lease->asked_s * 1000;
    bool unanswered = (lease->open || lease->maybe_open) && !lease->deletes;

    return unanswered && asked_ms > gone_ms ? asked_ms : gone_ms;
}

static void ask_mapping(struct book *b, uint64_t now_ms, const uint8_t *bytes)
{
    uint32_t lifetime_s = get32(bytes + 8);
    struct book_lease *lease = book_take_lease(b, bytes[1] == 2, get16(bytes + 4));
    uint64_t next_ms = lease->sent_ms + ((uint64_t)ATTEMPT_FIRST_MS << lease->sends) / 2 + ATTEMPT_SLACK_MS +
                       b->config.late_ms;
    /* A request without a suggestion that is not answered suggests the internal port later [G5]. */
    bool suggestion = lease->suggested == get16(bytes + 6) ||
                      (lease->suggested == 0 && get16(bytes + 6) == get16(bytes + 4));
    bool again = (lease->open || lease->maybe_open) && lease->asked_s == lifetime_s && suggestion;
    unsigned sends_max = lifetime_s == 0 ? BOOK_DELETE_ATTEMPTS_MAX : BOOK_ATTEMPTS_MAX;
    bool same = again && lease->open && lease->sends < sends_max && now_ms <= next_ms;
    /* One that comes too early to be the next retransmission may be a new request. */
    bool early = now_ms + UINT64_C(2) * ATTEMPT_SLACK_MS < next_ms;

    /* The gateway's only port is another one by now. */
    if (b->config.symmetric && lifetime_s == 0 && !is_granted(lease, get16(bytes + 4))) {
        note_unheard(b, now_ms, false);
        lease->left_ms = now_ms;
        lease->left_port = get16(bytes + 4);
        return;
    }
    if (lifetime_s == 0)
        book_lingers(b, lease, may_live_ms(lease));
    note_unheard(b, now_ms, false);
    if (now_ms > lease->sent_ms + LATE_MAX_MS)
        lease->unanswered = 0;
    if (!same)
        lease->is_first = lease->unanswered == 0;
    lease->unanswered++;
    if (!same && lifetime_s == 0 && lease->open && lease->deletes && lease->sends > 1)
        lease->quiet_ms = lease->sent_ms + BOOK_COPY_MS; /* of a deletion that was given up */
    lease->mapped_ms = lifetime_s != 0 ? now_ms : lease->mapped_ms;
    lease->sent_before_ms = lease->sent_ms;
    lease->sent_ms = now_ms;
    lease->router_port = get16(bytes + 4);
    find_owner(b, lease);
    lease->sends = same ? lease->sends + 1 : 1;
    if (lease->open)
        book_gateway_trouble(b, now_ms);
    lease->suggested = get16(bytes + 6);
    if (!same || early || lease->may_be_given_up)
        lease->restarted_ms = now_ms;
    lease->may_be_given_up = false;
    if (same)
        return;
    lease->asked_ms = now_ms;
    lease->asked_s = lifetime_s;
    lease->open = true;
    lease->maybe_open = false;
    lease->deletes = lifetime_s == 0;
    if (lease->deletes) {
        lease->deleted_ms = now_ms;
        lease->grants = 0;
        return;
    }
    if (now_ms < lease->quiet_ms)
        book_fail(b, "router port %u is requested, and a copy of its deletion may be under way",
                  lease->router_port);
    shorten(lease, now_ms, lifetime_s);
    if (!again || now_ms > next_ms) /* it may be a retransmission */
        check_suggestion(b, now_ms, lease);
}

void book_to_gateway(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len)
{
    if (!b->own.serves)
        book_fail(b, "a daemon that stands by asks the gateway");
    if (len == 2)
        ask_address(b, now_ms);
    else if (len == 12)
        ask_mapping(b, now_ms, bytes);
}
