#include "base/cursor.h"

struct reader reader_of(struct span bytes)
{
    return (struct reader){.rest = bytes};
}

struct span read_bytes(struct reader *r, size_t count)
{
    if (r->failed || r->rest.len < count) {
        r->failed = true;
        return span_of(NULL, 0);
    }
    struct span taken = span_of(r->rest.data, count);
    r->rest = span_skip(r->rest, count);
    return taken;
}

static uint32_t read_number(struct reader *r, size_t size)
{
    struct span bytes = read_bytes(r, size);
    uint32_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)read_number(r, 1);
}

uint16_t read_u16(struct reader *r)
{
    return (uint16_t)read_number(r, 2);
}

uint32_t read_u32(struct reader *r)
{
    return read_number(r, 4);
}

struct writer writer_of(void *buffer, size_t capacity)
{
    return (struct writer){.data = buffer, .capacity = capacity};
}

/* Returns a place for `count` bytes, or NULL if there is no room. */
static uint8_t *take_place(struct writer *w, size_t count)
{
    if (w->failed || w->capacity - w->len < count) {
        w->failed = true;
        return NULL;
    }
    uint8_t *place = w->data + w->len;
    w->len += count;
    return place;
}

void write_bytes(struct writer *w, struct span bytes)
{
    uint8_t *place = bytes.len > 0 ? take_place(w, bytes.len) : NULL;
    if (place != NULL)
        memcpy(place, bytes.data, bytes.len);
}

static void write_number(struct writer *w, uint32_t value, size_t size)
{
    uint8_t *place = take_place(w, size);
    for (size_t i = size; i > 0 && place != NULL; i--) {
        place[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

void write_u8(struct writer *w, uint8_t value)
{
    write_number(w, value, 1);
}

void write_u16(struct writer *w, uint16_t value)
{
    write_number(w, value, 2);
}

void write_u32(struct writer *w, uint32_t value)
{
    write_number(w, value, 4);
}

void write_text(struct writer *w, const char *text)
{
    write_bytes(w, span_text(text));
}

void write_decimal(struct writer *w, uint64_t value)
{
    uint8_t digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    write_bytes(w, span_of(digits + first, sizeof(digits) - first));
}

void write_address(struct writer *w, uint32_t address)
{
    for (unsigned shift = 24; shift > 0; shift -= 8) {
        write_decimal(w, address >> shift & 0xFF);
        write_u8(w, '.');
    }
    write_decimal(w, address & 0xFF);
}

struct span writer_span(const struct writer *w)
{
    return span_of(w->data, w->failed ? 0 : w->len);
}

bool parse_decimal(struct span text, uint64_t max, uint64_t *ret_value)
{
    if (text.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes an octet and the dot behind it; the last octet has no dot. */
static bool parse_octet(struct span *text, bool last, uint32_t *ret_octet)
{
    size_t len = 0;
    while (len < text->len && text->data[len] != '.')
        len++;
    /* Some programs read a leading zero as octal and others ignore it, so it is refused. */
    bool ambiguous = len > 1 && text->data[0] == '0';
    uint64_t value;
    if (ambiguous || last != (len == text->len) || !parse_decimal(span_of(text->data, len), 255, &value))
        return false;
    *text = span_skip(*text, last ? len : len + 1);
    *ret_octet = (uint32_t)value;
    return true;
}

bool parse_address(struct span text, uint32_t *ret_address)
{
    uint32_t address = 0;
    for (unsigned part = 0; part < 4; part++) {
        uint32_t octet;
        if (!parse_octet(&text, part == 3, &octet))
            return false;
        address = address << 8 | octet;
    }
    *ret_address = address;
    return true;
}
