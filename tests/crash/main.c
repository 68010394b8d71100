/* crash STORY [--seed N] [--pairs N] ends the process after each action of the story in turn, in each way of
 * dying, and then runs a sample of second crashes that the seed chooses. crash STORY N [--way W] [--second M]
 * [--down MS] [--home N] runs one case, and prints its trace. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"

enum {
    DOWN_MS = 1000,
    PAIRS = 30,
};

struct arguments {
    const char *story;
    uint64_t action; /* 0: all */
    uint64_t seed;
    uint64_t pairs; /* of crashes in the sample */
    uint64_t way;
    uint64_t second;
    uint64_t down_ms;
    uint64_t home;
};

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;

    *ret_number = strtoull(text, &end, 0);
    return *end == '\0' && end != text;
}

/* The number that the option `name` sets. NULL: there is no such option. */
static uint64_t *option(struct arguments *args, const char *name)
{
    const struct {
        const char *name;
        uint64_t *number;
    } options[] = {
        {"--seed", &args->seed},     {"--pairs", &args->pairs},  {"--way", &args->way},
        {"--second", &args->second}, {"--down", &args->down_ms}, {"--home", &args->home},
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, name) == 0)
            return options[i].number;
    }
    return NULL;
}

static bool parse(int argc, char **argv, struct arguments *ret)
{
    for (int i = 1; i < argc; i++) {
        uint64_t *number = option(ret, argv[i]);

        if (number && ++i == argc)
            return false;
        if (!number && !ret->story)
            ret->story = argv[i];
        else if (!parse_number(argv[i], number ? number : &ret->action))
            return false;
    }
    return ret->story && ret->way < CRASH_WAYS;
}

static const struct crash_story *find(const char *name)
{
    for (unsigned i = 0; i < crash_stories_count; i++) {
        if (strcmp(crash_stories[i].name, name) == 0)
            return &crash_stories[i];
    }
    return NULL;
}

/* Two crashes, with random options. The second one may be at any action of the second process. If that
 * process ends before it, there was only one crash. */
static unsigned sample(const struct crash_story *story, uint64_t actions, const struct arguments *args)
{
    struct prng prng = prng_seeded(args->seed);
    unsigned pairs = 0;

    for (uint64_t i = 0; i < args->pairs; i++) {
        struct crash_plan plan = {.way = (enum crash_way)prng_below(&prng, CRASH_WAYS),
                                  .first = 1 + prng_below(&prng, (uint32_t)actions),
                                  .second = 1 + prng_below(&prng, 60),
                                  .down_ms = 1 + prng_below(&prng, prng_below(&prng, 4) ? 2000 : 90000),
                                  .home = prng_below(&prng, 4) ? 1 + prng_below(&prng, 1000000) : 0};

        pairs += crash_run(story, &plan, false).restarts == 2;
    }
    return pairs;
}

static void tell_all(const struct crash_story *story, const struct arguments *args)
{
    struct crash_plan plan = {.down_ms = DOWN_MS};
    uint64_t actions = crash_run(story, &plan, false).actions;
    unsigned crashes = 0;

    for (plan.first = 1; plan.first <= actions; plan.first++) {
        for (unsigned way = 0; way < CRASH_WAYS; way++) {
            plan.way = (enum crash_way)way;
            crashes += crash_run(story, &plan, false).restarts > 0;
        }
    }
    printf("crash: story %s, %" PRIu64 " actions, %u crashes and %u pairs of crashes, seed %" PRIu64 "\n",
           story->name, actions, crashes, sample(story, actions, args), args->seed);
}

int main(int argc, char **argv)
{
    struct arguments args = {.seed = 1, .pairs = PAIRS, .down_ms = DOWN_MS};
    const struct crash_story *story = parse(argc, argv, &args) ? find(args.story) : NULL;

    if (!story) {
        fprintf(stderr,
                "usage: crash STORY [N [--way 0..%d] [--second M] [--down MS] [--home N]] [--seed N] "
                "[--pairs N]\nstories:",
                CRASH_WAYS - 1);
        for (unsigned i = 0; i < crash_stories_count; i++)
            fprintf(stderr, " %s", crash_stories[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    if (args.action == 0) {
        printf("crash: story %s, seed %" PRIu64 "\n", story->name, args.seed);
        (void)fflush(stdout);
        tell_all(story, &args);
        return 0;
    }
    crash_run(story,
              &(struct crash_plan){.way = (enum crash_way)args.way,
                                   .first = args.action,
                                   .second = args.second,
                                   .down_ms = (uint32_t)args.down_ms,
                                   .home = args.home},
              true);
    return 0;
}
