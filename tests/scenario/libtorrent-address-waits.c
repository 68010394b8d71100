/* libtorrent (qBittorrent, Deluge) sends MAP and the address request back to back from one socket, and
 * retransmits the MAP after 250, 500, 750 ms and so on. It stops retransmitting when any packet arrives,
 * whatever the packet contains. If the daemon answered the address first and the answer to the MAP were lost,
 * libtorrent would never ask again. So the address reply waits until the daemon has answered the MAP, with
 * success or with an error, and retransmissions that have accumulated get one answer. */
#include "scenario.h"

enum { SOCKET = 42000 };

static void send_map(struct world *w, unsigned last_byte)
{
    lan_send_map(&w->lan, lan_address(last_byte), SOCKET, TCP, 6881, 6881, 3600);
}

static void send_address(struct world *w, unsigned last_byte)
{
    lan_send_raw(&w->lan, lan_address(last_byte), SOCKET, span_of("\0\0", 2));
}

static void map_and_address(struct world *w, unsigned last_byte)
{
    send_map(w, last_byte);
    send_address(w, last_byte);
    for (unsigned n = 1; n <= 3; n++) {
        world_run_for(w, UINT64_C(250) * n);
        send_map(w, last_byte);
    }
}

static void tell(struct world *w)
{
    settle(w);
    note(w, "the gateway needs 2 s: the answer to the MAP, then the address, each once");
    w->gateway.faults.late_percent = 100;
    w->gateway.faults.late_ms = 2000;
    map_and_address(w, 10);
    world_run_for(w, 3000);
    expect(w, w->book.successes == 1);
    note(w, "a renewal: the address waits for the answer from memory, 200 ms");
    skip_s(w, 60);
    map_and_address(w, 10);
    world_run_for(w, 3000);
    note(w, "the gateway does not answer: both wait until the MAP fails");
    w->gateway.faults.silent = true;
    map_and_address(w, 11);
    world_run_for(w, 12000);
    expect(w, w->book.errors == 1);
    note(w, "with nothing in work the answer is there at once, and the gateway is known to be silent");
    send_address(w, 11);
    world_run_for(w, 10);
}

const struct story story_libtorrent_address_waits = {.tell = tell};
