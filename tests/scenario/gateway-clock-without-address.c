/* [G2] A gateway that grants mappings and answers address requests with an error ("unsupported version",
 * "unsupported opcode", "network failure") or not at all. Its clock is set back and forward. No address tells
 * the epoch, and still whoever asks for a mapping is answered within 2 s. */
#include "scenario.h"

enum { DEAF_MAX_MS = 2000 };

static void tell(struct world *w)
{
    static const int32_t steps_s[] = {-10, 1000, -64, 70, -1000};
    static const uint16_t results[] = {1, 5, 3, GATEWAY_NO_ANSWER};
    static const char *const notes[] = {"unsupported version", "unsupported opcode", "network failure",
                                        "no answer"};
    struct lan_client *a = client(w, 10);
    uint16_t port = 7000;

    settle(w);
    for (unsigned k = 0; k < ARRAY_LEN(results); k++) {
        note(w, notes[k]);
        w->gateway.faults.refuse_address = results[k];
        skip_s(w, 130);
        for (unsigned i = 0; i < ARRAY_LEN(steps_s); i++) {
            struct lan_mapping *mapping;

            world_gateway_clock(w, steps_s[i]);
            mapping = map(w, a, TCP, port, port, 3600);
            port++;
            world_run_for(w, DEAF_MAX_MS);
            expect(w, mapping->state == LAN_HELD);
            show(w, false);
            skip_s(w, 130);
            show(w, true);
        }
    }
}

const struct story story_gateway_clock_without_address = {.tell = tell};
