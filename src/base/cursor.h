/* Checked readers and writers over borrowed bytes.
 *
 * A cursor remembers its first error: after a read past the end every read returns zero and `failed` stays
 * true, so a codec reads a whole message and asks once. Numbers are big-endian (RFC 6886 section 3 [G-02]).
 */
#pragma once

#include "base/span.h"

struct reader {
    struct span rest;
    bool failed;
};

struct reader reader_of(struct span bytes);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
/* Borrows `count` bytes of the input; an empty span when there are fewer. */
struct span read_bytes(struct reader *r, size_t count);

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t len;
    bool failed;
};

struct writer writer_of(void *buffer, size_t capacity);
void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_bytes(struct writer *w, struct span bytes);
void write_text(struct writer *w, const char *text);
/* Decimal, without padding. */
void write_decimal(struct writer *w, uint64_t value);
/* Dotted quad of an address in host byte order. */
void write_address(struct writer *w, uint32_t address);
/* All that was written; empty if the writer failed. */
struct span writer_span(const struct writer *w);

/* True if the whole span is a decimal number of at most `max`; it may begin with zeros. */
bool parse_decimal(struct span text, uint64_t max, uint64_t *ret_value);
/* Reads a strict dotted quad (four decimal parts without sign, blank or leading zero) into host byte
 * order. */
bool parse_address(struct span text, uint32_t *ret_address);
/* The value of a hexadecimal digit of either case; -1 for any other byte. */
int hex_value(uint8_t digit);
