/* Rows of the NAT table as the router prints them, and the tables that they refer to. */
#pragma once

#include <stdio.h>

#include "core/taken_ports.h"
#include "core/nat_rule.h"
#include "unit.h"

static struct ros_reader reader;
static struct nat_context context;

/* Interface wg1 with 10.2.0.2, and 192.168.88.1 on another one. */
static inline int start(void **state)
{
    (void)state;
    context = (struct nat_context){
        .instance = "default",
        .interface = "wg1",
        .address = {0x0a020002, 0xc0a85801},
        .on_interface = {true, false},
        .addresses = 2,
        .list = {{.name = "WAN", .member = true},
                 {.name = "MIX", .composed = true, .includes = 8},
                 {.name = "LAN"},
                 {.name = "DEEP", .composed = true}},
        .lists = 4,
    };
    return 0;
}

/* Words, separated by blanks, through the real writer and reader. '_' stands for a blank in a word. */
static inline const struct ros_sentence *sentence(const char *words)
{
    static uint8_t buffer[4096];
    struct writer w = writer_of(buffer, sizeof(buffer));
    while (*words != '\0') {
        char word[512];
        size_t len = 0;
        for (; *words != '\0' && *words != ' '; words++)
            word[len++] = *words == '_' ? ' ' : *words;
        ros_write_word(&w, span_of(word, len));
        words += *words == ' ';
    }
    ros_write_end(&w);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    return &reader.sentence;
}

/* A row of words, with the tag at its beginning. */
static inline const struct ros_sentence *row(const char *words)
{
    static char text[4096];
    snprintf(text, sizeof(text), "!re .tag=7%s%s", *words != '\0' ? " " : "", words);
    return sentence(text);
}

/* The ports that a table with this one row takes. */
static inline bool take_ports(const struct ros_sentence *only, struct taken_set ports[2])
{
    static struct taken_ports taken_ports;
    bool any = false;
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        taken_ports_begin(&taken_ports, &context, (enum natpmp_protocol)protocol);
        taken_ports_add(&taken_ports, only);
        any = taken_ports_end(&taken_ports, &ports[protocol]) || any;
    }
    return any;
}
