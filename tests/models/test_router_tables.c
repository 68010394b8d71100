/* The router model's tables: print and queries, the verbs of NAT with their refusals, listen, and routes. */
#include "router_client.h"

static struct client *start(void **state, const char *version)
{
    struct router_model_options options = router_model_defaults(version);
    struct client *t = client_new(&options);
    *state = t;
    return t;
}

static int stop(void **state)
{
    client_free(*state);
    return 0;
}

#define RULE "/ip/firewall/nat/add|=chain=dstnat|=action=dst-nat|=protocol=tcp|=in-interface=wg1"

static void a_row_shows_what_is_set(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    assert_string_equal(
        client_ask(t, s, RULE "|=dst-port=80|=to-addresses=192.168.88.10|=to-ports=8080|=comment=web|.tag=a"),
        "!done|.tag=a|=ret=*1\n");
    assert_string_equal(
        client_ask(t, s, "/ip/firewall/nat/print|.tag=7"),
        "!re|.tag=7|=.id=*1|=chain=dstnat|=action=dst-nat|=to-addresses=192.168.88.10|=to-ports=8080"
        "|=protocol=tcp|=in-interface=wg1|=dst-port=80|=log=false|=log-prefix=|=bytes=0|=packets=0"
        "|=invalid=false|=dynamic=false|=disabled=false|=comment=web\n!done|.tag=7\n");
    assert_int_equal(t->nat_changes, 1);
    router_model_options(t->m)->tag_last = true;
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print|=.proplist=.id,dst-port|.tag=7"),
                        "!re|=.id=*1|=dst-port=80|.tag=7\n!done|.tag=7\n");
}

static void ids_are_hexadecimal_and_grow(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    for (int i = 0; i < 9; i++)
        client_ask(t, s, "/ip/firewall/nat/add|=chain=dstnat");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/add|=chain=dstnat"), "!done|=ret=*A\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|=.id=*A,*9"), "!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/add|=chain=dstnat"), "!done|=ret=*B\n");
    assert_int_equal(router_model_rule_count(t->m), 9);
}

static void empty_is_sent_since_7_18(void **state)
{
    struct client *t = start(state, "7.18.2 (stable)");
    int s = client_login(t);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print|.tag=1"), "!empty|.tag=1\n!done|.tag=1\n");
    client_ask(t, s, "/ip/firewall/nat/add|=chain=dstnat");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/set|=.id=*1|=comment=x"), "!done\n");
    client_free(t);
    t = start(state, "7.16");
    s = client_login(t);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print"), "!done\n");
}

static const struct {
    const char *query;
    const char *ids;
} query_rows[] = {
    {"?dst-port=80", "1"},
    {"?=dst-port=80", "1"},
    {"?dst-port", "123"},
    {"?-dst-port", "4"},
    {"?comment=", ""},
    {"?>comment=", "2"},
    {"?disabled=false", "1234"},
    {"?disabled=no", "1234"},
    {"?disabled=true", ""},
    {"?protocol=udp;?dst-port=80", ""},
    {"?protocol=udp;?dst-port=80;?#|", "123"},
    {"?protocol=udp;?#!", "14"},
    {"?protocol=tcp;?dst-port=80;?#&!", "234"},
    {"?<dst-port=500", "1"},
    {"?>dst-port=80", "23"},
    {"?.id=*2", "2"},
    {"?>.id=*2", "34"},
    {"?protocol=tcp;?dst-port=53;?#0", ""},
    {"?protocol=tcp;?dst-port=53;?#1", "1"},
    {"?protocol=udp;?#.&", "23"},
    {"?protocol=udp;?#0.|", "23"},
    {"?protocol=udp;?#0.!|", "1234"},
    {"?protocol=udp;?#5", "1234"},
    {"?to-addresses=192.168.88.10", "1"},
    {"?<to-addresses=192.168.88.10", "2"},
};

/* Words separated by ';', for '|' is an operator of queries. */
static const char *print_ids(struct client *t, int s, const char *query)
{
    uint8_t bytes[256];
    size_t len = 0;
    char words[256];
    snprintf(words, sizeof(words), "/ip/firewall/nat/print;=.proplist=.id;%s", query);
    for (const char *word = words; *word;) {
        size_t length = strcspn(word, ";");
        bytes[len++] = (uint8_t)length;
        memcpy(bytes + len, word, length);
        len += length;
        word += length + (word[length] == ';');
    }
    bytes[len++] = 0;
    router_model_input(t->m, s, 0, span_of(bytes, len));
    return client_take(t, s);
}

static void queries_are_a_stack(void **state)
{
    struct client *t = start(state, "7.16");
    int s = client_login(t);
    client_ask(t, s, RULE "|=dst-port=80|=to-addresses=192.168.88.10");
    router_model_rule_add(
        t->m, "chain=dstnat protocol=udp dst-port=1000 to-addresses=192.168.88.9 comment=\"a b\"", false);
    router_model_rule_add(t->m, "chain=dstnat protocol=udp dst-port=999", false);
    router_model_rule_add(t->m, "chain=srcnat action=masquerade", false);
    for (unsigned i = 0; i < ARRAY_LEN(query_rows); i++) {
        char expected[256] = "";
        for (const char *id = query_rows[i].ids; *id; id++)
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "!re|=.id=*%c\n", *id);
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "!done\n");
        const char *answer = print_ids(t, s, query_rows[i].query);
        if (strcmp(answer, expected) != 0)
            print_error("query %s\n", query_rows[i].query);
        assert_string_equal(answer, expected);
    }
}

static void a_print_can_count_and_choose(void **state)
{
    struct client *t = start(state, "7.16");
    int s = client_login(t);
    router_model_rule_add(t->m, "chain=dstnat protocol=udp dst-port=80", false);
    router_model_rule_add(t->m, "chain=srcnat", false);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print|=count-only=|?protocol=udp"),
                        "!done|=ret=1\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/getall|=.proplist=dst-port"),
                        "!re|=dst-port=80\n!re\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print|?#x"),
                        "!trap|=message=invalid query word\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|?.id=*1"), "!done\n");
    assert_int_equal(router_model_rule_count(t->m), 2);
}

static void refusals_are_worded_like_the_router(void **state)
{
    static const struct {
        const char *words;
        const char *answer;
    } rows[] = {
        {RULE "|=in-interface=wg9",
         "!trap|=category=1|=message=input does not match any value of interface\n!done\n"},
        {RULE "|=in-interface-list=X",
         "!trap|=category=1|=message=input does not match any value of in-interface-list\n!done\n"},
        {RULE "|=action=dnat",
         "!trap|=category=1|=message=input does not match any value of action\n!done\n"},
        {RULE "|=protocol=xyz",
         "!trap|=category=1|=message=input does not match any value of protocol\n!done\n"},
        {RULE "|=dst-port=70000",
         "!trap|=category=1|=message=value of range out of range (0..65535)\n!done\n"},
        {RULE "|=dst-port=5-3", "!trap|=category=1|=message=invalid value for argument dst-port\n!done\n"},
        {RULE "|=dst-port=x", "!trap|=category=1|=message=invalid value for argument dst-port\n!done\n"},
        {RULE "|=to-ports=1,2", "!trap|=category=1|=message=invalid value for argument to-ports\n!done\n"},
        {RULE "|=to-addresses=host",
         "!trap|=category=1|=message=value of range expects range of ip addresses\n!done\n"},
        {"/ip/firewall/nat/add|=chain=dstnat|=dst-port=80",
         "!trap|=message=failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp\n!done\n"},
        {"/ip/firewall/nat/add|=action=dst-nat",
         "!trap|=category=0|=message=missing value(s) of argument(s) chain\n!done\n"},
        {RULE "|=foo=1", "!trap|=message=unknown parameter foo\n!done\n"},
        {RULE "|=disabled=maybe", "!trap|=category=1|=message=invalid value for argument disabled\n!done\n"},
        {RULE "|=place-before=0",
         "!trap|=message=item referred by 'place-before' does not exist (11)\n!done\n"},
        {RULE "|=place-before=*77",
         "!trap|=message=item referred by 'place-before' does not exist (11)\n!done\n"},
        {"/ip/firewall/nat/remove|=.id=*77", "!trap|=message=no such item (4)\n!done\n"},
        {"/ip/firewall/nat/set|=numbers=*77|=comment=x", "!trap|=message=no such item (4)\n!done\n"},
        {"/ip/firewall/nat/remove", "!done\n"},
        {"/ip/firewall/nat/frob", "!trap|=category=0|=message=no such command\n!done\n"},
        {"/ip/foo/print|.tag=1", "!trap|.tag=1|=category=0|=message=no such command or directory (foo)\n"
                                 "!trap|.tag=1|=category=0|=message=no such command prefix\n!done|.tag=1\n"},
        {"/caps-man/x/y/print", "!trap|=category=0|=message=no such command or directory (caps-man)\n"
                                "!trap|=category=0|=message=no such command prefix\n!done\n"},
        {"/ip/firewall/nat/print|=bar=", "!trap|=message=unknown parameter bar\n!done\n"},
        {"/system/identity/listen", "!trap|=message=unknown parameter follow-only\n!done\n"},
    };
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const char *answer = client_ask(t, s, rows[i].words);
        if (strcmp(answer, rows[i].answer) != 0)
            print_error("command %s\n", rows[i].words);
        assert_string_equal(answer, rows[i].answer);
    }
    assert_int_equal(router_model_rule_count(t->m), 0);
    client_free(t);
    t = start(state, "6.49.10");
    s = client_login(t);
    assert_string_equal(client_ask(t, s, RULE "|=foo=1"), "!trap|=message=unknown parameter\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|=.id=*77"),
                        "!trap|=message=no such item\n!done\n");
}

/* [P9] Nothing can be placed before a dynamic rule, nor by a number. */
static void dynamic_rules_stay_ahead(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    uint32_t id = router_model_rule_add(t->m, "chain=dstnat action=jump jump-target=hotspot", true);
    assert_int_equal(id, 1);
    assert_string_equal(client_ask(t, s, RULE "|=place-before=*1"),
                        "!trap|=message=failure: can not place before dynamic (place-before)\n!done\n");
    assert_string_equal(client_ask(t, s, RULE), "!done|=ret=*2\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/move|=.id=*2|=destination=*1"),
                        "!trap|=message=failure: can not move before dynamic\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/move|=.id=*2|=destination=0"),
                        "!trap|=message=no such item (4)\n!done\n");
}

static uint16_t arrives(struct client *t, uint16_t port)
{
    struct router_model_packet packet = {.interface = "wg1",
                                         .tcp = true,
                                         .source = 0xc6336407,
                                         .destination = 0x0a020002,
                                         .destination_port = port};
    return router_model_arrive(t->m, &packet).port;
}

static void packets_follow_the_chains(void **state)
{
    static const char *const rules[] = {
        "chain=dstnat action=accept protocol=tcp dst-port=80",
        "chain=dstnat action=dst-nat protocol=udp to-addresses=192.168.88.9 to-ports=1",
        "chain=dstnat action=jump jump-target=a in-interface=!bridge",
        "chain=a action=return protocol=tcp dst-port=81",
        "chain=a action=dst-nat protocol=tcp dst-port=81-82 to-addresses=192.168.88.9 to-ports=2",
        "chain=dstnat action=dst-nat protocol=tcp dst-port=83 in-interface=all-ppp to-addresses=192.168.88.9 "
        "to-ports=3",
        "chain=dstnat action=dst-nat protocol=tcp dst-port=84 dst-address=10.2.0.0/24 dst-address-type=local "
        "to-addresses=192.168.88.9 to-ports=4",
        "chain=dstnat action=dst-nat protocol=tcp dst-port=85 dst-address=!10.2.0.2 "
        "to-addresses=192.168.88.9 "
        "to-ports=5",
        "chain=dstnat action=dst-nat protocol=tcp src-address=198.51.100.0/24 to-addresses=192.168.88.9 "
        "to-ports=6",
    };
    static const uint16_t ports[][2] = {{80, 80}, {81, 6}, {82, 2}, {83, 6}, {84, 4}, {85, 6}};
    struct client *t = start(state, "7.18");
    router_model_interface_add(t->m, "wg1", "wg");
    router_model_interface_add(t->m, "bridge", "bridge");
    router_model_address_add(t->m, "10.2.0.2/32", "wg1");
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        assert_int_not_equal(router_model_rule_add(t->m, rules[i], false), 0);
    for (unsigned i = 0; i < ARRAY_LEN(ports); i++)
        assert_int_equal(arrives(t, ports[i][0]), ports[i][1]);
}

static void verbs_change_rules(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    client_ask(t, s, RULE "|=dst-port=80,443,1000-2000|=comment=one");
    client_ask(t, s, RULE "|=dst-port=81|=protocol=17|=comment=two|=disabled=yes");
    client_ask(t, s, RULE "|=dst-port=82|=comment=three|=place-before=*1");
    const struct router_model_rule *rule = router_model_rule_next(t->m, NULL);
    assert_string_equal(router_model_rule_text(rule, "comment"), "three");
    rule = router_model_rule_by_comment(t->m, "two");
    assert_string_equal(router_model_rule_text(rule, "protocol"), "udp");
    assert_true(router_model_rule_disabled(rule));
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/enable|=numbers=*2,*1"), "!done\n");
    assert_false(router_model_rule_disabled(rule));
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/move|=.id=*2|=destination=*3"), "!done\n");
    assert_ptr_equal(router_model_rule_next(t->m, NULL), rule);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/move|=.id=*2"), "!done\n");
    assert_null(router_model_rule_next(t->m, rule));
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/unset|=.id=*2|=value-name=in-interface"),
                        "!done\n");
    struct span value;
    assert_false(router_model_rule_get(rule, "in-interface", &value));
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/set|=.id=*2|=in-interface=!bridge"), "!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/unset|=.id=*2|=value-name=protocol"),
                        "!trap|=message=failure: ports can be specified if proto is "
                        "tcp,udp,udp-lite,dccp,sctp\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/set|=.id=*2|=comment="), "!done\n");
    assert_false(router_model_rule_get(rule, "comment", &value));
    /* The existing rules are removed, although one id did not exist. */
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|=.id=*1,*9,*2"),
                        "!trap|=message=no such item (4)\n!done\n");
    assert_int_equal(router_model_rule_count(t->m), 1);
    uint32_t dynamic = router_model_rule_add(t->m, "chain=dstnat comment=upnp", true);
    char words[64];
    snprintf(words, sizeof(words), "/ip/firewall/nat/remove|=.id=*%X", dynamic);
    assert_non_null(strstr(client_ask(t, s, words), "!trap|=message=failure"));
}

static void the_same_rule_can_be_added_twice(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    client_ask(t, s, RULE "|=dst-port=80|=comment=one");
    assert_string_equal(client_ask(t, s, RULE "|=dst-port=80|=comment=one"), "!done|=ret=*2\n");
}

static void rules_follow_their_interface(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    client_ask(t, s, RULE "|=dst-port=80");
    client_tell(t, s, "/ip/firewall/nat/listen|=.proplist=.id,in-interface,invalid|.tag=L");
    const struct router_model_rule *rule = router_model_rule_find(t->m, 1);
    router_model_interface_rename(t->m, "wg1", "vpn");
    client_run(t, 1);
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=in-interface=vpn|=invalid=false\n");
    router_model_interface_enable(t->m, "vpn", false);
    client_run(t, 1);
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=in-interface=vpn|=invalid=true\n");
    router_model_interface_remove(t->m, "vpn");
    client_run(t, 1);
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=in-interface=*F00003|=invalid=true\n");
    assert_true(router_model_rule_invalid(t->m, rule));
}

static void listen_reports_every_change(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    int other = client_login(t);
    client_tell(t, s, "/ip/firewall/nat/listen|=.proplist=.id,comment,disabled|.tag=L");
    assert_string_equal(client_take(t, s), "");
    client_ask(t, other, RULE "|=dst-port=80|=comment=a");
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=disabled=false|=comment=a\n");
    client_ask(t, other, "/ip/firewall/nat/disable|=.id=*1");
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=disabled=true|=comment=a\n");
    router_model_options(t->m)->listen_partial_rows = true;
    client_ask(t, other, "/ip/firewall/nat/set|=.id=*1|=comment=b");
    assert_string_equal(client_take(t, s), "!re|.tag=L|=.id=*1|=comment=b\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|=.id=*1|.tag=9"),
                        "!done|.tag=9\n!re|.tag=L|=.id=*1|=.dead=true\n");
    router_model_options(t->m)->own_event = ROUTER_MODEL_EVENT_BEFORE;
    router_model_options(t->m)->dead_is_yes = true;
    client_ask(t, other, RULE);
    client_take(t, s);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/remove|=.id=*2|.tag=9"),
                        "!re|.tag=L|=.id=*2|=.dead=yes\n!done|.tag=9\n");
    assert_string_equal(client_ask(t, s, "/cancel|=tag=L|.tag=c"),
                        "!trap|.tag=L|=category=2|=message=interrupted\n!done|.tag=c\n!done|.tag=L\n");
    client_ask(t, other, RULE);
    assert_string_equal(client_take(t, s), "");
}

static void listen_events_may_be_late_but_keep_their_order(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    router_model_options(t->m)->listen_delay_min_ms = 1;
    router_model_options(t->m)->listen_delay_max_ms = 50;
    client_tell(t, s, "/ip/firewall/nat/listen|=.proplist=.id|.tag=L");
    char expected[512] = "";
    for (unsigned i = 1; i <= 15; i++) {
        router_model_rule_add(t->m, "chain=dstnat", false);
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "!re|.tag=L|=.id=*%X\n",
                 i);
    }
    client_run(t, 0);
    assert_string_equal(client_take(t, s), "");
    client_run(t, 50);
    assert_string_equal(client_take(t, s), expected);
}

static void counters_are_pushed_only_by_some_builds(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    client_tell(t, s, "/ip/firewall/nat/listen|=.proplist=.id,packets|.tag=L");
    uint32_t id = router_model_rule_add(t->m, "chain=dstnat", false);
    client_run(t, 1);
    client_take(t, s);
    router_model_rule_traffic(t->m, id, 100, 1);
    client_run(t, 1000);
    assert_string_equal(client_take(t, s), "");
    router_model_options(t->m)->counter_interval_ms = 500;
    client_run(t, 500);
    assert_non_null(strstr(client_take(t, s), "!re|.tag=L|=.id=*1|=packets=2\n"));
}

#define COUNTERS "/ip/firewall/nat/print|=.proplist=.id,bytes,packets"

static void counters_are_shown_as_the_version_does(void **state)
{
    static const struct {
        enum router_model_stats stats;
        const char *named;
        const char *asked;
    } versions[] = {
        {ROUTER_MODEL_STATS_SHOWN, "!re|=.id=*1|=bytes=100|=packets=2\n!done\n",
         "!re|=.id=*1|=bytes=100|=packets=2\n!done\n"},
        {ROUTER_MODEL_STATS_ASKED, "!re|=.id=*1\n!done\n", "!re|=.id=*1|=bytes=100|=packets=2\n!done\n"},
        {ROUTER_MODEL_STATS_REFUSED, "!re|=.id=*1|=bytes=100|=packets=2\n!done\n",
         "!trap|=message=unknown parameter stats\n!done\n"},
        {ROUTER_MODEL_STATS_ABSENT, "!re|=.id=*1\n!done\n", "!re|=.id=*1\n!done\n"},
    };
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    router_model_rule_traffic(t->m, router_model_rule_add(t->m, "chain=dstnat", false), 100, 2);
    for (unsigned i = 0; i < ARRAY_LEN(versions); i++) {
        router_model_options(t->m)->stats = versions[i].stats;
        assert_string_equal(client_ask(t, s, COUNTERS), versions[i].named);
        assert_string_equal(client_ask(t, s, COUNTERS "|=stats="), versions[i].asked);
    }
}

static void counters_begin_again_after_a_reboot(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    router_model_rule_traffic(t->m, router_model_rule_add(t->m, "chain=dstnat", false), 100, 2);
    assert_string_equal(client_ask(t, s, COUNTERS), "!re|=.id=*1|=bytes=100|=packets=2\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/reset-counters|=.id=*1"), "!done\n");
    assert_string_equal(client_ask(t, s, COUNTERS), "!re|=.id=*1|=bytes=0|=packets=0\n!done\n");
    router_model_rule_traffic(t->m, 1, 100, 2);
    router_model_reboot(t->m, 0, true);
    client_run(t, 1);
    s = client_login(t);
    assert_string_equal(client_ask(t, s, COUNTERS), "!re|=.id=*1|=bytes=0|=packets=0\n!done\n");
}

static void a_print_may_follow(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    router_model_rule_add(t->m, "chain=dstnat comment=a", false);
    assert_string_equal(client_ask(t, s, "/ip/firewall/nat/print|=follow=|=.proplist=.id"), "!re|=.id=*1\n");
    router_model_rule_remove(t->m, 1);
    client_run(t, 0);
    assert_string_equal(client_take(t, s), "!re|=.id=*1|=.dead=true\n");
}

static void the_table_may_change_while_it_is_printed(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    for (int i = 0; i < 4; i++)
        router_model_rule_add(t->m, "chain=dstnat", false);
    router_model_options(t->m)->rows_per_ms = 1;
    client_tell(t, s, "/ip/firewall/nat/print|=.proplist=.id,comment");
    assert_string_equal(client_take(t, s), "!re|=.id=*1\n");
    router_model_rule_remove(t->m, 2);
    router_model_rule_set(t->m, 3, "comment=new");
    router_model_rule_add(t->m, "chain=dstnat", false);
    client_run(t, 10);
    assert_string_equal(client_take(t, s), "!re|=.id=*3|=comment=new\n!re|=.id=*4\n!done\n");
}

static void a_route_check_names_the_interface(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    struct router_model_route route = {"0.0.0.0/0", "192.168.88.254", "", "", 1, false};
    assert_true(router_model_route_add(t->m, &route));
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=1.2.3.4|=once="),
                        "!re|=status=ok|=interface=bridge|=nexthop=192.168.88.254\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=10.2.0.1|=once"),
                        "!re|=status=ok|=interface=wg1\n!done\n");
    router_model_options(t->m)->nexthop = ROUTER_MODEL_NEXTHOP_DESTINATION;
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=10.2.0.1|=once"),
                        "!re|=status=ok|=interface=wg1|=nexthop=10.2.0.1\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=x"),
                        "!trap|=category=1|=message=invalid value for argument dst-ip\n!done\n");
    client_tell(t, s, "/ip/route/check|=dst-ip=10.2.0.1|=.proplist=.section|.tag=m");
    client_run(t, 999);
    assert_int_equal(router_model_next_ms(t->m), 1000);
    client_run(t, 1001);
    assert_string_equal(client_ask(t, s, "/cancel"),
                        "!re|.tag=m|=.section=0\n!re|.tag=m|=.section=1\n!re|.tag=m|=.section=2\n"
                        "!trap|.tag=m|=category=2|=message=interrupted\n!done\n!done|.tag=m\n");
    router_model_route_remove(t->m, "0.0.0.0/0", "main");
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=1.2.3.4|=once="),
                        "!re|=status=failed\n!done\n");
    router_model_options(t->m)->no_route = ROUTER_MODEL_NO_ROUTE_EMPTY;
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=1.2.3.4|=once="), "!empty\n!done\n");
    router_model_options(t->m)->no_route = ROUTER_MODEL_NO_ROUTE_TRAP;
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=1.2.3.4|=once="),
                        "!trap|=message=no route to host\n!done\n");
    client_free(t);
    t = start(state, "7.12");
    s = client_login(t);
    assert_string_equal(client_ask(t, s, "/ip/route/check|=dst-ip=1.2.3.4|=once="),
                        "!trap|=category=0|=message=no such command\n!done\n");
}

static void routes_and_addresses_are_printed(void **state)
{
    struct client *t = start(state, "7.16");
    int s = client_login(t);
    struct router_model_route route = {"0.0.0.0/0", "10.2.0.1", "", "vpn", 1, false};
    router_model_route_add(t->m, &route);
    assert_string_equal(
        client_ask(t, s,
                   "/ip/route/print|?active=true|=.proplist=dst-address,gateway,immediate-gw,routing-table"),
        "!re|=dst-address=192.168.88.0/24|=gateway=bridge|=immediate-gw=bridge|=routing-table=main\n"
        "!re|=dst-address=10.2.0.0/24|=gateway=wg1|=immediate-gw=wg1|=routing-table=main\n"
        "!re|=dst-address=0.0.0.0/"
        "0|=gateway=10.2.0.1|=immediate-gw=10.2.0.1%wg1|=routing-table=vpn\n!done\n");
    router_model_interface_enable(t->m, "wg1", false);
    assert_string_equal(client_ask(t, s, "/ip/route/print|?active=true|=count-only="), "!done|=ret=1\n");
    assert_string_equal(client_ask(t, s, "/ip/address/print|?interface=wg1|=.proplist=.id,address,network"),
                        "!re|=.id=*2|=address=10.2.0.2/24|=network=10.2.0.0\n!done\n");
    assert_string_equal(client_ask(t, s, "/interface/print|=.proplist=name,running"),
                        "!re|=name=ether1|=running=true\n!re|=name=bridge|=running=true\n"
                        "!re|=name=wg1|=running=false\n!done\n");
}

static void lists_include_and_exclude(void **state)
{
    struct client *t = start(state, "7.18");
    assert_true(router_model_list_add(t->m, "A", "", ""));
    assert_true(router_model_list_add(t->m, "B", "A", ""));
    assert_true(router_model_list_add(t->m, "C", "all", "A"));
    assert_true(router_model_member_add(t->m, "A", "wg1"));
    assert_true(router_model_list_holds(t->m, "B", "wg1"));
    assert_false(router_model_list_holds(t->m, "C", "wg1"));
    assert_true(router_model_list_holds(t->m, "C", "bridge"));
    assert_false(router_model_list_holds(t->m, "none", "wg1"));
    int s = client_login(t);
    assert_string_equal(client_ask(t, s, "/interface/list/member/print|=.proplist=list,interface"),
                        "!re|=list=A|=interface=wg1\n!done\n");
    assert_string_equal(
        client_ask(t, s, "/interface/list/print|?builtin=false|=.proplist=name,include,exclude"),
        "!re|=name=A|=include=|=exclude=\n!re|=name=B|=include=A|=exclude=\n"
        "!re|=name=C|=include=all|=exclude=A\n!done\n");
}

static void single_menus_depend_on_the_version(void **state)
{
    struct client *t = start(state, "7.12.2");
    int s = client_login(t);
    assert_string_equal(client_ask(t, s, "/system/identity/print"), "!re|=name=MikroTik\n!done\n");
    assert_string_equal(client_ask(t, s, "/system/resource/print|=.proplist=version"),
                        "!re|=version=7.12.2 (stable)\n!done\n");
    assert_non_null(strstr(client_ask(t, s, "/ip/nat-pmp/print"), "no such command prefix"));
    client_free(t);
    t = start(state, "7.24rc1");
    s = client_login(t);
    assert_string_equal(client_ask(t, s, "/system/resource/print|=.proplist=version"),
                        "!re|=version=7.24rc1\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/nat-pmp/print"), "!re|=enabled=false\n!done\n");
    assert_string_equal(
        client_ask(
            t, s,
            "/ip/service/print|?name=api|=.proplist=port,connection,max-sessions,available-from,disabled"),
        "!re|=port=8728|=connection=true\n"
        "!re|=port=8728|=available-from=|=max-sessions=20|=disabled=false\n!done\n");
}

static void filter_rules_are_printed(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    assert_string_equal(client_ask(t, s, "/ip/firewall/filter/print"), "!empty\n!done\n");
    assert_true(router_model_row_add(
        t->m, "filter", "chain=forward action=drop connection-state=new disabled=no comment=\"last one\""));
    assert_true(router_model_row_add(t->m, "filter", "chain=input disabled=yes"));
    assert_string_equal(
        client_ask(t, s,
                   "/ip/firewall/filter/print|=.proplist=.id,chain,action,connection-state,disabled,comment"),
        "!re|=.id=*1|=action=drop|=disabled=false|=chain=forward|=connection-state=new|=comment=last one\n"
        "!re|=.id=*2|=action=accept|=disabled=true|=chain=input\n!done\n");
    assert_false(router_model_row_add(t->m, "filter", "action=drop"));
    assert_false(router_model_row_add(t->m, "filter", "chain=forward to-addresses=192.0.2.1"));
    assert_false(router_model_row_add(t->m, "filters", "chain=forward"));
}

/* Routing rules have another path in RouterOS 6. */
static void other_tables_are_printed(void **state)
{
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    assert_true(router_model_row_add(t->m, "routing-rule", "interface=bridge action=lookup table=vpn"));
    assert_true(router_model_row_add(t->m, "address-list", "list=apps address=17.0.0.0/8"));
    assert_true(router_model_row_add(t->m, "mangle", "chain=prerouting new-routing-mark=vpn passthrough=no"));
    assert_true(router_model_row_add(t->m, "raw", "chain=prerouting action=drop"));
    assert_string_equal(client_ask(t, s, "/routing/rule/print|=.proplist=interface,action,table,disabled"),
                        "!re|=action=lookup|=disabled=false|=interface=bridge|=table=vpn\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/address-list/print|=.proplist=list,address"),
                        "!re|=list=apps|=address=17.0.0.0/8\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/mangle/print|=.proplist=passthrough,new-routing-mark"),
                        "!re|=new-routing-mark=vpn|=passthrough=false\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/raw/print|=.proplist=chain,action"),
                        "!re|=action=drop|=chain=prerouting\n!done\n");
}

static const struct router_model_flow flow = {0xac110002, 0x0a020001, 40000, 5351, false};

/* A rule's table comes before the main table; without a route there, the next one decides. */
static void routing_rules_lead_to_their_tables(void **state)
{
    enum { SERVER = 0x08080808 };
    struct client *t = start(state, "7.18");
    struct router_model_route tunnel = {.destination = "0.0.0.0/0", .gateway = "wg1", .routing_table = "vpn"};
    struct router_model_route internet = {.destination = "0.0.0.0/0", .gateway = "ether1"};
    router_model_route_add(t->m, &internet);
    assert_string_equal(router_model_way(t->m, flow.source, SERVER), "ether1");
    router_model_row_add(t->m, "routing-rule", "src-address=172.17.0.2/32 action=lookup table=vpn");
    assert_string_equal(router_model_way(t->m, flow.source, SERVER), "ether1");
    router_model_route_add(t->m, &tunnel);
    assert_string_equal(router_model_way(t->m, flow.source, SERVER), "wg1");
    assert_string_equal(router_model_way(t->m, flow.source + 1, SERVER), "ether1");
    router_model_routing_rules_clear(t->m);
    assert_string_equal(router_model_way(t->m, flow.source, SERVER), "ether1");
}

/* UDP is remembered for half a minute, and for three after the first answer, with the address that replaces
 * its source. */
static void the_connection_table_remembers_udp(void **state)
{
#define FLOWS                                                                                                \
    "/ip/firewall/connection/print|=.proplist=src-address,dst-address,dst-port,reply-dst-address,timeout"
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    struct router_model_route tunnel = {.destination = "10.2.0.1/32", .gateway = "wg1"};
    router_model_route_add(t->m, &tunnel);
    assert_string_equal(router_model_sends(t->m, t->now_ms, &flow), "wg1");
    assert_string_equal(client_ask(t, s, FLOWS "|?dst-address=10.2.0.1|?dst-port=5351|?#&"),
                        "!re|=src-address=172.17.0.2|=dst-address=10.2.0.1|=dst-port=5351"
                        "|=reply-dst-address=10.2.0.2|=timeout=30s\n!done\n");
    router_model_options(t->m)->untranslated = true;
    router_model_options(t->m)->ports_joined = true;
    t->now_ms += 31000;
    router_model_sends(t->m, t->now_ms, &flow);
    router_model_replies(t->m, t->now_ms, &flow);
    t->now_ms += 3000;
    router_model_sends(t->m, t->now_ms, &flow);
    assert_string_equal(client_ask(t, s, FLOWS "|?dst-address=10.2.0.1:5351"),
                        "!re|=src-address=172.17.0.2:40000|=dst-address=10.2.0.1:5351"
                        "|=reply-dst-address=172.17.0.2:40000|=timeout=3m0s\n!done\n");
    t->now_ms += 181000;
    assert_string_equal(client_ask(t, s, FLOWS), "!empty\n!done\n");
    router_model_sends(t->m, t->now_ms, &flow);
    assert_string_equal(client_ask(t, s, "/ip/firewall/connection/print|=count-only="), "!done|=ret=1\n");
    router_model_address_remove(t->m, "10.2.0.2/24");
    assert_string_equal(client_ask(t, s, FLOWS), "!empty\n!done\n");
}

/* What belongs to a connection that the table has goes where its first packet went, until it is forgotten or
 * removed. */
static void the_connection_table_decides(void **state)
{
#define ENTRY                                                                                                \
    "/ip/firewall/connection/print|=.proplist=.id,protocol,dst-address,reply-src-address,reply-src-port"
    struct client *t = start(state, "7.18");
    int s = client_login(t);
    const struct router_model_packet packet = {.interface = "wg1",
                                               .tcp = false,
                                               .source = 0xc6336407,
                                               .source_port = 40000,
                                               .destination = 0x0a020002,
                                               .destination_port = 7000};
    assert_int_equal(router_model_receive(t->m, t->now_ms, &packet).address, 0x0a020002);
    router_model_rule_add(t->m,
                          "chain=dstnat action=dst-nat protocol=udp dst-port=7000 "
                          "to-addresses=192.168.88.10 to-ports=6000",
                          false);
    t->now_ms += 20000;
    assert_int_equal(router_model_receive(t->m, t->now_ms, &packet).address, 0x0a020002);
    assert_string_equal(client_ask(t, s, ENTRY),
                        "!re|=.id=*1|=protocol=udp|=dst-address=10.2.0.2|=reply-src-address=10.2.0.2"
                        "|=reply-src-port=7000\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/connection/remove|=.id=*2"),
                        "!trap|=message=no such item (4)\n!done\n");
    assert_string_equal(client_ask(t, s, "/ip/firewall/connection/remove|=.id=*1"), "!done\n");
    assert_int_equal(router_model_receive(t->m, t->now_ms, &packet).address, 0xc0a8580a);
    router_model_options(t->m)->ports_joined = true;
    t->now_ms += 31000;
    assert_int_equal(router_model_receive(t->m, t->now_ms, &packet).port, 6000);
    assert_string_equal(client_ask(t, s, ENTRY), "!re|=.id=*3|=protocol=udp|=dst-address=10.2.0.2:7000"
                                                 "|=reply-src-address=192.168.88.10:6000\n!done\n");
    assert_int_equal(router_model_counters(t->m)->connection_removes, 1);
    router_model_set_policies(t->m, "admin", ROUTER_MODEL_READ | ROUTER_MODEL_API);
    assert_string_equal(client_ask(t, s, "/ip/firewall/connection/remove|=.id=*3"),
                        "!trap|=message=not enough permissions (9)\n!done\n");
    assert_int_equal(router_model_counters(t->m)->connection_refusals, 1);
}

UNIT(router_tables)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_row_shows_what_is_set, stop),
        cmocka_unit_test_teardown(ids_are_hexadecimal_and_grow, stop),
        cmocka_unit_test_teardown(empty_is_sent_since_7_18, stop),
        cmocka_unit_test_teardown(queries_are_a_stack, stop),
        cmocka_unit_test_teardown(a_print_can_count_and_choose, stop),
        cmocka_unit_test_teardown(refusals_are_worded_like_the_router, stop),
        cmocka_unit_test_teardown(dynamic_rules_stay_ahead, stop),
        cmocka_unit_test_teardown(packets_follow_the_chains, stop),
        cmocka_unit_test_teardown(verbs_change_rules, stop),
        cmocka_unit_test_teardown(the_same_rule_can_be_added_twice, stop),
        cmocka_unit_test_teardown(rules_follow_their_interface, stop),
        cmocka_unit_test_teardown(listen_reports_every_change, stop),
        cmocka_unit_test_teardown(listen_events_may_be_late_but_keep_their_order, stop),
        cmocka_unit_test_teardown(counters_are_pushed_only_by_some_builds, stop),
        cmocka_unit_test_teardown(counters_are_shown_as_the_version_does, stop),
        cmocka_unit_test_teardown(counters_begin_again_after_a_reboot, stop),
        cmocka_unit_test_teardown(a_print_may_follow, stop),
        cmocka_unit_test_teardown(the_table_may_change_while_it_is_printed, stop),
        cmocka_unit_test_teardown(a_route_check_names_the_interface, stop),
        cmocka_unit_test_teardown(routes_and_addresses_are_printed, stop),
        cmocka_unit_test_teardown(lists_include_and_exclude, stop),
        cmocka_unit_test_teardown(single_menus_depend_on_the_version, stop),
        cmocka_unit_test_teardown(filter_rules_are_printed, stop),
        cmocka_unit_test_teardown(other_tables_are_printed, stop),
        cmocka_unit_test_teardown(routing_rules_lead_to_their_tables, stop),
        cmocka_unit_test_teardown(the_connection_table_remembers_udp, stop),
        cmocka_unit_test_teardown(the_connection_table_decides, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
