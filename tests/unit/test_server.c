/* The LAN's side: accepted sources, answers without the rest of the core, announcements and the epoch. */
#include "unit.h"

#include "core/server.h"

enum { START_MS = 5000000 };

static struct server server;
static struct actions out;

/* A step at that time, whose actions go to `out`. */
static inline const struct step *at(uint64_t now_ms)
{
    static struct step step;
    step = (struct step){.now_ms = now_ms, .out = &out};
    return &step;
}

static int start(void **state)
{
    (void)state;
    server_init(&server, START_MS);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return 0;
}

static const struct reply_path path = {.to = {0xc0a8580b, 49000}, .from = 0xc0a85801, .interface = 3};

static bool receive(struct span datagram, struct natpmp_request *request)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return server_receive(&server, datagram, &path, request, at(START_MS + 258 * 1000 + 999));
}

/* The only reply left the way that the request came, and contains `bytes`. */
static void check_reply(struct span bytes)
{
    assert_int_equal(out.count, 1);
    const struct action *action = &out.at[0];
    assert_int_equal(action->type, ACTION_LAN_SEND);
    assert_int_equal(action->lan.to.address, path.to.address);
    assert_int_equal(action->lan.to.port, path.to.port);
    assert_int_equal(action->lan.from, path.from);
    assert_int_equal(action->lan.interface, path.interface);
    assert_span_equal(action->lan.bytes, bytes);
}

/* ---- accepted sources ---- */

/* [M-15] */
static void test_sources(void **state)
{
    (void)state;
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {
        {0x0a000000, 0x0affffff}, /* 10/8 */
        {0x7f000000, 0x7fffffff}, /* 127/8 */
        {0xa9fe0000, 0xa9feffff}, /* 169.254/16 */
        {0xac100000, 0xac1fffff}, /* 172.16/12 */
        {0xc0a80000, 0xc0a8ffff}, /* 192.168/16 */
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        assert_true(server_admits(&(struct endpoint){ranges[i].first, 1}, 0xc0a85801));
        assert_true(server_admits(&(struct endpoint){ranges[i].last, 65535}, 0xc0a85801));
        assert_false(server_admits(&(struct endpoint){ranges[i].first - 1, 1}, 0xc0a85801));
        assert_false(server_admits(&(struct endpoint){ranges[i].last + 1, 1}, 0xc0a85801));
        assert_false(server_admits(&(struct endpoint){ranges[i].first, 0}, 0xc0a85801));
    }
    static const uint32_t outside[] = {0, 0x01010101, 0x64400001, 0xcb007107, 0xe0000001, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(outside); i++)
        assert_false(server_admits(&(struct endpoint){outside[i], 5000}, 0xc0a85801));
}

/* [M-15] */
static void test_destinations(void **state)
{
    (void)state;
    static const struct {
        uint32_t to;
        bool admitted;
    } cases[] = {
        {0xc0a85801, true},  {0xdfffffff, true},  {0xe0000000, false}, {0xe0000001, false},
        {0xefffffff, false}, {0xffffffff, false}, {0xf0000000, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(server_admits(&path.to, cases[i].to), cases[i].admitted);
}

/* ---- answers of the server itself ---- */

static void test_requests_are_handed_on(void **state)
{
    (void)state;
    struct natpmp_request request;
    assert_true(receive(BYTES("\0\0"), &request));
    assert_int_equal(request.type, NATPMP_REQUEST_ADDRESS);
    assert_true(receive(BYTES("\0\2\xff\xff\x1a\xe1\x00\x50\x00\x00\x0e\x10"), &request));
    assert_int_equal(request.type, NATPMP_REQUEST_MAP);
    assert_int_equal(request.protocol, NATPMP_TCP);
    assert_int_equal(request.internal_port, 6881);
    assert_int_equal(request.external_port, 80);
    assert_int_equal(request.lifetime_s, 3600);
    assert_int_equal(out.count, 0);
    assert_int_equal(server.dropped, 0);
}

/* */
static void test_unsupported_versions(void **state)
{
    (void)state;
    static const char *const requests[] = {"\1\0", "\2\0", "\2\1", "\xff\x7f", "\1\x03"};
    struct natpmp_request request;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        assert_false(receive(span_of(requests[i], 2), &request));
        check_reply(BYTES("\0\x80\0\1\0\0\1\2"));
    }
    /* A PCP MAP request of 60 bytes gets 8 bytes only. */
    uint8_t pcp[60] = {2, 1};
    assert_false(receive(span_of(pcp, sizeof(pcp)), &request));
    check_reply(BYTES("\0\x80\0\1\0\0\1\2"));
}

/* */
static void test_unsupported_opcodes(void **state)
{
    (void)state;
    struct natpmp_request request;
    assert_false(receive(BYTES("\0\3"), &request));
    check_reply(BYTES("\0\x83\0\5\0\0\1\2"));
    assert_false(receive(BYTES("\0\x7f\xaa\xbb"), &request));
    check_reply(BYTES("\0\xff\0\5\0\0\1\2"));
    /* The whole request comes back after the result. */
    assert_false(receive(BYTES("\0\3\xaa\xbb\x1a\xe1\x00\x50\x00\x00\x0e\x10"), &request));
    check_reply(BYTES("\0\x83\0\5\x1a\xe1\x00\x50\x00\x00\x0e\x10"));
    uint8_t longest[DATAGRAM_MAX + 1] = {0, 9, 1, 2, 3};
    longest[DATAGRAM_MAX - 1] = 0x77;
    assert_false(receive(span_of(longest, DATAGRAM_MAX), &request));
    static const uint8_t header[] = {0, 0x89, 0, 5};
    uint8_t expected[DATAGRAM_MAX];
    memcpy(expected, longest, sizeof(expected));
    memcpy(expected, header, sizeof(header));
    check_reply(span_of(expected, sizeof(expected)));
}

/* */
static void test_silence(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } datagrams[] = {
        {"", 0},       {"\0", 1},     {"\1", 1},           {"\0\x80", 2},
        {"\0\xff", 2}, {"\1\x80", 2}, {"\0\1\0\0\0\1", 6}, {"\0\2\0\0\0\1\0\1\0\0\0", 11},
    };
    struct natpmp_request request;
    for (size_t i = 0; i < ARRAY_LEN(datagrams); i++) {
        assert_false(receive(span_of(datagrams[i].bytes, datagrams[i].len), &request));
        assert_int_equal(out.count, 0);
        assert_int_equal(server.dropped, i + 1);
    }
    uint8_t too_long[DATAGRAM_MAX + 1] = {0, 9};
    assert_false(receive(span_of(too_long, sizeof(too_long)), &request));
    assert_int_equal(out.count, 0);
}

/* ---- replies ---- */

/* [G-10] */
static void test_replies(void **state)
{
    (void)state;
    uint64_t now_ms = START_MS + 1000;
    server_reply_address(&server, &path, NATPMP_SUCCESS, 0xc6336407, at(now_ms));
    check_reply(BYTES("\0\x80\0\0\0\0\0\1\xc6\x33\x64\x07"));
    start(NULL);
    server_reply_address(&server, &path, NATPMP_NETWORK_FAILURE, 0xc6336407, at(now_ms));
    check_reply(BYTES("\0\x80\0\3\0\0\0\1\0\0\0\0"));
    start(NULL);
    server_reply_map(&server, &path, NATPMP_TCP, NATPMP_SUCCESS, 6881, 41000, 3600, at(now_ms));
    check_reply(BYTES("\0\x82\0\0\0\0\0\1\x1a\xe1\xa0\x28\0\0\x0e\x10"));
    start(NULL);
    server_reply_map(&server, &path, NATPMP_UDP, NATPMP_OUT_OF_RESOURCES, 6881, 41000, 3600, at(now_ms));
    check_reply(BYTES("\0\x81\0\4\0\0\0\1\x1a\xe1\0\0\0\0\0\0"));
}

static void test_masqueraded_requests_are_logged_once_an_hour(void **state)
{
    (void)state;
    server_report_hidden(&server, 0xc0a85801, at(START_MS));
    server_report_hidden(&server, 0xc0a85801, at(START_MS + 1));
    server_report_hidden(&server, 0xc0a85801, at(START_MS + 3599999));
    assert_int_equal(out.count, 1);
    server_report_hidden(&server, 0xc0a85801, at(START_MS + 3600000));
    assert_int_equal(out.count, 2);
}

/* ---- epoch ---- */

/* [G-11] */
static void test_epoch_counts_seconds(void **state)
{
    (void)state;
    assert_int_equal(server_epoch_s(&server, START_MS), 0);
    assert_int_equal(server_epoch_s(&server, START_MS + 999), 0);
    assert_int_equal(server_epoch_s(&server, START_MS + 1000), 1);
    assert_int_equal(server_epoch_s(&server, START_MS + UINT64_C(4000000000) * 1000), 4000000000u);
}

/* ---- announcements ---- */

static unsigned announcements(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_ANNOUNCE;
    return count;
}

/* The next announcement is due at that time and not before. */
static void check_announcement(uint64_t at_ms, uint32_t address, struct span bytes)
{
    assert_true(server_deadline_ms(&server) == at_ms);
    actions_clear(&out, LOG_LEVEL_ERROR);
    server_tick(&server, address, at(at_ms - 1));
    assert_int_equal(out.count, 0);
    server_tick(&server, address, at(at_ms));
    assert_int_equal(out.count, 1);
    assert_int_equal(out.at[0].type, ACTION_ANNOUNCE);
    assert_span_equal(out.at[0].announce, bytes);
}

/* */
static void test_ten_announcements(void **state)
{
    (void)state;
    static const uint32_t at_ms[] = {0, 250, 750, 1750, 3750, 7750, 15750, 31750, 63750, 127750};
    assert_true(server_deadline_ms(&server) == UINT64_MAX);
    server_announce(&server, START_MS + 2000);
    for (size_t i = 0; i < ARRAY_LEN(at_ms); i++) {
        uint64_t now_ms = START_MS + 2000 + at_ms[i];
        /* The address and the epoch are those of the moment (section 3.2.1). */
        uint8_t expected[12] = {0, 128, 0, 0, 0, 0, 0, (uint8_t)((2000 + at_ms[i]) / 1000), 10, 9, 8};
        expected[11] = (uint8_t)i;
        check_announcement(now_ms, 0x0a090800 + (uint32_t)i, span_of(expected, sizeof(expected)));
    }
    assert_true(server_deadline_ms(&server) == UINT64_MAX);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    server_tick(&server, 1, at(START_MS + UINT64_C(10000000)));
    assert_int_equal(out.count, 0);
}

/* */
static void test_announcement_without_an_address(void **state)
{
    (void)state;
    server_announce(&server, START_MS);
    check_announcement(START_MS, 0, BYTES("\0\x80\0\3\0\0\0\0\0\0\0\0"));
}

/* */
static void test_a_new_series_replaces_the_old_one(void **state)
{
    (void)state;
    server_announce(&server, START_MS);
    server_tick(&server, 1, at(START_MS));
    server_tick(&server, 1, at(START_MS + 250));
    server_announce(&server, START_MS + 300);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    for (uint64_t ms = START_MS + 300; ms < START_MS + 300 + 128000; ms += 10)
        server_tick(&server, 1, at(ms));
    assert_int_equal(announcements(), 10);
}

static void test_no_room_means_later(void **state)
{
    (void)state;
    server_announce(&server, START_MS);
    while (actions_room(&out))
        actions_push(&out, (struct action){.type = ACTION_EXIT});
    unsigned before = out.count;
    server_tick(&server, 1, at(START_MS));
    assert_int_equal(out.count, before);
    assert_true(server_deadline_ms(&server) == START_MS);
}

/* */
static void test_nothing_is_announced_after_the_end(void **state)
{
    (void)state;
    server_announce(&server, START_MS);
    server_tick(&server, 1, at(START_MS));
    server_reset_epoch(&server, at(START_MS + 9000));
    server_stop(&server);
    server_announce(&server, START_MS + 9000);
    server_reset_epoch(&server, at(START_MS + 20000));
    actions_clear(&out, LOG_LEVEL_DEBUG);
    assert_true(server_deadline_ms(&server) == UINT64_MAX);
    server_tick(&server, 1, at(START_MS + 30000));
    assert_int_equal(out.count, 0);
}

/* ---- a new epoch ---- */

/* [A-07] [E-02] */
static void test_loss_of_state_restarts_the_epoch_and_announces(void **state)
{
    (void)state;
    uint64_t now_ms = START_MS + 3600000;
    server_reset_epoch(&server, at(now_ms));
    assert_int_equal(server_epoch_s(&server, now_ms), 0);
    assert_int_equal(server_epoch_s(&server, now_ms + 2000), 2);
    check_announcement(now_ms, 0x01020304, BYTES("\0\x80\0\0\0\0\0\0\1\2\3\4"));
}

/* Two restarts within a short time look like one to clients, so the second one waits. [E-06] */
static void test_restarts_are_ten_seconds_apart(void **state)
{
    (void)state;
    uint64_t first_ms = START_MS + 10000;
    server_reset_epoch(&server, at(first_ms));
    assert_int_equal(server_epoch_s(&server, first_ms), 0);
    for (unsigned i = 1; i < 5; i++) {
        server_reset_epoch(&server, at(first_ms + UINT64_C(2000) * i));
        server_tick(&server, 1, at(first_ms + UINT64_C(2000) * i));
    }
    server_tick(&server, 1, at(first_ms + 9999));
    assert_int_equal(server_epoch_s(&server, first_ms + 9999), 9);
    assert_true(server_deadline_ms(&server) <= first_ms + 10000);
    actions_clear(&out, LOG_LEVEL_ERROR);
    server_tick(&server, 1, at(first_ms + 10000));
    assert_int_equal(server_epoch_s(&server, first_ms + 10000), 0);
    assert_int_equal(announcements(), 1);
    server_tick(&server, 1, at(first_ms + 30000));
    assert_int_equal(server_epoch_s(&server, first_ms + 30000), 20);
}

static void test_not_within_ten_seconds_of_the_start(void **state)
{
    (void)state;
    server_reset_epoch(&server, at(START_MS + 9999));
    assert_int_equal(server_epoch_s(&server, START_MS + 9999), 9);
    assert_true(server_deadline_ms(&server) == START_MS + 10000);
    server_tick(&server, 1, at(START_MS + 10000));
    assert_int_equal(server_epoch_s(&server, START_MS + 10000), 0);
}

UNIT(server)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sources, start),
        cmocka_unit_test_setup(test_destinations, start),
        cmocka_unit_test_setup(test_requests_are_handed_on, start),
        cmocka_unit_test_setup(test_unsupported_versions, start),
        cmocka_unit_test_setup(test_unsupported_opcodes, start),
        cmocka_unit_test_setup(test_silence, start),
        cmocka_unit_test_setup(test_replies, start),
        cmocka_unit_test_setup(test_masqueraded_requests_are_logged_once_an_hour, start),
        cmocka_unit_test_setup(test_epoch_counts_seconds, start),
        cmocka_unit_test_setup(test_ten_announcements, start),
        cmocka_unit_test_setup(test_announcement_without_an_address, start),
        cmocka_unit_test_setup(test_a_new_series_replaces_the_old_one, start),
        cmocka_unit_test_setup(test_no_room_means_later, start),
        cmocka_unit_test_setup(test_nothing_is_announced_after_the_end, start),
        cmocka_unit_test_setup(test_loss_of_state_restarts_the_epoch_and_announces, start),
        cmocka_unit_test_setup(test_restarts_are_ten_seconds_apart, start),
        cmocka_unit_test_setup(test_not_within_ten_seconds_of_the_start, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
