/* sim --seed N --runs N [--events N] [--twice] [--verbose] [--stats] [--limits]
 *
 * Runs the seeds N, N + 1 and so on, each with options of its own. In each run so many things happen in the
 * world: a request, a fault, or time that passes. The core gets about fifty events for each. The same seed
 * gives the same run, byte for byte; --twice runs each seed a second time and compares. --stats prints the
 * most of what the daemon sent and logged in one minute. --limits draws low limits, gateways that want a
 * suggestion, and a second daemon as well. At the first failure it prints the last lines, the
 * seed and the options, and exits with status 1. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { RUNS_WITH_ALL = 250 };

struct arguments {
    uint64_t seed;
    uint64_t runs;
    uint64_t events;
    bool twice;
    bool verbose;
    bool stats;
};

static bool parse(int argc, char **argv, struct arguments *ret)
{
    for (int i = 1; i < argc; i++) {
        uint64_t *number = strcmp(argv[i], "--seed") == 0     ? &ret->seed
                           : strcmp(argv[i], "--runs") == 0   ? &ret->runs
                           : strcmp(argv[i], "--events") == 0 ? &ret->events
                                                              : NULL;
        char *end;

        if (strcmp(argv[i], "--twice") == 0) {
            ret->twice = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            ret->verbose = true;
        } else if (strcmp(argv[i], "--limits") == 0) {
            sim_with_limits();
        } else if (strcmp(argv[i], "--stats") == 0) {
            ret->stats = true;
        } else if (number && i + 1 < argc) {
            *number = strtoull(argv[++i], &end, 0);
            if (*end != '\0' || end == argv[i])
                return false;
        } else {
            return false;
        }
    }
    return true;
}

/* After so many seeds each kind of event must have happened, including the rare ones. */
static bool all_happened(const struct sim_result *total, uint64_t runs)
{
    bool all = true;

    for (unsigned i = 0; i < SIM_EVENTS && runs >= RUNS_WITH_ALL; i++) {
        if (total->happened[i] > 0 || i == SIM_TWIN)
            continue;
        fprintf(stderr, "%s never happened in %" PRIu64 " runs\n", sim_event_name((enum sim_event)i), runs);
        all = false;
    }
    return all;
}

int main(int argc, char **argv)
{
    struct arguments args = {.seed = 1, .runs = 1, .events = 400};
    struct sim_result total = {.steps = 0};
    uint64_t fewest = UINT64_MAX;

    if (!parse(argc, argv, &args)) {
        fprintf(stderr,
                "usage: sim [--seed N] [--runs N] [--events N] [--twice] [--verbose] [--stats] [--limits]\n");
        return 2;
    }
    printf("sim: seed %" PRIu64 ", runs %" PRIu64 ", events %" PRIu64 "\n", args.seed, args.runs,
           args.events);
    (void)fflush(stdout);
    for (uint64_t i = 0; i < args.runs; i++) {
        struct sim_result result = sim_run(args.seed + i, (unsigned)args.events, args.verbose);

        total.steps += result.steps;
        fewest = result.steps < fewest ? result.steps : fewest;
        for (unsigned k = 0; k < SIM_EVENTS; k++)
            total.happened[k] += result.happened[k];
        for (unsigned k = 0; k < BUDGETS; k++)
            total.most[k] = result.most[k] > total.most[k] ? result.most[k] : total.most[k];
        if (args.twice && sim_run(args.seed + i, (unsigned)args.events, false).hash != result.hash) {
            fprintf(stderr, "seed %" PRIu64 ": two runs of one seed differ\n", args.seed + i);
            return 1;
        }
        if (args.runs == 1)
            printf("hash %016" PRIx64 "\n", result.hash);
    }
    printf("sim: %" PRIu64 " runs passed, %" PRIu64 " events given to the core, at least %" PRIu64
           " in each\n",
           args.runs, total.steps, fewest);
    for (unsigned k = 0; k < BUDGETS && args.stats; k++)
        printf("sim: at most %u %s in a minute\n", total.most[k], budgets_name((enum budget)k));
    return all_happened(&total, args.runs) ? 0 : 1;
}
