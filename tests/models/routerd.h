/* The router model behind real sockets, with its dst-nat rules applied to real nftables. Shared by its
 * files. */
#pragma once

#include <stdio.h>
#include <netinet/in.h>

#include "control.h"
#include "router_model.h"

enum {
    ROUTERD_CONNECTIONS_MAX = 128,
    ROUTERD_DEVICES_MAX = 32,
    /* Limit of output that a peer does not read. Beyond it the peer's input is not read any more, and at last
     * the connection is reset. */
    ROUTERD_OUTPUT_HIGH = 1 << 20,
    ROUTERD_OUTPUT_MAX = 64 << 20,
    ROUTERD_LINGER_MS = 1000,
};

struct routerd_config {
    struct sockaddr_in listen;
    const char *control;
    const char *state;
    const char *nft_family; /* NULL: no nftables */
    const char *nft_table;
    const char *nft_chain;
    uint64_t seed;
    struct {
        char name[ROUTER_MODEL_TEXT_MAX];
        char device[ROUTER_MODEL_TEXT_MAX];
    } device[ROUTERD_DEVICES_MAX]; /* if the kernel's name differs */
    unsigned devices;
};

struct routerd_connection {
    int fd; /* -1: free */
    int session;
    bool closing; /* the model has ended it */
    bool reset;
    bool shut; /* FIN was sent; further input is discarded */
    uint64_t linger_ms;
    uint8_t *out;
    size_t out_len;
    size_t out_capacity;
};

/* A rule as the kernel has counted it since the table was applied. */
struct routerd_counter {
    uint32_t id;
    uint64_t packets;
    uint64_t bytes;
};

struct routerd {
    struct routerd_config config;
    struct router_model *model;
    uint64_t start_ms;
    int listen_fd; /* -1 while connections are refused */
    int signal_fd;
    bool changed; /* the NAT table, since it was applied */
    struct routerd_counter *counter;
    unsigned counters;
    struct routerd_connection connection[ROUTERD_CONNECTIONS_MAX];
    struct control control;
};

/* ---- routerd_config.c ---- */

/* Reads the command line into *options and *config. Exits with a message if it is wrong. What describes the
 * router's interfaces, addresses, routes, lists and rules is kept for routerd_configure. */
void routerd_arguments(int argc, char **argv, struct router_model_options *options,
                       struct routerd_config *config);
/* Exits if the model refuses a part of it. */
void routerd_configure(struct router_model *m);
/* "read,write,test,api"; false: unknown. */
bool routerd_parse_policies(const char *text, unsigned *ret_policies);

/* ---- routerd_flows.c ---- */

void routerd_read_flows(const struct routerd *d);
/* A callback of the model: the kernel forgets the connection, too. */
void routerd_forget_flow(void *ctx, const struct router_model_flow *flow);

/* ---- routerd_counters.c ---- */

/* The packets that the kernel has counted since the last call become traffic of the model's rules. */
void routerd_read_counters(struct routerd *d);
/* The kernel begins to count again. */
void routerd_forget_counters(struct routerd *d);

/* ---- routerd_nft.c ---- */

/* Makes the chain equal to the table in one atomic transaction. Failures are written to stderr. */
void routerd_apply(struct routerd *d);
/* The nft script itself. */
void routerd_write_script(const struct routerd *d, FILE *out);

/* ---- routerd_control.c ---- */

/* Executes a line of the control socket. NULL: no error. */
const char *routerd_obey(struct routerd *d, char *line, FILE *out);
void routerd_write_rules(const struct router_model *m, FILE *out);
void routerd_write_state(const struct routerd *d);

/* ---- routerd.c ---- */

uint64_t routerd_now_ms(const struct routerd *d);
