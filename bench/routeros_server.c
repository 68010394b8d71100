#include "routeros_server.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENTENCE_MAX = 1024, OUT_FIRST = 65536 };

/* ---- sentences ---- */

static struct writer begin(uint8_t buffer[SENTENCE_MAX], const char *reply, struct span tag)
{
    struct writer w = writer_of(buffer, SENTENCE_MAX);
    ros_write_word(&w, span_text(reply));
    if (tag.len > 0)
        ros_write_pair(&w, ".tag=", tag);
    return w;
}

static void append(struct routeros_connection *c, struct span bytes)
{
    while (c->out_len + bytes.len > c->out_capacity) {
        c->out_capacity = c->out_capacity == 0 ? OUT_FIRST : c->out_capacity * 2;
        c->out = realloc(c->out, c->out_capacity);
        if (c->out == NULL)
            err(1, "output");
    }
    memcpy(c->out + c->out_len, bytes.data, bytes.len);
    c->out_len += bytes.len;
}

static void end(struct routeros_connection *c, struct writer *w)
{
    ros_write_end(w);
    if (w->failed)
        errx(1, "a sentence is too long");
    append(c, writer_span(w));
}

static void done(struct routeros_connection *c, struct span tag)
{
    uint8_t buffer[SENTENCE_MAX];
    struct writer w = begin(buffer, "!done", tag);
    end(c, &w);
}

static void row(struct routeros_connection *c, struct span tag, const char *first, const char *second)
{
    uint8_t buffer[SENTENCE_MAX];
    struct writer w = begin(buffer, "!re", tag);
    ros_write_word(&w, span_text(first));
    if (second != NULL)
        ros_write_word(&w, span_text(second));
    end(c, &w);
    done(c, tag);
}

/* ---- rules ---- */

static void rule_row(const struct routeros_server *s, struct routeros_connection *c, struct span tag,
                     uint32_t id)
{
    uint8_t buffer[SENTENCE_MAX];
    struct writer w = begin(buffer, "!re", tag);
    ros_write_pair_id(&w, "=.id=", id);
    write_bytes(&w, span_of(s->rule[id].words, s->rule[id].len));
    end(c, &w);
}

static void tell_listeners(struct routeros_server *s, uint32_t id)
{
    for (unsigned i = 0; i < ROUTEROS_CONNECTIONS_MAX; i++) {
        struct routeros_connection *c = &s->connection[i];
        struct span tag = span_text(c->listen_tag);
        if (!c->open || tag.len == 0)
            continue;
        if (s->rule[id].words != NULL) {
            rule_row(s, c, tag, id);
            continue;
        }
        uint8_t buffer[SENTENCE_MAX];
        struct writer w = begin(buffer, "!re", tag);
        ros_write_pair_id(&w, "=.id=", id);
        ros_write_word(&w, span_text("=.dead=true"));
        end(c, &w);
    }
}

static void store(struct routeros_server *s, uint32_t id, const struct writer *words)
{
    uint8_t *copy = malloc(words->len);
    if (copy == NULL || words->failed)
        errx(1, "a rule is too long");
    memcpy(copy, words->data, words->len);
    free(s->rule[id].words);
    s->rule[id] = (struct routeros_rule){.words = copy, .len = (uint16_t)words->len};
}

static uint32_t new_id(struct routeros_server *s)
{
    if (s->next_id + 1 == ROUTEROS_RULES_MAX)
        errx(1, "too many rules");
    s->rules++;
    return ++s->next_id;
}

static void add(struct routeros_server *s, struct routeros_connection *c, struct span tag)
{
    const struct ros_sentence *sentence = &c->reader.sentence;
    uint8_t buffer[SENTENCE_MAX];
    struct writer words = writer_of(buffer, sizeof(buffer));
    for (unsigned i = 1; i < sentence->words; i++)
        if (span_starts(ros_word(sentence, i), "="))
            ros_write_word(&words, ros_word(sentence, i));
    uint32_t id = new_id(s);
    store(s, id, &words);
    struct writer w = begin(buffer, "!done", tag);
    ros_write_pair_id(&w, "=ret=", id);
    end(c, &w);
    tell_listeners(s, id);
}

static uint32_t rule_of(const struct routeros_server *s, const struct ros_sentence *sentence)
{
    struct span text;
    uint32_t id;
    if (!ros_attribute(sentence, ".id", &text) || !ros_parse_id(text, &id) || id > s->next_id ||
        s->rule[id].words == NULL)
        return 0;
    return id;
}

static void no_such_item(struct routeros_connection *c, struct span tag)
{
    uint8_t buffer[SENTENCE_MAX];
    struct writer w = begin(buffer, "!trap", tag);
    ros_write_word(&w, span_text("=message=no such item"));
    end(c, &w);
    done(c, tag);
}

/* The daemon only ever sets comments. The comment is the last word, as the daemon writes rules. */
static void set_comment(struct routeros_server *s, struct routeros_connection *c, struct span tag)
{
    uint32_t id = rule_of(s, &c->reader.sentence);
    struct span comment;
    if (id == 0 || !ros_attribute(&c->reader.sentence, "comment", &comment)) {
        no_such_item(c, tag);
        return;
    }
    uint8_t buffer[SENTENCE_MAX];
    struct writer words = writer_of(buffer, sizeof(buffer));
    struct span rest = span_of(s->rule[id].words, s->rule[id].len);
    while (rest.len > 0) {
        size_t len = rest.data[0]; /* No word of the daemon's has 128 bytes. */
        struct span word = span_of(rest.data + 1, len);
        if (!span_starts(word, "=comment="))
            ros_write_word(&words, word);
        rest = span_skip(rest, len + 1);
    }
    ros_write_pair(&words, "=comment=", comment);
    store(s, id, &words);
    done(c, tag);
    tell_listeners(s, id);
}

static void remove_rule(struct routeros_server *s, struct routeros_connection *c, struct span tag)
{
    uint32_t id = rule_of(s, &c->reader.sentence);
    if (id == 0) {
        no_such_item(c, tag);
        return;
    }
    free(s->rule[id].words);
    s->rule[id] = (struct routeros_rule){0};
    s->rules--;
    done(c, tag);
    tell_listeners(s, id);
}

static void print(struct routeros_server *s, struct routeros_connection *c, struct span tag)
{
    for (uint32_t id = 1; id <= s->next_id; id++)
        if (s->rule[id].words != NULL)
            rule_row(s, c, tag, id);
    done(c, tag);
    c->snapshots++;
}

/* ---- commands ---- */

static void command(struct routeros_server *s, struct routeros_connection *c)
{
    const struct ros_sentence *sentence = &c->reader.sentence;
    struct span path = ros_word(sentence, 0);
    struct span tag = {0};
    (void)ros_attribute(sentence, ".tag", &tag);
    s->commands++;
    if (span_is(path, "/ip/firewall/nat/add"))
        add(s, c, tag);
    else if (span_is(path, "/ip/firewall/nat/set"))
        set_comment(s, c, tag);
    else if (span_is(path, "/ip/firewall/nat/remove"))
        remove_rule(s, c, tag);
    else if (span_is(path, "/ip/firewall/nat/print"))
        print(s, c, tag);
    else if (span_is(path, "/ip/firewall/nat/listen"))
        snprintf(c->listen_tag, sizeof(c->listen_tag), "%.*s", (int)tag.len, (const char *)tag.data);
    else if (span_is(path, "/ip/route/check"))
        row(c, tag, "=interface=wg-vpn", NULL);
    else if (span_is(path, "/interface/print"))
        row(c, tag, "=name=wg-vpn", "=type=wg");
    else if (span_is(path, "/system/resource/print"))
        row(c, tag, "=version=7.18.2 (stable)", NULL);
    else if (span_is(path, "/user/active/print"))
        row(c, tag, "=.id=*1", "=via=api");
    else if (span_is(path, "/ip/address/print"))
        row(c, tag, "=address=172.17.0.1/30", "=interface=veth1");
    else
        done(c, tag);
}

void routeros_server_take(struct routeros_server *s, unsigned connection, struct span input)
{
    struct routeros_connection *c = &s->connection[connection];
    for (;;) {
        switch (ros_reader_next(&c->reader, &input)) {
        case ROS_NEED_MORE:
            return;
        case ROS_BAD_STREAM:
            errx(1, "the peer does not speak the API");
        case ROS_SENTENCE:
            command(s, c);
            break;
        }
    }
}

/* ---- life ---- */

static void add_by_hand(struct routeros_server *s, const char *protocol, unsigned dst_port, uint32_t client,
                        unsigned to_port, const char *comment)
{
    uint8_t buffer[SENTENCE_MAX];
    char address[sizeof("255.255.255.255")];
    struct writer words = writer_of(buffer, sizeof(buffer));
    snprintf(address, sizeof(address), "%u.%u.%u.%u", client >> 24, client >> 16 & 255, client >> 8 & 255,
             client & 255);
    ros_write_word(&words, span_text("=chain=dstnat"));
    ros_write_word(&words, span_text("=action=dst-nat"));
    ros_write_pair_text(&words, "=protocol=", protocol);
    ros_write_word(&words, span_text("=in-interface=wg-vpn"));
    ros_write_pair_decimal(&words, "=dst-port=", dst_port);
    ros_write_pair_text(&words, "=to-addresses=", address);
    ros_write_pair_decimal(&words, "=to-ports=", to_port);
    ros_write_pair_text(&words, "=comment=", comment);
    store(s, new_id(s), &words);
}

void routeros_server_init(struct routeros_server *s, unsigned foreign, unsigned ours, unsigned mappings)
{
    char comment[64];
    for (unsigned i = 0; i < foreign; i++)
        add_by_hand(s, "tcp", 30000 + i % 30000, 0xC0A85800 + i % 250, 8080, "somebody else's rule");
    for (unsigned i = 0; i < ours; i++) {
        unsigned port = 1024 + i / 2;
        snprintf(comment, sizeof(comment), "double-natpmp/default external %u lease 7200 s", port);
        add_by_hand(s, i % 2 == 0 ? "udp" : "tcp", port, 0x0A400001 + i / mappings, 10000 + i % mappings / 2,
                    comment);
    }
}

void routeros_server_open(struct routeros_server *s, unsigned connection)
{
    struct routeros_connection *c = &s->connection[connection];
    uint8_t *out = c->out;
    size_t capacity = c->out_capacity;
    *c = (struct routeros_connection){.open = true, .out = out, .out_capacity = capacity};
    ros_reader_init(&c->reader);
}

void routeros_server_close(struct routeros_server *s, unsigned connection)
{
    s->connection[connection].open = false;
}
