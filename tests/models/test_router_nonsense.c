/* The router model under random commands with random faults. */
#include "router_client.h"

#include "base/prng.h"

static int stop(void **state)
{
    client_free(*state);
    return 0;
}

static void random_bytes(struct prng *prng, uint8_t *bytes, size_t *ret_len)
{
    static const char *const words[] = {
        "/login",
        "/ip/firewall/nat/print",
        "/ip/firewall/nat/add",
        "/ip/firewall/nat/set",
        "/ip/route/check",
        "/ip/firewall/nat/listen",
        "/cancel",
        "/ip/firewall/nat/remove",
        "=name=admin",
        "=password=",
        "=.id=*1",
        "=numbers=*2,*3,",
        "=chain=dstnat",
        "=protocol=tcp",
        "=dst-port=1,2-3",
        "=dst-port=,",
        "=comment=",
        "?",
        "?#",
        "?#0!&|.",
        "?>=",
        "?-x",
        "=.proplist=,",
        ".tag=",
        ".tag=1",
        "=",
        "=once",
        "=dst-ip=10.2.0.1",
        "=tag=1",
        "=follow=",
        "/ip/firewall/nat/move",
        "=destination=*2",
        "/",
        "//",
        "",
        "=count-only=",
        "=to-addresses=1.1.1.1-2.2.2.2",
        "=in-interface=!wg1",
        "/interface/print",
        "/ip/firewall/nat/unset",
        "=value-name=comment",
        "=log-prefix=",
        "=src-address=!1.0.0.0/8",
    };
    size_t len = 0;
    unsigned count = 1 + prng_below(prng, 8);
    for (unsigned i = 0; i < count; i++) {
        const char *word = words[prng_below(prng, ARRAY_LEN(words))];
        bytes[len++] = (uint8_t)strlen(word);
        memcpy(bytes + len, word, strlen(word));
        len += strlen(word);
    }
    bytes[len++] = 0;
    if (prng_below(prng, 50) == 0)
        bytes[prng_below(prng, (uint32_t)len)] = (uint8_t)prng_next(prng);
    *ret_len = len;
}

/* Whatever it receives, the model neither grows without bound nor crashes. */
static void nonsense_does_no_harm(void **state)
{
    uint64_t seed = 20240607;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct prng prng = prng_seeded(seed);
    struct router_model_options options = router_model_defaults("7.18");
    options.latency_max_ms = 5;
    options.out_of_order = true;
    options.rows_per_ms = 2;
    options.own_event = ROUTER_MODEL_EVENT_EITHER;
    options.listen_delay_max_ms = 3;
    options.counter_interval_ms = 7;
    options.orphan_commands = true;
    options.nat_rules_max = 20;
    options.renumber_on_reboot = true;
    struct client *t = *state = client_new(&options);
    static const uint8_t login[] = "\006/login\013=name=admin\012=password=";
    int session = 0;
    for (int step = 0; step < 20000; step++) {
        uint8_t bytes[512];
        size_t len;
        if (session == 0 || t->session[session].closed || prng_below(&prng, 200) == 0) {
            /* The client's table is small, and the model never uses a session's number twice. */
            router_model_disconnect(t->m, session);
            if (session == CLIENT_SESSIONS - 1) {
                client_free(t);
                t = *state = client_new(&options);
            }
            session = router_model_connect(t->m, t->now_ms);
            if (session < 0) {
                session = 0;
                client_run(t, 10);
                continue;
            }
            router_model_input(t->m, session, t->now_ms, span_of(login, sizeof(login)));
        }
        random_bytes(&prng, bytes, &len);
        router_model_input(t->m, session, t->now_ms, span_of(bytes, len));
        client_run(t, prng_below(&prng, 3));
        t->session[session].len = 0;
        if (prng_below(&prng, 300) == 0)
            router_model_reboot(t->m, 20, prng_below(&prng, 2));
        if (prng_below(&prng, 300) == 0)
            router_model_mute(t->m, t->now_ms + 20, prng_below(&prng, 2));
        if (prng_below(&prng, 100) == 0)
            router_model_drop_at(
                t->m, &(struct router_model_drop_fault){.drop = (enum router_model_drop)prng_below(&prng, 4),
                                                        .silent = prng_below(&prng, 2)});
    }
    assert_true(router_model_rule_count(t->m) <= 20);
}

UNIT(router_nonsense)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nonsense_does_no_harm, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
