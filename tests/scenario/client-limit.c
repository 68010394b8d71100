/* MAX_MAPPINGS_PER_CLIENT: the daemon refuses further mappings of one host with result 4 and logs that once.
 * Other hosts get their mappings. When the host deletes a mapping, it can have another one. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.client_mappings_max = 2;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping[5];

    settle(w);
    for (uint16_t i = 0; i < 4; i++)
        mapping[i] = map(w, a, i % 2 == 0 ? UDP : TCP, (uint16_t)(5001 + i), (uint16_t)(5001 + i), 3600);
    mapping[4] = map(w, client(w, 11), UDP, 6001, 6001, 3600);
    world_run_for(w, 1000);
    expect(w, mapping[2]->result == 4 && mapping[3]->result == 4 && mapping[4]->result == 0);
    expect(w, our_rules(w) == 3);
    note(w, "the host deletes one mapping and requests another one");
    lan_unmap(&w->lan, w->now_ms, a, mapping[0]);
    world_run_for(w, 1000);
    mapping[2] = map(w, a, UDP, 5003, 5003, 3600);
    world_run_for(w, 1000);
    expect(w, mapping[2]->result == 0 && our_rules(w) == 3);
    mapping[3] = map(w, a, TCP, 5004, 5004, 3600);
    world_run_for(w, 1000);
    expect(w, mapping[3]->result == 4);
    expect_rest(w);
}

const struct story story_client_limit = {.options = options, .tell = tell};
