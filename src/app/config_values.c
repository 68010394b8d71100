#include "app/config_values.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/cursor.h"

enum {
    NAME_LABEL_MAX = 63,
};

static bool copy_text(char *ret_text, size_t capacity, struct span text)
{
    if (text.len >= capacity)
        return false;
    memcpy(ret_text, text.data, text.len);
    ret_text[text.len] = '\0';
    return true;
}

/* Bytes above ASCII are letters of other languages. */
static bool is_one_line(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7F)
            return false;
    return true;
}

bool config_parse_text(struct span text, char *ret_text, size_t capacity)
{
    return is_one_line(text) && copy_text(ret_text, capacity, text);
}

bool config_parse_number(struct span text, uint16_t min, uint16_t max, uint16_t *ret_number)
{
    uint64_t value;
    if (!parse_decimal(text, max, &value) || value < min)
        return false;
    *ret_number = (uint16_t)value;
    return true;
}

/* The address of one host: not in 0.0.0.0/8, not multicast, reserved or broadcast. */
bool config_parse_unicast(struct span text, uint32_t *ret_address)
{
    uint32_t address;
    if (!parse_address(text, &address) || address >> 24 == 0 || address >= 0xE0000000)
        return false;
    *ret_address = address;
    return true;
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* A name as in RFC 1123 section 2.1, and with the underscore that container networks use. A name whose last
 * label is a number is a mistyped address. */
static bool is_host_name(struct span text)
{
    size_t label = 0;
    bool digits = true;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '.') {
            if (label == 0 || text.data[i - 1] == '-')
                return false;
            /* A dot at the end makes a name absolute: its last label is the one before the dot. */
            if (i + 1 < text.len) {
                label = 0;
                digits = true;
            }
            continue;
        }
        if (!is_alphanumeric(byte) && byte != '_' && (byte != '-' || label == 0))
            return false;
        digits = digits && byte >= '0' && byte <= '9';
        label++;
        if (label > NAME_LABEL_MAX)
            return false;
    }
    return label > 0 && !digits && text.data[text.len - 1] != '-';
}

static bool parse_host(struct span text, char ret_host[CONFIG_HOST_MAX + 1])
{
    uint32_t address;
    return text.len > 0 && (config_parse_unicast(text, &address) || is_host_name(text)) &&
           copy_text(ret_host, CONFIG_HOST_MAX + 1, text);
}

static bool parse_ipv6(struct span text, char ret_host[CONFIG_HOST_MAX + 1])
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    return copy_text(copy, sizeof(copy), text) && inet_pton(AF_INET6, copy, &address) == 1 &&
           copy_text(ret_host, CONFIG_HOST_MAX + 1, text);
}

/* Splits `[host]:port` or `host:port`. *ret_host has no brackets; *ret_port is empty if there is no port. */
static bool split_host_port(struct span text, bool *ret_bracketed, struct span *ret_host,
                            struct span *ret_port)
{
    *ret_bracketed = text.data[0] == '[';
    const uint8_t *end = memchr(text.data, *ret_bracketed ? ']' : ':', text.len);
    size_t len = end == NULL ? text.len : (size_t)(end - text.data);
    if (*ret_bracketed) {
        if (end == NULL)
            return false;
        *ret_host = span_of(text.data + 1, len - 1);
        len++;
    } else {
        *ret_host = span_of(text.data, len);
    }
    struct span rest = span_skip(text, len);
    *ret_port = rest.len == 0 ? rest : span_skip(rest, 1);
    return rest.len == 0 || (rest.data[0] == ':' && rest.len > 1);
}

bool config_parse_endpoint(struct span text, char ret_host[CONFIG_HOST_MAX + 1], uint16_t *ret_port)
{
    bool bracketed;
    struct span host;
    struct span port;
    return split_host_port(text, &bracketed, &host, &port) &&
           (bracketed ? parse_ipv6(host, ret_host) : parse_host(host, ret_host)) &&
           (port.len == 0 || config_parse_number(port, 1, UINT16_MAX, ret_port));
}

bool config_parse_listen(struct span text, uint32_t *ret_address, uint16_t *ret_port)
{
    bool bracketed;
    struct span host;
    struct span port;
    uint32_t address = 0;
    if (!split_host_port(text, &bracketed, &host, &port) ||
        !config_parse_number(port, 1, UINT16_MAX, ret_port))
        return false;
    if (host.len > 0 && !span_is(host, "0.0.0.0") && !config_parse_unicast(host, &address))
        return false;
    *ret_address = address;
    return true;
}

static bool is_any_case(struct span text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

bool config_parse_bool(struct span text, bool *ret_value)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (unsigned value = 0; value < 2; value++) {
            if (is_any_case(text, words[i][value])) {
                *ret_value = value == 1;
                return true;
            }
        }
    }
    return false;
}

bool config_parse_word(struct span text, const char *const *words, unsigned *ret_number)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (is_any_case(text, words[i])) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

bool config_parse_interface(struct span text, char *ret_name, size_t capacity)
{
    bool several =
        span_starts(text, "!") || span_starts(text, "all-") || span_is(text, "all") || span_is(text, "none");
    return !several && config_parse_text(text, ret_name, capacity);
}

bool config_parse_instance(struct span text, char ret_name[INSTANCE_NAME_MAX + 1])
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!is_alphanumeric(byte) && byte != '_' && byte != '.' && byte != '-')
            return false;
    }
    return copy_text(ret_name, INSTANCE_NAME_MAX + 1, text);
}

/* RouterOS prints 64 digits; other programs put a colon or a space after every two. */
bool config_parse_fingerprint(struct span text, uint8_t ret_fingerprint[TLS_FINGERPRINT_SIZE])
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_value(text.data[i]);
        if (digit < 0 && (text.data[i] == ':' || text.data[i] == ' ') && digits % 2 == 0)
            continue;
        if (digit < 0 || digits == (size_t)2 * TLS_FINGERPRINT_SIZE)
            return false;
        uint8_t *byte = &ret_fingerprint[digits / 2];
        *byte = (uint8_t)(digits % 2 == 0 ? digit << 4 : *byte | digit);
        digits++;
    }
    return digits == (size_t)2 * TLS_FINGERPRINT_SIZE;
}
