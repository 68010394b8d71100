/* Shared by the files of the router model. Other programs include router_model.h. */
#pragma once

#include "router_model.h"

#include "base/prng.h"

enum {
    /* Of one sentence from a peer. Routers accept comments of 16 KiB and fail on words of megabytes. */
    RM_SENTENCE_MAX = 65536,
    RM_WORDS_MAX = 1024,
    /* RouterOS limits both before login; the figures are not published. */
    RM_LOGIN_SENTENCE_MAX = 2048,
    RM_LOGIN_SENTENCES_MAX = 16,
    RM_COMMANDS_MAX = 128,
    RM_INPUT_MAX = 1 << 20,
    RM_OUTPUT_MAX = 32 << 20,
    RM_SESSIONS_MAX = 256,
    RM_NAT_BYTES_MAX = 64 << 20,
    RM_ITEMS_MAX = 4096,
    RM_ITEM_FIELDS_MAX = 24,
    RM_ITEM_VALUE_MAX = 96,
    RM_ROW_FIELDS_MAX = 80,
    RM_ERROR_MAX = 256,
    RM_NO_CATEGORY = -1,
};

#define RM_NEVER UINT64_MAX

struct rm_buffer {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t capacity;
};

/* Memory of its own, with a NUL at the end. */
struct rm_text {
    size_t len;
    char data[];
};

/* ---- NAT ---- */

/* The properties that this code uses. The others follow in rm_nat_property. */
enum rm_nat {
    RM_NAT_CHAIN,
    RM_NAT_ACTION,
    RM_NAT_TO_ADDRESSES,
    RM_NAT_TO_PORTS,
    RM_NAT_PROTOCOL,
    RM_NAT_IN_INTERFACE,
    RM_NAT_OUT_INTERFACE,
    RM_NAT_IN_INTERFACE_LIST,
    RM_NAT_OUT_INTERFACE_LIST,
    RM_NAT_SRC_PORT,
    RM_NAT_DST_PORT,
    RM_NAT_PORT,
    RM_NAT_LOG,
    RM_NAT_LOG_PREFIX,
    RM_NAT_COMMENT,
    RM_NAT_OTHERS,
    RM_NAT_PROPERTIES = RM_NAT_OTHERS + 49,
};

enum rm_kind {
    RM_KIND_TEXT,
    RM_KIND_CHAIN,
    RM_KIND_ACTION,
    RM_KIND_PROTOCOL,
    RM_KIND_PORTS,
    RM_KIND_TO_PORTS,
    RM_KIND_ADDRESS,
    RM_KIND_TO_ADDRESSES,
    RM_KIND_ADDRESS_TYPE,
    RM_KIND_INTERFACE,
    RM_KIND_INTERFACE_LIST,
    RM_KIND_BOOL,
};

/* What a packet must have for the rule to match. */
enum rm_condition {
    RM_CONDITION_LUCK, /* a time, a limit, a content */
    RM_CONDITION_NONE, /* what the rule does, or a note */
    RM_CONDITION_NEVER,
    RM_CONDITION_PROTOCOL,
    RM_CONDITION_IN_INTERFACE,
    RM_CONDITION_IN_LIST,
    RM_CONDITION_SOURCE,
    RM_CONDITION_DESTINATION,
    RM_CONDITION_SOURCE_LIST,
    RM_CONDITION_DESTINATION_LIST,
    RM_CONDITION_SOURCE_TYPE,
    RM_CONDITION_DESTINATION_TYPE,
    RM_CONDITION_SOURCE_PORT,
    RM_CONDITION_DESTINATION_PORT,
    RM_CONDITION_ANY_PORT,
    RM_CONDITION_MARK,
};

struct rm_property {
    const char *name;
    enum rm_kind kind;
    enum rm_condition condition;
};
extern const struct rm_property rm_nat_property[RM_NAT_PROPERTIES];

struct router_model_rule {
    struct router_model_rule *next;
    struct router_model_rule *previous;
    uint32_t id;
    bool dynamic;
    bool disabled;
    uint64_t bytes;
    uint64_t packets;
    struct rm_text *value[RM_NAT_PROPERTIES];
};

/* ---- the small tables ---- */

enum rm_menu {
    RM_MENU_NAT,
    RM_MENU_INTERFACE,
    RM_MENU_LIST,
    RM_MENU_MEMBER,
    RM_MENU_ADDRESS,
    RM_MENU_ROUTE,
    RM_MENU_SERVICE,
    RM_MENU_IDENTITY,
    RM_MENU_RESOURCE,
    RM_MENU_NAT_PMP,
    RM_MENU_FILTER,
    RM_MENU_MANGLE,
    RM_MENU_RAW,
    RM_MENU_RULE,
    RM_MENU_RULE_6, /* RouterOS 6 has them elsewhere */
    RM_MENU_ADDRESS_LIST,
    RM_MENU_SCRIPT,
    RM_MENU_USER, /* its rows, and those of the groups, are the options' users, each with a group of its own
                   */
    RM_MENU_GROUP,
    RM_MENU_ACTIVE, /* its rows are the sessions */
    RM_MENU_CONNECTION,
    RM_MENU_TRACKING,
    RM_MENU_WIREGUARD,
    RM_MENU_PEER,
    RM_MENU_SETTINGS,
    RM_MENU_VRF,
    RM_MENUS,
};

/* A name that begins with '_' is never printed. */
struct rm_item {
    uint32_t id;                     /* 0: a menu of one row without an id */
    struct router_model_flow flow;   /* of a connection, ... */
    struct router_model_end answers; /* ... from where its answers come, ... */
    uint64_t since_ms;               /* ... when its first packet came ... */
    uint64_t until_ms;               /* ... and when it is forgotten */
    unsigned fields;
    struct {
        const char *name;
        char value[RM_ITEM_VALUE_MAX];
    } field[RM_ITEM_FIELDS_MAX];
};

struct rm_table {
    struct rm_item *item;
    unsigned count;
    uint32_t next_id;
};

struct rm_row {
    unsigned count;
    struct {
        const char *name;
        struct span value;
    } field[RM_ROW_FIELDS_MAX];
    size_t used;
    char scratch[RM_ITEM_FIELDS_MAX * RM_ITEM_VALUE_MAX];
};

/* ---- sessions ---- */

enum rm_stage {
    RM_STAGE_WAITING,
    RM_STAGE_PRINTING,
    RM_STAGE_LISTENING,
    RM_STAGE_MONITORING,
    RM_STAGE_HANGING,
    RM_STAGE_DONE,
};

struct rm_command {
    struct rm_command *next;
    enum rm_stage stage;
    uint64_t due_ms;
    uint64_t sequence;
    enum rm_menu menu;
    struct span tag;
    bool follow;        /* a print that continues as listen */
    bool shows_nothing; /* a print of a table that this user does not see */
    uint32_t only_id;   /* the one row of it that the user sees; 0: all */
    uint32_t *ids;      /* of a print that is running */
    unsigned count;     /* of ids */
    unsigned at;
    unsigned rows;
    unsigned section;
    unsigned words;
    struct span *word;
};

enum rm_state {
    RM_LIVE,
    RM_DEAD,   /* dead, although the peer may believe that it is alive: nothing is received or sent */
    RM_ORPHAN, /* the peer has gone, but its commands are still executed */
    RM_GONE,
};

struct rm_event {
    struct rm_event *next;
    uint64_t due_ms;
    size_t len;
    uint8_t bytes[];
};

struct rm_session {
    struct rm_session *next;
    int id;
    enum rm_state state;
    bool reset_when_up; /* a router that has rebooted answers an old connection with RST */
    bool closing;
    bool closing_reset;
    int user; /* -1: not logged in */
    char address[16];
    bool challenged;
    uint8_t challenge[16];
    unsigned sentences;
    struct rm_buffer input;
    struct rm_buffer output;
    uint64_t next_output_ms;
    struct rm_event *events;
    size_t event_bytes;
    struct rm_command *commands;
    unsigned running;
    uint64_t last_due_ms;
    uint64_t last_input_ms;
};

struct router_model {
    struct router_model_options options;
    struct router_model_callbacks callbacks;
    struct router_model_counters counters;
    struct prng prng;
    uint64_t now_ms;
    uint64_t boot_ms;
    unsigned major;
    unsigned minor;

    struct rm_session *sessions;
    int last_session;
    uint64_t sequence;
    struct rm_session *executing;
    struct rm_buffer reply; /* of the command being executed */
    struct rm_buffer event;
    struct rm_row row;

    uint64_t down_until_ms;
    uint64_t mute_until_ms;
    bool mute_executes;
    bool drop_armed;
    struct router_model_drop_fault drop;
    struct {
        char command[ROUTER_MODEL_TEXT_MAX];
        uint32_t for_ms; /* 0: free */
    } slow[ROUTER_MODEL_SLOW_MAX];
    char fail_command[ROUTER_MODEL_TEXT_MAX];
    char fail_message[RM_ERROR_MAX];
    bool fail_executes;

    struct router_model_rule *first;
    struct router_model_rule *last;
    struct router_model_rule **by_id; /* ascending */
    unsigned rules;
    unsigned rules_capacity;
    size_t nat_bytes;
    uint32_t next_id;
    bool nat_changed;
    uint64_t next_counter_ms;
    struct rm_table table[RM_MENUS];

    int error_category;
    char error[RM_ERROR_MAX];
};

/* ---- router_model.c ---- */

void *rm_alloc(size_t size);
bool rm_muted(const struct router_model *m);
/* v6, or v7 from a minor version on. */
bool rm_version_is(const struct router_model *m, unsigned major, unsigned minor);
int rm_user_find(const struct router_model *m, struct span name);
uint32_t rm_between(struct router_model *m, uint32_t min, uint32_t max);
printf_(3, 4) bool rm_fail(struct router_model *m, int category, const char *format, ...); /* always false */

/* ---- router_model_session.c ---- */

void rm_session_run(struct router_model *m, struct rm_session *s);
uint64_t rm_session_next_ms(const struct router_model *m, const struct rm_session *s);
void rm_session_close(struct rm_session *s, bool reset);
void rm_session_die(struct rm_session *s, bool reset_when_up);
void rm_session_event(struct router_model *m, struct rm_session *s, struct span bytes);
/* Takes whole sentences from the input while there is room for commands. */
void rm_session_parse(struct router_model *m, struct rm_session *s);
void rm_sessions_sweep(struct router_model *m);
void rm_sessions_free(struct router_model *m);

/* ---- router_model_wire.c ---- */

void rm_buffer_add(struct rm_buffer *b, struct span bytes);
void rm_buffer_take(struct rm_buffer *b, size_t count);
struct span rm_buffer_span(const struct rm_buffer *b);
void rm_buffer_free(struct rm_buffer *b);

enum rm_parse {
    RM_PARSE_MORE,
    RM_PARSE_SENTENCE,
    RM_PARSE_EMPTY,
    RM_PARSE_BAD, /* a control byte, or beyond every limit */
};
/* The caller frees the command. *ret_length: the bytes of the sentence. */
enum rm_parse rm_parse_sentence(struct span input, size_t *ret_length, struct rm_command **ret_command);
struct rm_command *rm_command_new(const struct span *words, unsigned count);
/* From attributes as a person types them: name=value name="value with blanks". NULL: a quote is not
 * closed. */
struct rm_command *rm_command_from_text(const char *text);
void rm_command_free(struct rm_command *c);

/* Word i as =name=value; a word =name has an empty value. */
bool rm_argument(const struct rm_command *c, unsigned i, struct span *ret_name, struct span *ret_value);
bool rm_find(const struct rm_command *c, const char *name, struct span *ret_value);
/* A switch: present, and not "no" or "false". */
bool rm_switch(const struct rm_command *c, const char *name);

void rm_begin(const struct router_model *m, struct rm_buffer *out, const char *word, struct span tag);
void rm_pair(struct rm_buffer *out, const char *name, struct span value);
void rm_word(struct rm_buffer *out, struct span word);
void rm_end(const struct router_model *m, struct rm_buffer *out, struct span tag);
void rm_done(struct router_model *m, struct span tag);
void rm_done_with(struct router_model *m, struct span tag, struct span ret);
void rm_trap(struct router_model *m, struct span tag, int category, const char *message);
/* The trap for m->error, and !done. */
void rm_refuse(struct router_model *m, struct span tag);

/* ---- router_model_command.c ---- */

/* Executes a command. Its answer is in m->reply, and its stage says whether it continues. */
void rm_execute(struct router_model *m, struct rm_session *s, struct rm_command *c);

/* ---- router_model_print.c ---- */

void rm_print(struct router_model *m, struct rm_command *c, bool listen);
/* The next rows of a print that is running; all rows if `count` is 0. */
void rm_print_rows(struct router_model *m, struct rm_command *c, unsigned count);
/* True if the row passes the command's queries. */
bool rm_query(const struct rm_command *c, const struct rm_row *row);
void rm_row_clear(struct rm_row *row);
void rm_row_add(struct rm_row *row, const char *name, struct span value);
printf_(3, 4) void rm_row_printf(struct rm_row *row, const char *name, const char *format, ...);
/* Writes !re with the properties of .proplist. */
void rm_row_write(const struct router_model *m, struct rm_buffer *out, const struct rm_command *c,
                  const struct rm_row *row);

/* ---- router_model_listen.c ---- */

/* `changed`: RM_NAT_PROPERTIES + 1 flags, the last one for `disabled`; NULL: all of it. */
void rm_nat_event(struct router_model *m, const struct router_model_rule *rule, const bool *changed);
void rm_nat_removed(struct router_model *m, uint32_t id);
void rm_item_event(struct router_model *m, enum rm_menu menu, const struct rm_item *item);
void rm_item_removed(struct router_model *m, enum rm_menu menu, uint32_t id);

/* ---- router_model_nat.c, router_model_rules.c ---- */

void rm_nat_verb(struct router_model *m, struct rm_command *c, const char *name);
bool rm_nat_knows(const char *verb);
uint32_t rm_rule_add(struct router_model *m, const struct rm_command *c, bool dynamic);
bool rm_rule_set(struct router_model *m, struct router_model_rule *rule, const struct rm_command *c);
bool rm_rule_unset(struct router_model *m, struct router_model_rule *rule, struct span name);
void rm_rule_enable(struct router_model *m, struct router_model_rule *rule, bool enabled);
void rm_rule_remove(struct router_model *m, struct router_model_rule *rule);
void rm_rule_move(struct router_model *m, struct router_model_rule *rule, struct router_model_rule *before);
struct router_model_rule *rm_rule_find(const struct router_model *m, uint32_t id);
/* Empty if the rule does not have the property. */
struct span rm_rule_value(const struct router_model_rule *rule, int property);
bool rm_rule_invalid(const struct router_model *m, const struct router_model_rule *rule);
void rm_rule_row(const struct router_model *m, const struct router_model_rule *rule, struct rm_row *row);
void rm_rules_free(struct router_model *m);
void rm_rules_renumber(struct router_model *m);
void rm_rules_drop_dynamic(struct router_model *m);
/* The interface of that name is now called otherwise, in every rule. */
void rm_rules_rename(struct router_model *m, const char *name, const char *new_name);
/* The state that decides about "invalid" has changed for rules with this interface. */
void rm_rules_touch(struct router_model *m, const char *interface);

/* ---- router_model_value.c ---- */

int rm_property_find(struct span name);
/* Checks a value as the router does, and returns what it stores. False: see m->error. */
bool rm_check_value(struct router_model *m, int property, struct span value, struct rm_text **ret_text);
struct rm_text *rm_text_new(struct span value);
bool rm_parse_bool(struct span value, bool *ret_value);
bool rm_parse_item_id(struct span text, uint32_t *ret_id);
bool rm_parse_prefix(struct span text, uint32_t *ret_address, unsigned *ret_length);

/* ---- router_model_tables.c, router_model_config.c ---- */

extern const char *const rm_menu_path[RM_MENUS];
bool rm_menu_exists(const struct router_model *m, enum rm_menu menu);
bool rm_menu_single(enum rm_menu menu);
void rm_tables_init(struct router_model *m);
void rm_tables_free(struct router_model *m);
/* The ids of a menu's rows in order, for the caller to free. */
unsigned rm_menu_ids(const struct router_model *m, enum rm_menu menu, uint32_t **ret_ids);
/* False: it is gone. */
bool rm_menu_row(struct router_model *m, enum rm_menu menu, uint32_t id, struct rm_row *row);
void rm_item_row(const struct rm_item *item, struct rm_row *row);
struct rm_item *rm_item_add(struct router_model *m, enum rm_menu menu); /* NULL: full */
void rm_item_remove(struct router_model *m, enum rm_menu menu, struct rm_item *item);
const char *rm_item_get(const struct rm_item *item, const char *name); /* "" if absent */
void rm_item_set(struct rm_item *item, const char *name, const char *value);
/* The first item with that value. */
struct rm_item *rm_item_find(const struct router_model *m, enum rm_menu menu, const char *name,
                             struct span value);

/* ---- router_model_way.c ---- */

/* A masquerade ends with the interface's address: the connections that it has changed are forgotten. */
void rm_connections_forget(struct router_model *m, const char *interface);
/* /ip/firewall/connection/remove */
void rm_connection_remove(struct router_model *m, const struct rm_command *c);
/* False: the router has forgotten the connection. */
bool rm_connection_row(const struct router_model *m, const struct rm_item *item, struct rm_row *row);

/* ---- router_model_route.c ---- */

/* The active route of that table with the longest prefix, and of those the one with the smallest distance;
 * NULL: none. */
const struct rm_item *rm_route_look_up(const struct router_model *m, const char *table, uint32_t address);

uint32_t rm_mask(unsigned length);
void rm_print_address(char *text, size_t size, uint32_t address);
/* Routes through an interface follow its state. */
void rm_routes_update(struct router_model *m, const char *interface, bool up);
void rm_script_run(struct router_model *m, const struct rm_session *s, struct rm_command *c);
void rm_route_check(struct router_model *m, struct rm_command *c);
/* One more round of a check without `once`. */
void rm_route_check_again(struct router_model *m, struct rm_command *c);
