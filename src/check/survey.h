/* What the router and the gateway answered: everything that the judgement needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check/ros_version.h"
#include "core/event.h"
#include "core/session.h"
#include "core/upstream.h"
#include "wire/routeros.h"

enum {
    SURVEY_OWN_MAX = 64,
    /* A rule takes 200 to 300 bytes, so this is enough for some 15,000 rules. Only what is used costs
     * memory. */
    SURVEY_BYTES_MAX = 4 << 20,
};

struct check_config {
    uint32_t gateway;
    uint32_t listen_address; /* 0: every address */
    uint16_t listen_port;
    const char *router_host;
    uint16_t router_port;
    const char *user;
    const char *password;
    const char *instance;
    const char *in_interface;  /* empty: the interface on the router's route to the gateway */
    const char *change_script; /* empty: none */
    bool tls;
    bool all_columns; /* ask for them and note their names, for a report */
};

enum table_name {
    TABLE_RESOURCE, /* the first one: it shows whether anything can be read */
    TABLE_SERVICE,
    TABLE_INTERFACE,
    TABLE_ADDRESS,
    TABLE_LIST,
    TABLE_MEMBER,
    TABLE_ROUTE_CHECK,
    TABLE_ROUTE,
    TABLE_NAT,
    TABLE_FILTER,
    TABLE_MANGLE,
    TABLE_RAW,
    TABLE_RULE,
    TABLE_ADDRESS_LIST, /* of the lists that rules name, what concerns us */
    TABLE_NAT_PMP,
    TABLE_ACTIVE, /* who is logged in */
    TABLE_TRACKING,
    TABLE_SETTINGS,
    TABLE_VRF,
    /* Our connection to the gateway. Late, because the first packet must have crossed the router. */
    TABLE_CONNECTION,
    TABLE_SCRIPT, /* only with ON_CHANGE_SCRIPT */
    TABLE_USER,
    TABLE_GROUP,
    TABLE_PEER,     /* never with keys */
    TABLE_IDENTITY, /* only for a report, which must not contain it */
    TABLES,
};

enum table_state {
    TABLE_UNASKED,
    TABLE_READ,
    TABLE_REFUSED, /* see error and message */
};

enum {
    /* The columns of a firewall table are some 80 names of 12 bytes. */
    SURVEY_COLUMNS_MAX = 1536,
};

struct table {
    uint8_t state;
    uint8_t error;   /* enum ros_error */
    bool incomplete; /* there was not enough room for all rows */
    size_t start;
    size_t len;
    struct log_safe message;
    /* For a report: */
    unsigned rows; /* that the router sent */
    uint32_t took_ms;
    char columns[SURVEY_COLUMNS_MAX]; /* the names of the attributes in them, separated by commas */
};

/* The result of adding a rule, which shows whether rules can be written. */
enum trial {
    TRIAL_NONE,
    TRIAL_REFUSED, /* it could not be added, see trial_error and trial_message */
    TRIAL_STAYS,   /* it was added, or may have been, and its removal is not confirmed */
    TRIAL_UNDONE,
};

enum gateway_trial {
    GATEWAY_TRIAL_NONE,
    GATEWAY_TRIAL_GRANTED,
    GATEWAY_TRIAL_FAILED, /* trial_result */
    GATEWAY_TRIAL_SILENT,
    GATEWAY_TRIAL_WRONG, /* it granted nothing of what was requested, see wrong */
};

struct survey {
    const struct check_config *config;
    uint32_t own[SURVEY_OWN_MAX]; /* this machine's addresses without loopback */
    unsigned owns;
    uint32_t local; /* the address towards the gateway; 0: no route */
    /* The router's interface towards the gateway, as the daemon that makes the check knows it; empty: the
     * tables decide. */
    char interface[INTERFACE_NAME_MAX + 1];

    /* As the running daemon on this machine knows it: another one with its INSTANCE serves, and it stands by.
     */
    bool standing_by;
    uint32_t other_address; /* 0: not known */

    bool logged_in;
    uint8_t failure; /* enum failure: why the router was not read to the end, or NONE */
    struct table table[TABLES];
    uint8_t trial;
    uint8_t trial_error;
    struct log_safe trial_message;
    unsigned leftovers; /* rules of earlier checks that were removed */

    struct {
        uint8_t trouble; /* enum gateway_trouble */
        uint16_t result; /* of the address request */
        bool address_known;
        uint32_t address;
        uint8_t trial; /* enum gateway_trial */
        uint16_t trial_result;
        const char *wrong; /* what was wrong with the last such answer; NULL: there was none */
        uint16_t internal_port;
        uint16_t external_port;
        uint32_t lifetime_s;
        bool deleted;
    } upstream;

    size_t used;
    uint8_t bytes[SURVEY_BYTES_MAX]; /* rows as sentences, one table after the other */
};

/* Rows are added table by table: begin, add, add, ... */
void survey_begin_table(struct survey *s, enum table_name name);
void survey_add_row(struct survey *s, enum table_name name, const struct ros_sentence *row);
/* Notes the names of the row's attributes. */
void survey_note_columns(struct survey *s, enum table_name name, const struct ros_sentence *row);
/* The command that reads the table. */
const char *survey_path(const struct survey *s, enum table_name name);

/* True if the row has the attribute and it is not empty. */
bool row_get(const struct ros_sentence *row, const char *name, struct span *ret_value);
bool row_is(const struct ros_sentence *row, const char *name, const char *value);
/* The row's id; 0 if it has none. */
uint32_t row_id(const struct ros_sentence *row);

/* for (struct table_rows t = table_rows_of(s, name); table_rows_next(&t) != NULL;) ... t.row ... */
struct table_rows {
    struct ros_reader reader;
    struct span rest;
    const struct ros_sentence *row; /* what table_rows_next returned */
};
struct table_rows table_rows_of(const struct survey *s, enum table_name name);
const struct ros_sentence *table_rows_next(struct table_rows *rows);
/* The next row whose attribute has that value; NULL: none. */
const struct ros_sentence *table_find(struct table_rows *rows, const char *name, const char *value);
/* The router's version; false if it is unknown. */
bool survey_version(const struct survey *s, struct ros_version *ret_version);
/* True if the table has a rule of the daemon, with that router port (0: with any). */
bool survey_has_rule(const struct survey *s, uint16_t router_port);
