/* The gateway: does it answer, does it grant mappings, and can the internet reach its address? */
#include "check/judge_parts.h"
#include "base/address_use.h"
#include "core/lease.h"

static void judge_silent(const struct survey *s, struct findings *out)
{
    enum gateway_trouble trouble =
        s->upstream.trouble > GATEWAY_SILENT ? (enum gateway_trouble)s->upstream.trouble : GATEWAY_SILENT;
    judge_failure(s, out, FINDING_GATEWAY, gateway_trouble_text(trouble),
                  address_text(s->config->gateway).text);
}

/* RFC 6886 section 3.5. */
static const char *result_text(uint16_t result)
{
    static const char *const texts[] = {
        [NATPMP_SUCCESS] = "but without an address",
        [NATPMP_UNSUPPORTED_VERSION] = "unsupported version: it does not speak NAT-PMP",
        [NATPMP_NOT_AUTHORIZED] = "not authorized",
        [NATPMP_NETWORK_FAILURE] = "network failure: it has no external address",
        [NATPMP_OUT_OF_RESOURCES] = "out of resources",
        [NATPMP_UNSUPPORTED_OPCODE] = "unsupported opcode: it does not know the request",
    };
    return result < ARRAY_LEN(texts) ? texts[result] : "an unknown error";
}

static void cure_result(struct finding *f, uint16_t result)
{
    if (result == NATPMP_NOT_AUTHORIZED)
        finding_cure(f, "at ProtonVPN, create a WireGuard key for a P2P server with NAT-PMP (port "
                        "forwarding) enabled; on your own server, allow this address to map ports");
    else if (result == NATPMP_OUT_OF_RESOURCES)
        finding_cure(f, "delete a mapping (ProtonVPN gives five), or wait until one expires");
    else
        finding_cure(f, "ask the operator of the gateway, or use another server");
}

/* The rules of all mappings on this router, whatever the INSTANCE of their daemon. */
static unsigned count_mappings(const struct survey *s)
{
    unsigned count = 0;
    struct span comment;
    for (struct table_rows t = table_rows_of(s, TABLE_NAT); table_rows_next(&t) != NULL;)
        count += row_is(t.row, "action", "dst-nat") && row_get(t.row, "comment", &comment) &&
                 span_starts(comment, "double-natpmp/");
    return count;
}

static void judge_refused_mapping(const struct survey *s, struct findings *out)
{
    uint16_t result = s->upstream.trial_result;
    unsigned mappings = result == NATPMP_OUT_OF_RESOURCES ? count_mappings(s) : 0;
    if (mappings > 0) {
        (void)finding_add(out, FINDING_GATEWAY_MAPPING, FINDING_PASS,
                          "the gateway has no port left for a test: this router has %u mapping%s", mappings,
                          mappings == 1 ? "" : "s");
        return;
    }
    cure_result(finding_add(out, FINDING_GATEWAY_MAPPING, FINDING_FAIL,
                            "the gateway refuses a test mapping with result %u, %s", (unsigned)result,
                            result_text(result)),
                result);
}

static void judge_mapping(const struct survey *s, struct findings *out)
{
    struct finding *f;
    bool brief;
    switch ((enum gateway_trial)s->upstream.trial) {
    case GATEWAY_TRIAL_NONE:
        break;
    case GATEWAY_TRIAL_GRANTED:
        brief = lease_lifetime_is_too_short(s->upstream.lifetime_s);
        (void)finding_add(
            out, FINDING_GATEWAY_MAPPING, s->upstream.deleted && !brief ? FINDING_PASS : FINDING_WARN,
            "the gateway granted a test mapping for %u s%s (external port %u), which %s",
            (unsigned)s->upstream.lifetime_s, brief ? ", too short for the daemon to keep it alive" : "",
            (unsigned)s->upstream.external_port,
            s->upstream.deleted ? "was deleted again"
                                : "may remain until it expires: its deletion was not confirmed");
        break;
    case GATEWAY_TRIAL_FAILED:
        judge_refused_mapping(s, out);
        break;
    case GATEWAY_TRIAL_WRONG:
        f = finding_add(out, FINDING_GATEWAY_MAPPING, FINDING_FAIL,
                        "the gateway answers the request for a mapping with success, but %s",
                        s->upstream.wrong);
        finding_cure(f, "use another server of the provider");
        break;
    case GATEWAY_TRIAL_SILENT:
        f = finding_add(
            out, FINDING_GATEWAY_MAPPING, FINDING_FAIL,
            "the gateway answers the request for its external address, but not one for a mapping");
        finding_cure(f, "use another server of the provider");
        break;
    }
}

static void judge_external(const struct survey *s, struct findings *out)
{
    struct address_text address = address_text(s->upstream.address);
    const char *use = address_use(s->upstream.address);
    if (use == NULL) {
        (void)finding_add(out, FINDING_EXTERNAL_ADDRESS, FINDING_PASS, "the external address %s is public",
                          address.text);
        return;
    }
    struct finding *f = finding_add(out, FINDING_EXTERNAL_ADDRESS, FINDING_FAIL,
                                    "the external address %s is %s: behind the gateway is another NAT, so "
                                    "nothing from the internet arrives",
                                    address.text, use);
    finding_cure(f, "use a gateway with a public address");
}

void judge_gateway(const struct survey *s, struct findings *out)
{
    if (!s->upstream.address_known && !gateway_trouble_is_an_answer(s->upstream.trouble)) {
        judge_silent(s, out);
        return;
    }
    if (!s->upstream.address_known) {
        struct finding *f = finding_add(
            out, FINDING_GATEWAY, FINDING_FAIL,
            "the gateway %s answers the request for its external address with result %u, %s%s",
            address_text(s->config->gateway).text, (unsigned)s->upstream.result,
            result_text(s->upstream.result),
            s->upstream.trial == GATEWAY_TRIAL_GRANTED ? "; it grants mappings all the same" : "");
        cure_result(f, s->upstream.result);
        judge_mapping(s, out);
        return;
    }
    (void)finding_add(out, FINDING_GATEWAY, FINDING_PASS, "the gateway %s answers",
                      address_text(s->config->gateway).text);
    judge_mapping(s, out);
    judge_external(s, out);
}
