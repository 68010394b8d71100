/* RFC 6886 section 3.5 and erratum 3618: the daemon answers other versions, PCP too, with 8 bytes, opcode 128
 * and result 1. It answers other opcodes with result 5. It does not answer responses and packets that are too
 * short. [M-24] */
/* Predecessor fault 26: The epoch in the answer to another version is no time at all. */
/* Predecessor fault 27: A response of another version is answered. */
/* Predecessor fault 28: Internal port 0 with a lifetime is mapped. */
#include "scenario.h"

static void send(struct world *w, const void *bytes, size_t len)
{
    lan_send_raw(&w->lan, lan_address(66), 40000, span_of(bytes, len));
    world_run_for(w, 100);
}

static void tell(struct world *w)
{
    static const uint8_t pcp_map[60] = {2, 1};
    static const uint8_t large[1400] = {0, 77, 1, 2, 3, 4, 5, 6};
    static const uint8_t port_zero[12] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60};
    static const uint8_t reserved_and_tail[20] = {0, 1, 0xff, 0xff, 0x17, 0x70, 0, 0, 0, 0, 0, 0, 9, 9, 9};

    settle(w);
    note(w, "versions 1, 2 (PCP), 255");
    send(w, "\1\0", 2);
    send(w, pcp_map, sizeof(pcp_map));
    send(w, "\377\177\0\0", 4);
    note(w, "opcodes 3 and 127, short and long packets");
    send(w, "\0\3", 2);
    send(w, "\0\177\1\2\3\4\5\6\7", 9);
    send(w, large, sizeof(large));
    note(w, "no answer: 0 and 1 bytes, short maps, responses of any version");
    send(w, "", 0);
    send(w, "\0", 1);
    send(w, "\0\1\0\0\27\160\0\0\0\0\0", 11);
    send(w, "\0\200\0\0\0\0\0\1\1\2\3\4", 12);
    send(w, "\1\201\0\0", 4);
    note(w, "internal port 0 with a lifetime cannot be mapped");
    send(w, port_zero, sizeof(port_zero));
    note(w, "reserved bytes and trailing bytes do not matter: a deletion of nothing");
    send(w, reserved_and_tail, sizeof(reserved_and_tail));
}

const struct story story_version_and_opcode_errors = {.tell = tell};
