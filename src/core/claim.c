#include "core/claim.h"

#include <string.h>

#include "core/event.h"

static const char *const words[] = {" takes over, may be removed: run ", " up ", " age ", " session "};
static const char address_word[] = " at ";

void claim_write(struct writer *w, const char *instance, const struct claim *claim)
{
    const uint32_t values[] = {claim->run, claim->up_s, claim->age_s, claim->session};
    write_text(w, "double-natpmp/");
    write_text(w, instance);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        write_text(w, words[i]);
        write_decimal(w, values[i]);
    }
    write_text(w, address_word);
    write_text(w, address_text(claim->address).text);
}

/* Takes `text` from the beginning of *rest. */
static bool skip(struct span *rest, const char *text)
{
    if (!span_starts(*rest, text))
        return false;
    *rest = span_skip(*rest, strlen(text));
    return true;
}

static bool take_number(struct span *rest, uint32_t *ret_value)
{
    size_t len = 0;
    uint64_t value;
    while (len < rest->len && rest->data[len] >= '0' && rest->data[len] <= '9')
        len++;
    if (!parse_decimal(span_of(rest->data, len), UINT32_MAX, &value))
        return false;
    *ret_value = (uint32_t)value;
    *rest = span_skip(*rest, len);
    return true;
}

bool claim_parse(const struct ros_sentence *row, const char *instance, struct claim *ret_claim)
{
    struct span rest;
    uint32_t values[ARRAY_LEN(words)] = {0};
    if (!ros_attribute(row, "comment", &rest) || !skip(&rest, "double-natpmp/") || !skip(&rest, instance))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!skip(&rest, words[i]) || !take_number(&rest, &values[i]))
            return false;
    uint32_t address;
    if (!skip(&rest, address_word) || !parse_address(rest, &address))
        return false;
    *ret_claim = (struct claim){values[0], values[1], values[2], values[3], address};
    return ret_claim->run != 0;
}

int claim_order(const struct claim *a, const struct claim *b)
{
    int64_t ahead_s = ((int64_t)a->up_s - a->age_s) - ((int64_t)b->up_s - b->age_s);
    return ahead_s > 1 ? 1 : ahead_s < -1 ? -1 : 0;
}

bool claim_parse_uptime(struct span text, uint32_t *ret_s)
{
    static const struct {
        char name;
        uint32_t seconds;
    } units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    uint32_t colon_s = 3600; /* of hours, minutes and seconds with colons */
    uint64_t sum_s = 0;
    while (text.len > 0) {
        uint32_t number;
        uint32_t seconds = 0;
        if (!take_number(&text, &number))
            return false;
        char unit = text.len > 0 ? (char)text.data[0] : ':';
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if (units[i].name == unit)
                seconds = units[i].seconds;
        if (unit == ':') {
            seconds = colon_s;
            colon_s /= 60;
        }
        if (seconds == 0)
            return false;
        sum_s += (uint64_t)number * seconds;
        if (sum_s > UINT32_MAX)
            return false;
        text = span_skip(text, text.len > 0);
    }
    *ret_s = (uint32_t)sum_s;
    return true;
}
