/* The whole core, with a router whose every word the test writes, for answers that the router model never
 * gives. */
#include <stdio.h>
#include <stdlib.h>

#include "core/proxy_status.h"
#include "proxy_check.h"
#include "proxy_unit.h"
#include "ros_unit.h"

enum { CLIENT = 0xc0a8580a, STREAM_BYTES = 4096 };

static struct proxy *proxy;
static struct actions out;
static uint64_t now_ms;

static void give(struct event event)
{
    event.now_ms = now_ms;
    proxy_step(proxy, &event, &out);
    note_side_readings(&out);
}

/* Sentences, separated by '|', as one piece of session 0. */
static void hear(const char *sentences)
{
    static uint8_t stream[STREAM_BYTES];
    struct writer w = writer_of(stream, sizeof(stream));
    answer_side_readings(&w);
    write_sentences(&w, sentences, true);
    give((struct event){.type = EVENT_ROUTER_DATA, .router = {.bytes = writer_span(&w)}});
}

/* Tag 1 is the login, 2 the version, 3 to 6 the way, 7 the route, 8 to 10 the other tables, 11 listen. The
 * snapshot will have 12. */
static int start(void **state)
{
    (void)state;
    proxy = proxy_make();
    now_ms = 100000;
    memset(&side_readings, 0, sizeof(side_readings));
    give((struct event){.type = EVENT_START});
    assert_int_equal(count_actions(&out, ACTION_ROUTER_OPEN), 1);
    give((struct event){.type = EVENT_ROUTER_OPEN, .router = {.peer = 0xc0a85801}});
    hear("!done .tag=1|!done .tag=6");
    hear("!done .tag=2|!done .tag=7|!done .tag=8|!done .tag=9|!done .tag=10");
    check_sent(&out, 0, "/ip/firewall/nat/print");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(proxy);
    return 0;
}

/* The router confirms an addition without the id of the rule. The client gets success only when a resync has
 * shown the rule. */
static void test_an_addition_without_an_id(void **state)
{
    (void)state;
    hear("!done .tag=12");
    give((struct event){
        .type = EVENT_LAN,
        .lan = {.from = {CLIENT, 40000},
                .to = 0xc0a85801,
                .bytes = BYTES("\0\1\0\0\x1a\xe1\x1a\xe1\0\0\x0e\x10")},
    });
    check_sent(&out, 0, "/ip/firewall/nat/add");
    give((struct event){
        .type = EVENT_GATEWAY,
        .gateway = BYTES("\0\x81\0\0\0\0\0\1\x1a\xe1\xa0\x28\0\0\x0e\x10"),
    });
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 0);
    hear("!done .tag=13");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 0);
    check_sent(&out, 0, "/ip/address/print");
    hear("!done .tag=14|!done .tag=15|!done .tag=16");
    check_sent(&out, 0, "/ip/firewall/nat/print");
    hear("!re .tag=17 =.id=*5 =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 =dst-port=6881 "
         "=to-addresses=192.168.88.10 =to-ports=6881 =dst-address-type=local "
         "=comment=double-natpmp/default_external_pending_lease_3600_s|!done .tag=17");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 1);
    assert_int_equal(proxy_status(proxy, now_ms).mappings, 1);
    proxy_check(proxy);
}

/* An earlier run left rules for more clients than there is memory for. The daemon adopts the rules that fit
 * and removes the last one, because that rule would never end otherwise. */
static void test_leftover_rules_of_too_many_clients(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= CLIENTS_MAX; i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "!re .tag=12 =.id=*%X =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 "
                 "=dst-port=%u =to-addresses=%s =to-ports=6881 "
                 "=comment=double-natpmp/default_external_%u_lease_600_s",
                 (unsigned)i + 1, (unsigned)(20000 + i), address_text(0xc0a80100 + i).text,
                 (unsigned)(30000 + i));
        hear(text);
    }
    assert_int_equal(proxy_status(proxy, now_ms).mappings, CLIENTS_MAX);
    assert_int_equal(proxy_status(proxy, now_ms).clients, CLIENTS_MAX);
    hear("!done .tag=12");
    unsigned session;
    const struct ros_sentence *sent = sent_command(&out, 0, &session);
    if (sent == NULL)
        fail_msg("nothing is removed");
    assert_span_text(ros_word(sent, 0), "/ip/firewall/nat/remove");
    check_attribute(sent, ".id", "*2000");
}

#define OUR_ROW(id, external)                                                                                \
    "=.id=*" id " =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 =dst-port=6881 "             \
    "=to-addresses=192.168.88.10 =to-ports=6881 "                                                            \
    "=comment=double-natpmp/default_external_" external "_lease_3600_s"

static void client_asks(struct span request)
{
    give((struct event){
        .type = EVENT_LAN,
        .lan = {.from = {CLIENT, 40000}, .to = 0xc0a85801, .bytes = request},
    });
}

/* The client asks for UDP 6881, the router is asked to add a rule (tag 13), and the gateway grants 41000. */
static void ask_for_a_mapping(void)
{
    hear("!done .tag=12");
    client_asks(BYTES("\0\1\0\0\x1a\xe1\x1a\xe1\0\0\x0e\x10"));
    check_sent(&out, 0, "/ip/firewall/nat/add");
    give((struct event){
        .type = EVENT_GATEWAY,
        .gateway = BYTES("\0\x81\0\0\0\0\0\1\x1a\xe1\xa0\x28\0\0\x0e\x10"),
    });
}

static unsigned removals(void)
{
    unsigned count = 0;
    unsigned session;
    const struct ros_sentence *sent;
    for (unsigned i = 0; (sent = sent_command(&out, i, &session)) != NULL; i++)
        count += span_is(ros_word(sent, 0), "/ip/firewall/nat/remove");
    return count;
}

/* listen shows the new rule before the router answers the addition. */
static void test_listen_is_faster_than_the_answer(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!re .tag=11 " OUR_ROW("5", "pending"));
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 0);
    hear("!done .tag=13 =ret=*5");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 1);
    assert_int_equal(removals(), 0);
    proxy_check(proxy);
}

/* The answer names another rule than the one that listen showed: somebody copied ours, and the copy is
 * removed. */
static void test_listen_shows_a_copy(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!re .tag=11 " OUR_ROW("5", "pending"));
    hear("!done .tag=13 =ret=*6");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 1);
    assert_int_equal(removals(), 1);
    proxy_check(proxy);
}

/* That one is gone before the answer: there is nothing to remove. */
static void test_listen_shows_a_copy_that_goes(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!re .tag=11 " OUR_ROW("5", "pending"));
    hear("!re .tag=11 =.id=*5 =.dead=true");
    hear("!done .tag=13 =ret=*6");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 1);
    assert_int_equal(removals(), 0);
    proxy_check(proxy);
}

/* The interface is gone: only a resync can tell. */
static void test_an_addition_whose_interface_is_gone(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!trap .tag=13 =message=input_does_not_match_any_value_of_interface|!done .tag=13");
    check_sent(&out, 0, "/ip/address/print");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 0);
}

/* The router refuses to set the comment while a renewal waits for the gateway. The mapping is not refused. */
static void test_a_comment_that_may_not_be_set(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!done .tag=13 =ret=*5");
    check_sent(&out, 0, "/ip/firewall/nat/set");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 1);
    client_asks(BYTES("\0\1\0\0\x1a\xe1\x1a\xe1\0\0\x0e\x11"));
    hear("!trap .tag=14 =message=not_enough_permissions|!done .tag=14");
    assert_int_equal(count_actions(&out, ACTION_LAN_SEND), 0);
}

/* A part of the rule changes after the running snapshot has shown it. That snapshot does not decide that the
 * rule is missing. */
static void test_a_change_behind_the_row_of_the_snapshot(void **state)
{
    (void)state;
    ask_for_a_mapping();
    hear("!done .tag=13 =ret=*5");
    hear("!done .tag=14");
    hear("!re .tag=11 =.id=*77 =.dead=true"); /* a foreign rule: a resync follows */
    now_ms += 15000;
    give((struct event){.type = EVENT_DEADLINE});
    check_sent(&out, 0, "/ip/address/print");
    hear("!done .tag=15|!done .tag=16|!done .tag=17");
    check_sent(&out, 0, "/ip/firewall/nat/print");
    hear("!re .tag=18 " OUR_ROW("5", "41000"));
    hear("!re .tag=11 =.id=*5 =to-ports=1");
    hear("!done .tag=18");
    unsigned session;
    const struct ros_sentence *sent;
    for (unsigned i = 0; (sent = sent_command(&out, i, &session)) != NULL; i++)
        assert_false(span_is(ros_word(sent, 0), "/ip/firewall/nat/add"));
    proxy_check(proxy);
}

/* An earlier run left two rules whose comments name one external port. One of the mappings has it. */
static void test_leftover_rules_of_one_external_port(void **state)
{
    (void)state;
    hear("!re .tag=12 =.id=*1 =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 =dst-port=20001 "
         "=to-addresses=192.168.88.10 =to-ports=1 =comment=double-natpmp/default_external_30000_lease_600_s");
    hear("!re .tag=12 =.id=*2 =chain=dstnat =action=dst-nat =protocol=udp =in-interface=wg1 =dst-port=20002 "
         "=to-addresses=192.168.88.11 =to-ports=2 =comment=double-natpmp/default_external_30000_lease_600_s");
    hear("!done .tag=12");
    assert_int_equal(proxy_status(proxy, now_ms).mappings, 2);
    proxy_check(proxy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

UNIT(proxy)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_addition_without_an_id),
        TEST(test_leftover_rules_of_too_many_clients),
        TEST(test_leftover_rules_of_one_external_port),
        TEST(test_listen_is_faster_than_the_answer),
        TEST(test_listen_shows_a_copy),
        TEST(test_listen_shows_a_copy_that_goes),
        TEST(test_an_addition_whose_interface_is_gone),
        TEST(test_a_comment_that_may_not_be_set),
        TEST(test_a_change_behind_the_row_of_the_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
