/* The gateway: does it answer, does it grant mappings, and can the internet reach its address? */
#include "check/judge_parts.h"
#include "base/address_use.h"

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
        [NATPMP_NOT_AUTHORIZED] = "not authorized: it does not let this machine map ports",
        [NATPMP_NETWORK_FAILURE] = "network failure: it has no external address",
        [NATPMP_OUT_OF_RESOURCES] = "out of resources: it has no free port",
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

static void judge_mapping(const struct survey *s, struct findings *out)
{
    struct finding *f;
    /* The running daemon may use all the ports that the provider gives. Then a refusal is normal. */
    bool full = s->upstream.trial_result == NATPMP_OUT_OF_RESOURCES && survey_has_rule(s, 0);
    switch ((enum gateway_trial)s->upstream.trial) {
    case GATEWAY_TRIAL_NONE:
        break;
    case GATEWAY_TRIAL_GRANTED:
        (void)finding_add(out, FINDING_GATEWAY_MAPPING,
                          s->upstream.deleted && s->upstream.lifetime_s > 0 ? FINDING_PASS : FINDING_WARN,
                          "the gateway granted a test mapping for %u s (external port %u), which %s",
                          (unsigned)s->upstream.lifetime_s, (unsigned)s->upstream.external_port,
                          s->upstream.deleted
                              ? "was deleted again"
                              : "may remain until it expires: its deletion was not confirmed");
        break;
    case GATEWAY_TRIAL_FAILED:
        f = finding_add(out, FINDING_GATEWAY_MAPPING, full ? FINDING_WARN : FINDING_FAIL,
                        "the gateway refuses a test mapping with result %u, %s%s",
                        (unsigned)s->upstream.trial_result, result_text(s->upstream.trial_result),
                        full ? "; the daemon may use all of them" : "");
        cure_result(f, s->upstream.trial_result);
        break;
    case GATEWAY_TRIAL_SILENT:
        f = finding_add(
            out, FINDING_GATEWAY_MAPPING, FINDING_FAIL,
            "the gateway tells its external address, but does not answer a request for a mapping");
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
    if (!s->upstream.address_known && s->upstream.trouble != GATEWAY_REFUSES) {
        judge_silent(s, out);
        return;
    }
    if (!s->upstream.address_known) {
        struct finding *f =
            finding_add(out, FINDING_GATEWAY, FINDING_FAIL, "the gateway %s answers with result %u, %s",
                        address_text(s->config->gateway).text, (unsigned)s->upstream.result,
                        result_text(s->upstream.result));
        cure_result(f, s->upstream.result);
        return;
    }
    (void)finding_add(out, FINDING_GATEWAY, FINDING_PASS, "the gateway %s answers",
                      address_text(s->config->gateway).text);
    judge_mapping(s, out);
    judge_external(s, out);
}
