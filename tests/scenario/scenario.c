#include "scenario.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTLE_S = 199 };

void note(struct world *w, const char *text)
{
    trace_line(&w->trace, w->now_ms, "# %s", text);
}

void show(struct world *w, bool shown)
{
    w->trace.keep = shown;
}

void settle(struct world *w)
{
    show(w, false);
    world_start(w, 1);
    world_run_until(w, (SETTLE_S + UINT64_C(1)) * 1000);
    show(w, true);
}

void skip_s(struct world *w, uint64_t seconds)
{
    show(w, false);
    world_run_for(w, seconds * 1000);
    show(w, true);
}

uint32_t lan_address(unsigned last_byte)
{
    return 0xc0a85800 | last_byte;
}

struct lan_client *client(struct world *w, unsigned last_byte)
{
    return lan_add(&w->lan, lan_address(last_byte), LAN_GOOD);
}

struct lan_mapping *map(struct world *w, struct lan_client *from, bool tcp, uint16_t internal_port,
                        uint16_t suggested, uint32_t lifetime_s)
{
    return lan_map(&w->lan, w->now_ms, from, tcp, internal_port, suggested, lifetime_s);
}

void expect_at(struct world *w, bool holds, const char *what, int line)
{
    if (!holds)
        world_fail(w, "line %d: not true: %s", line, what);
}

void expect_rest(struct world *w)
{
    w->invariants.quiet_since_ms = w->now_ms;
    inv_at_rest(w);
}

uint32_t rule_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port)
{
    const struct book_rule *rule = inv_find_rule(w, lan_address(last_byte), tcp, port);

    return rule ? rule->id : 0;
}

uint16_t router_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port)
{
    const struct book_rule *rule = inv_find_rule(w, lan_address(last_byte), tcp, port);

    return rule ? rule->router_port : 0;
}

void router_now(struct world *w)
{
    router_model_run(w->router, w->now_ms);
}

const char *interface_of(struct world *w, unsigned last_byte, uint16_t port)
{
    uint32_t id = rule_of(w, last_byte, TCP, port);

    return id != 0 ? router_model_rule_text(router_model_rule_find(w->router, id), "in-interface") : "";
}

unsigned our_rules(const struct world *w)
{
    return w->invariants.rule_count;
}

void left_over_rule(struct world *w, bool tcp, uint16_t router_port, const char *address, uint16_t port,
                    unsigned lease_s)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "chain=dstnat action=dst-nat protocol=%s in-interface=wg0 dst-port=%u to-addresses=%s "
                   "to-ports=%u comment=\"double-natpmp/default external %u lease %u s\"",
                   tcp ? "tcp" : "udp", router_port, address, port, router_port, lease_s);
    expect(w, router_model_rule_add(w->router, text, false) != 0);
}

uint64_t router_writes(const struct world *w)
{
    const struct router_model_counters *c = router_model_counters(w->router);

    return c->adds + c->removes + c->sets;
}

/* ---- a second daemon ---- */

void with_admin(struct world_options *options)
{
    options->router.users[1] = (struct router_model_user){
        .name = "admin", .password = "pass-Word-9f8e7d", .policies = ROUTER_MODEL_ALL};
}

void start_second_as_admin(struct world *w, uint64_t seed)
{
    (void)snprintf(w->options.config.user, sizeof(w->options.config.user), "admin");
    world_start_second(w, seed);
    (void)snprintf(w->options.config.user, sizeof(w->options.config.user), "natpmp");
}

bool second_stands_by(struct world *w)
{
    bool result;

    world_turn(w, 1);
    result = proxy_status(w->proxy, w->now_ms).standing_by;
    world_turn(w, 0);
    return result;
}

/* ---- clients whose datagrams the story plays ---- */

void asks_map(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
              uint16_t suggested, uint32_t lifetime_s)
{
    lan_send_map(&w->lan, lan_address(last_byte), source_port, tcp, internal_port, suggested, lifetime_s);
}

void asks_delete(struct world *w, unsigned last_byte, uint16_t source_port, bool tcp, uint16_t internal_port,
                 uint16_t suggested)
{
    asks_map(w, last_byte, source_port, tcp, internal_port, suggested, 0);
}

void asks_address(struct world *w, unsigned last_byte, uint16_t source_port)
{
    static const uint8_t request[2] = {0};

    lan_send_raw(&w->lan, lan_address(last_byte), source_port, span_of(request, sizeof(request)));
}

void asks_pcp(struct world *w, unsigned last_byte, uint16_t source_port, bool announce)
{
    uint8_t request[60] = {2, announce ? 0 : 1};

    lan_send_raw(&w->lan, lan_address(last_byte), source_port,
                 span_of(request, announce ? 24 : sizeof(request)));
}

uint16_t external_port_of(struct world *w, unsigned last_byte, bool tcp, uint16_t port)
{
    const struct gateway_lease *lease =
        gateway_find(&w->gateway, w->now_ms, tcp, router_port_of(w, last_byte, tcp, port));

    return lease ? lease->external_port : 0;
}

void gateway_next_port(struct world *w, unsigned last_byte, bool tcp, uint16_t port, uint16_t next_port)
{
    uint16_t internal_port = router_port_of(w, last_byte, tcp, port);

    for (unsigned i = 0; i < w->gateway.leases_end; i++) {
        struct gateway_lease *lease = &w->gateway.leases[i];

        if (lease->used && lease->tcp == tcp && lease->internal_port == internal_port) {
            lease->next_port = next_port;
            return;
        }
    }
    world_fail(w, "the gateway has no lease for port %u of client %u", port, last_byte);
}

void like_proton(struct world_options *options)
{
    options->gateway.profile = GATEWAY_PROTON;
}

void gateway_late(struct world *w, unsigned late_ms)
{
    w->gateway.faults.late_percent = late_ms > 0 ? 100 : 0;
    w->gateway.faults.late_ms = late_ms;
}

/* ---- another program on the router ---- */

static void undo_for(struct world *w, void (*undo)(struct world *w, uint32_t id, uint32_t before),
                     uint64_t for_ms)
{
    uint64_t until_ms = w->now_ms + for_ms;
    uint32_t before = 0;

    while (w->now_ms < until_ms) {
        uint32_t id = rule_of(w, 10, TCP, 7000);

        undo(w, id, before);
        before = id;
        world_run_for(w, 10);
    }
}

void other_program_undoes(struct world *w, void (*undo)(struct world *w, uint32_t id, uint32_t before))
{
    uint64_t adds;

    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 3600);
    skip_s(w, 10);
    adds = router_model_counters(w->router)->adds;
    note(w, "the other program runs");
    undo_for(w, undo, 3000);
    show(w, false);
    undo_for(w, undo, 17000);
    show(w, true);
    adds = router_model_counters(w->router)->adds - adds;
    expect(w, adds >= 4 && adds <= 8);
    note(w, "the other program has stopped");
    skip_s(w, 40);
    expect(w, our_rules(w) == 1);
    expect_rest(w);
}

/* ---- comparison of traces ---- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t len = 0;

    if (!file)
        return NULL;
    for (;;) {
        char *larger = realloc(text, len + 65537);
        size_t got;

        if (!larger)
            abort();
        text = larger;
        got = fread(text + len, 1, 65536, file);
        len += got;
        text[len] = '\0';
        if (got == 0)
            break;
    }
    (void)fclose(file);
    return text;
}

static int write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

static void show_difference(char *expected_path, char *actual_path)
{
    static char program[] = "diff";
    static char flag[] = "-u";
    char *const arguments[] = {program, flag, expected_path, actual_path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int error;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    error = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        fprintf(stderr, "diff: %s\n", strerror(error));
        return;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int compare(char *expected_path, char *actual_path, const char *text)
{
    char *expected = read_file(expected_path);
    bool same = expected && strcmp(expected, text) == 0;

    free(expected);
    if (same)
        return 0;
    if (write_file(actual_path, text) != 0)
        return 1;
    fprintf(stderr, "The trace differs from %s; if it is right, run again with UPDATE=1.\n", expected_path);
    show_difference(expected_path, actual_path);
    return 1;
}

/* ---- the stories ---- */

#define ROW(name, identifier) extern const struct story story_##identifier;
#include "stories.inc"
#undef ROW

static const struct {
    const char *name;
    const struct story *story;
} stories[] = {
#define ROW(name, identifier) {name, &story_##identifier},
#include "stories.inc"
#undef ROW
};

static const struct story *find_story(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(stories); i++)
        if (strcmp(stories[i].name, name) == 0)
            return stories[i].story;
    return NULL;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: [UPDATE=1] %s NAME, which is one of:\n", program);
    for (unsigned i = 0; i < ARRAY_LEN(stories); i++)
        fprintf(stderr, "  %s\n", stories[i].name);
    return 2;
}

static int play(const char *name, const struct story *story)
{
    struct world_options options = world_defaults(1);
    const char *update = getenv("UPDATE");
    char expected_path[512];
    char actual_path[512];
    const char *text;
    struct world *w;
    int status;

    (void)snprintf(expected_path, sizeof(expected_path), "%s/%s.trace", TRACE_DIR, name);
    (void)snprintf(actual_path, sizeof(actual_path), "%s/%s.actual", ACTUAL_DIR, name);
    if (story->options)
        story->options(&options);
    w = world_new(&options);
    w->trace.keep = true;
    story->tell(w);
    text = w->trace.text ? w->trace.text : ""; /* The text is NULL while the trace has no line. */
    if (update && strcmp(update, "1") == 0)
        status = write_file(expected_path, text);
    else
        status = compare(expected_path, actual_path, text);
    world_free(w);
    return status;
}

int main(int argc, char **argv)
{
    const struct story *story = argc == 2 ? find_story(argv[1]) : NULL;

    return story ? play(argv[1], story) : usage(argv[0]);
}
