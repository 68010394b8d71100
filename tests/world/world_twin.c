/* A second daemon in the same world: the two take turns at the fields that belong to one process. */
#include "world.h"

#include <stdlib.h>

#define SWAP(field)                                                                                          \
    do {                                                                                                     \
        struct world_process now_ = {.field = w->field};                                                     \
        w->field = w->other.field;                                                                           \
        w->other.field = now_.field;                                                                         \
    } while (0)

void world_turn(struct world *w, unsigned process)
{
    if (w->process == process)
        return;
    w->process = process;
    book_turn(&w->book, process);
    w->trace.who = process == 1 ? "second " : "";
    SWAP(proxy);
    SWAP(proxy_seed);
    SWAP(proxy_started_ms);
    SWAP(deadline_ms);
    SWAP(deadline_seen_ms);
    SWAP(stalled_until_ms);
    SWAP(stop_ms);
    SWAP(adopting);
    SWAP(socket);
    SWAP(exited);
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++) {
        struct world_stream stream = w->streams[i];

        w->streams[i] = w->other.streams[i];
        w->other.streams[i] = stream;
    }
}

void world_start_second(struct world *w, uint64_t seed)
{
    world_turn(w, 1);
    world_start(w, seed);
    world_turn(w, 0);
}

void world_kill_second(struct world *w)
{
    world_turn(w, 1);
    world_kill(w);
    world_turn(w, 0);
}
