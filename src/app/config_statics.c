#include "app/config_statics.h"

#include "app/config_values.h"
#include "base/address_use.h"
#include "base/cursor.h"
#include "wire/natpmp.h"

static struct span trim(struct span text)
{
    while (text.len > 0 && text.data[0] == ' ')
        text = span_skip(text, 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* Takes what is before the next separator, or everything, from the text. */
static struct span take_part(struct span *text, char separator)
{
    const uint8_t *end = text->len > 0 ? memchr(text->data, separator, text->len) : NULL;
    size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    struct span part = span_of(text->data, len);
    *text = span_skip(*text, end == NULL ? len : len + 1);
    return part;
}

static bool parse_port(struct span text, uint16_t *ret_port)
{
    return text.len > 0 && config_parse_number(text, 1, UINT16_MAX, ret_port);
}

/* *ret_one has no protocol. */
static bool parse_entry(struct span text, struct static_mapping *ret_one, struct span *ret_protocol)
{
    bool more = text.len > 0 && text.data[text.len - 1] == ':';
    *ret_protocol = take_part(&text, ':');
    struct span address = take_part(&text, ':');
    struct span internal = take_part(&text, ':');
    *ret_one = (struct static_mapping){0};
    return !more && address.len > 0 && config_parse_unicast(address, &ret_one->address) &&
           parse_port(internal, &ret_one->internal_port) &&
           (text.len == 0 || parse_port(text, &ret_one->external_port));
}

/* What the configuration knows; the core knows the router's other addresses, too. */
static const char *forbidden(const struct config *config, uint32_t address)
{
    uint32_t router;
    bool is_router = parse_address(span_text(config->router_host), &router) && router == address;
    if (address_is_loopback(address))
        return "leads to a loopback address";
    if (address == config->gateway)
        return "leads to the gateway";
    if (address == config->listen_address || address == config->gateway_way.source)
        return "leads to double-natpmp itself";
    if (is_router)
        return "leads to the router";
    return address_is_of_lan(address) ? NULL : "has an address that no host of a LAN has";
}

static const char *add(struct config *config, struct static_mapping one, enum natpmp_protocol protocol)
{
    one.protocol = (uint8_t)protocol;
    for (unsigned i = 0; i < config->static_mappings; i++) {
        const struct static_mapping *other = &config->static_mapping[i];
        if (other->protocol == one.protocol && other->address == one.address &&
            other->internal_port == one.internal_port)
            return "is for a port that another entry is for";
        if (other->protocol == one.protocol && one.external_port != 0 &&
            other->external_port == one.external_port)
            return "has the external port of another entry";
    }
    if (config->static_mappings == STATIC_MAPPINGS_MAX)
        return "is one too many: 64 are allowed, and both counts twice";
    config->static_mapping[config->static_mappings++] = one;
    return NULL;
}

const char *config_parse_statics(struct config *config, struct span text, struct span *ret_entry)
{
    config->static_mappings = 0;
    while (text.len > 0) {
        struct static_mapping one;
        struct span protocol;
        *ret_entry = trim(take_part(&text, ','));
        bool good = parse_entry(*ret_entry, &one, &protocol);
        bool both = span_is(protocol, "both");
        bool tcp = both || span_is(protocol, "tcp");
        bool udp = both || span_is(protocol, "udp");
        const char *why = !good || (!tcp && !udp) ? "is not valid" : forbidden(config, one.address);
        if (why == NULL && tcp)
            why = add(config, one, NATPMP_TCP);
        if (why == NULL && udp)
            why = add(config, one, NATPMP_UDP);
        if (why != NULL)
            return why;
    }
    return NULL;
}

void config_print_statics(const struct config *config, FILE *out)
{
    for (unsigned i = 0; i < config->static_mappings; i++) {
        const struct static_mapping *one = &config->static_mapping[i];
        (void)fprintf(out, "%s%s:%s:%u", i > 0 ? "," : "", one->protocol == NATPMP_TCP ? "tcp" : "udp",
                      address_text(one->address).text, (unsigned)one->internal_port);
        if (one->external_port != 0)
            (void)fprintf(out, ":%u", (unsigned)one->external_port);
    }
}
