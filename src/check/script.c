#include "check/script.h"

#include <assert.h>

static bool is_plain(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           byte == '-' || byte == '_' || byte == '.' || byte == '/' || byte == ':';
}

static void write_escaped(struct writer *w, uint8_t byte)
{
    static const char hex[] = "0123456789ABCDEF";
    /* RouterOS 6's console takes a question mark as a request for help, even within quotes. */
    bool by_number = byte < ' ' || byte > '~' || byte == '?';
    if (by_number || byte == '"' || byte == '\\' || byte == '$')
        write_u8(w, '\\');
    if (by_number) {
        write_u8(w, (uint8_t)hex[byte >> 4]);
        write_u8(w, (uint8_t)hex[byte & 15]);
    } else {
        write_u8(w, byte);
    }
}

void write_quoted(struct writer *w, struct span text)
{
    bool plain = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        plain = plain && is_plain(text.data[i]);
    if (plain) {
        write_bytes(w, text);
        return;
    }
    write_u8(w, '"');
    for (size_t i = 0; i < text.len; i++)
        write_escaped(w, text.data[i]);
    write_u8(w, '"');
}

void write_names(struct writer *w, const struct interface_names *names)
{
    for (unsigned i = 0; i < names->count; i++) {
        write_text(w, i > 0 ? ", " : "");
        write_quoted(w, span_text(names->name[i]));
    }
}

struct ros_quoted ros_quote(struct span text)
{
    struct ros_quoted quoted;
    struct writer w = writer_of(quoted.text, sizeof(quoted.text) - 1);
    write_quoted(&w, text);
    assert(!w.failed);
    quoted.text[w.len] = '\0';
    return quoted;
}
