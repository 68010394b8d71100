/* The router's side: logs in, reads the tables one after another, and adds and removes a rule. */
#include "check/address_lists.h"
#include "check/check_parts.h"
#include "core/address_list.h"
#include "core/nat_rule.h"
#include "core/router_rows.h"

enum {
    /* Nobody waits for a check as a client does for the daemon, and it connects only once. */
    PATIENCE_MS = 12 * 1000,
    SHOWN_EVERY_MS = 5 * 1000,
    AGAIN_MS = 1000,
    AGAIN_MAX = 5,
};

/* ---- the router: reading ---- */

void check_end_router(struct check *c, const struct step *step)
{
    if (c->session.state != SESSION_CLOSED && c->session.state != SESSION_BROKEN)
        session_break(&c->session, FAILURE_NONE, &c->prng, step);
    c->phase = PHASE_ENDED;
}

/* NULL means all attributes: in a rule every condition matters, known or not. */
static const char *table_proplist(enum table_name name)
{
    static const char *const lists[TABLES] = {
        [TABLE_INTERFACE] = "name,type,running,disabled",
        [TABLE_ADDRESS] = "address,network,interface,actual-interface,disabled",
        [TABLE_LIST] = "name,include,exclude",
        [TABLE_MEMBER] = "list,interface,disabled",
        [TABLE_ROUTE] = route_proplist,
        [TABLE_ADDRESS_LIST] = address_list_proplist,
        [TABLE_ACTIVE] = "name,address,via",
        [TABLE_TRACKING] = "enabled",
        [TABLE_SETTINGS] = "ip-forward,rp-filter",
        [TABLE_VRF] = "name,interfaces,disabled",
        [TABLE_CONNECTION] = flow_proplist,
        [TABLE_SCRIPT] = "name,policy,dont-require-permissions,invalid", /* the source may contain secrets */
        [TABLE_USER] = "name,group",
        [TABLE_GROUP] = "name,policy",
        [TABLE_PEER] = ".id,interface,allowed-address,disabled",
    };
    return lists[name];
}

/* A router may have a million routes. If the interface is known, those do not matter that a routing protocol
 * or a link brings, except default routes. The connected ones follow from the addresses. */
static bool knows_interface(const struct check *c)
{
    struct span interface;
    for (struct table_rows t = table_rows_of(&c->survey, TABLE_ROUTE_CHECK); table_rows_next(&t) != NULL;)
        if (row_get(t.row, "interface", &interface))
            return true;
    return c->config->in_interface[0] != '\0';
}

static void write_route_query(const struct check *c, struct writer *w)
{
    static const char *const some[] = {"?dynamic=true", "?#!", "?dst-address=0.0.0.0/0", "?#|"};
    ros_write_word(w, span_text("?active=true"));
    for (size_t i = 0; i < ARRAY_LEN(some) && knows_interface(c); i++)
        ros_write_word(w, span_text(some[i]));
}

static void read_table(struct check *c, const struct step *step)
{
    enum table_name name = (enum table_name)c->table;
    bool all = c->config->all_columns && name < TABLE_SCRIPT;
    const char *proplist = all ? NULL : table_proplist(name);
    survey_begin_table(&c->survey, name);
    c->table_ms = step->now_ms;
    enum command_kind kind = name == TABLE_ROUTE_CHECK  ? COMMAND_ROUTE_CHECK
                             : name == TABLE_CONNECTION ? COMMAND_FLOW
                                                        : COMMAND_SNAPSHOT;
    struct writer w = session_begin(&c->session, kind, name, survey_path(&c->survey, name), step);
    if (name == TABLE_ROUTE_CHECK) {
        ros_write_pair_text(&w, "=dst-ip=", address_text(c->config->gateway).text);
        /* Without `once` the router repeats its answer until the command is cancelled. */
        ros_write_word(&w, span_text("=once="));
    }
    if (proplist != NULL)
        ros_write_pair_text(&w, "=.proplist=", proplist);
    if (name == TABLE_ROUTE)
        write_route_query(c, &w);
    if (name == TABLE_ADDRESS_LIST)
        address_lists_write_query(&c->survey, &w);
    if (name == TABLE_CONNECTION)
        flow_write_query(&w, c->config->gateway, NATPMP_PORT);
    session_end(&c->session, &w, step->out);
}

/* ---- the router: adding and removing a rule ---- */

static void note_leftover(struct check *c, const struct ros_sentence *row)
{
    uint32_t id = row_id(row);
    if (id != 0 && nat_rule_is_trial(row, c->config->instance) && c->leftovers < CHECK_LEFTOVERS_MAX)
        c->leftover[c->leftovers++] = id;
}

static void add_trial(struct check *c, const struct step *step)
{
    uint8_t comment[64 + INSTANCE_NAME_MAX];
    struct writer text = writer_of(comment, sizeof(comment));
    nat_rule_write_trial_comment(&text, c->config->instance);
    c->phase = PHASE_ADDING;
    c->survey.trial = TRIAL_STAYS;
    struct writer w = session_begin(&c->session, COMMAND_ADD, 0, "/ip/firewall/nat/add", step);
    ros_write_word(&w, span_text("=chain=dstnat"));
    /* This action does nothing, even if somebody enables the rule. */
    ros_write_word(&w, span_text("=action=passthrough"));
    ros_write_word(&w, span_text("=disabled=yes"));
    ros_write_pair(&w, "=comment=", writer_span(&text));
    session_end(&c->session, &w, step->out);
}

static void seek_trial(struct check *c, const struct step *step)
{
    c->phase = PHASE_SEEKING;
    c->leftovers = 0;
    struct writer w = session_begin(&c->session, COMMAND_SNAPSHOT, TABLE_NAT, "/ip/firewall/nat/print", step);
    ros_write_word(&w, span_text("=.proplist=.id,comment,disabled,dynamic"));
    session_end(&c->session, &w, step->out);
}

/* Removes the rules in the list one by one, then goes on with what follows. */
static void remove_next(struct check *c, const struct step *step)
{
    if (c->removing < c->leftovers) {
        struct writer w = session_begin(&c->session, COMMAND_REMOVE, 0, "/ip/firewall/nat/remove", step);
        ros_write_pair_id(&w, "=.id=", c->leftover[c->removing]);
        session_end(&c->session, &w, step->out);
        return;
    }
    if (c->phase == PHASE_CLEANING && !c->stopping) {
        add_trial(c, step);
        return;
    }
    if (c->phase == PHASE_REMOVING)
        c->survey.trial = TRIAL_UNDONE;
    check_end_router(c, step);
}

static void begin_removing(struct check *c, enum check_phase phase, const struct step *step)
{
    c->phase = (uint8_t)phase;
    c->removing = 0;
    remove_next(c, step);
}

static void trial_added(struct check *c, const struct command *command, const struct step *step)
{
    if (command->failed) {
        c->survey.trial = TRIAL_REFUSED;
        c->survey.trial_error = command->error;
        c->survey.trial_message = command->message;
        check_end_router(c, step);
    } else if (command->id == 0) {
        seek_trial(c, step);
    } else {
        c->leftover[0] = command->id;
        c->leftovers = 1;
        begin_removing(c, PHASE_REMOVING, step);
    }
}

static void leftover_removed(struct check *c, const struct command *command, const struct step *step)
{
    bool gone = !command->failed || command->error == ROS_ERROR_NO_SUCH_ITEM;
    if (!gone && c->phase == PHASE_REMOVING) {
        check_end_router(c, step);
        return;
    }
    c->survey.leftovers += gone && c->phase == PHASE_CLEANING;
    c->removing++;
    remove_next(c, step);
}

/* ---- the router: replies ---- */

static void table_done(struct check *c, const struct command *command, const struct step *step)
{
    struct table *table = &c->survey.table[c->table];
    bool read = !command->failed;
    table->state = read ? TABLE_READ : TABLE_REFUSED;
    table->error = command->error;
    table->message = command->message;
    table->took_ms = (uint32_t)(step->now_ms - c->table_ms);
    if (c->stopping) {
        check_end_router(c, step);
        return;
    }
    /* A user without the policy read may still have the others, so their commands are tried. */
    bool all = c->survey.table[TABLE_RESOURCE].state == TABLE_READ;
    do {
        c->table++;
        if (c->table == TABLE_ADDRESS_LIST && !address_lists_needed(&c->survey))
            c->survey.table[c->table++].state = TABLE_READ;
        if (c->table == TABLE_IDENTITY && !c->config->all_columns)
            c->survey.table[c->table++].state = TABLE_READ;
        if (c->table == TABLE_SCRIPT && c->config->change_script[0] == '\0')
            c->table++;
    } while (!all && c->table < TABLES && c->table != TABLE_ROUTE_CHECK);
    if (c->table < TABLES)
        read_table(c, step);
    else if (c->tables_only)
        check_end_router(c, step);
    else
        begin_removing(c, PHASE_CLEANING, step);
}

static void row_came(struct check *c)
{
    const struct ros_sentence *row = &c->session.reader.sentence;
    bool matters = c->table != TABLE_ADDRESS_LIST || address_lists_matter(&c->survey, row);
    if (c->phase == PHASE_READING && c->config->all_columns)
        survey_note_columns(&c->survey, (enum table_name)c->table, row);
    if (c->phase == PHASE_READING && matters)
        survey_add_row(&c->survey, (enum table_name)c->table, row);
    if (c->phase == PHASE_SEEKING || (c->phase == PHASE_READING && c->table == TABLE_NAT))
        note_leftover(c, row);
}

static void command_done(struct check *c, const struct command *command, const struct step *step)
{
    switch ((enum check_phase)c->phase) {
    case PHASE_READING:
        table_done(c, command, step);
        break;
    case PHASE_ADDING:
        trial_added(c, command, step);
        break;
    case PHASE_CLEANING:
    case PHASE_REMOVING:
        leftover_removed(c, command, step);
        break;
    case PHASE_SEEKING:
        if (command->failed)
            check_end_router(c, step);
        else
            begin_removing(c, PHASE_REMOVING, step);
        break;
    case PHASE_CONNECTING:
    case PHASE_RETURNING:
    case PHASE_ENDED:
        break;
    }
}

static void logged_in(struct check *c, const struct step *step)
{
    c->survey.logged_in = true;
    if (c->phase == PHASE_RETURNING) {
        seek_trial(c, step);
        return;
    }
    c->phase = PHASE_READING;
    c->table = TABLE_RESOURCE;
    read_table(c, step);
}

/* To be called when the session is broken. If our rule may exist, it connects again to remove it. */
static void lost(struct check *c, uint64_t now_ms)
{
    struct command command;
    while (session_take_lost(&c->session, &command))
        ;
    if (c->phase == PHASE_ENDED)
        return;
    if (c->survey.trial == TRIAL_STAYS && c->attempts < AGAIN_MAX) {
        c->attempts++;
        c->phase = PHASE_RETURNING;
        c->again_ms = now_ms + AGAIN_MS;
        return;
    }
    if (c->survey.trial != TRIAL_STAYS)
        c->survey.failure = c->session.failure;
    c->phase = PHASE_ENDED;
}

static void hear(struct check *c, struct span input, const struct step *step)
{
    struct command command;
    for (;;) {
        switch (session_next(&c->session, &input, &command, step)) {
        case SESSION_NOTHING:
            return;
        case SESSION_UP:
            c->answered_ms = step->now_ms;
            logged_in(c, step);
            break;
        case SESSION_ROW:
            if (command.kind == COMMAND_KEEP_ALIVE)
                break;
            c->answered_ms = step->now_ms;
            row_came(c);
            break;
        case SESSION_DONE:
            if (command.kind == COMMAND_KEEP_ALIVE)
                break;
            c->answered_ms = step->now_ms;
            command_done(c, &command, step);
            break;
        case SESSION_FAILED:
            session_break(&c->session, (enum failure)c->session.failure, &c->prng, step);
            lost(c, step->now_ms);
            return;
        }
    }
}

/* Since when the router works at what was asked; UINT64_MAX: it is not asked. */
static uint64_t waiting_since_ms(const struct check *c)
{
    bool asked = c->session.state == SESSION_LOGIN || c->session.in_flight > 0;
    return asked && c->phase != PHASE_ENDED ? c->answered_ms : UINT64_MAX;
}

static void note_waiting(struct check *c, uint64_t now_ms)
{
    uint64_t since_ms = waiting_since_ms(c);
    c->waiting_s =
        since_ms <= now_ms ? (unsigned)((now_ms - since_ms) / SHOWN_EVERY_MS * (SHOWN_EVERY_MS / 1000)) : 0;
}

void check_tick_router(struct check *c, const struct step *step)
{
    struct session *s = &c->session;
    if (c->phase == PHASE_ENDED)
        return;
    if (c->phase == PHASE_RETURNING && s->state == SESSION_CLOSED && c->again_ms <= step->now_ms)
        session_open(s, step);
    struct command command;
    enum session_wait wait;
    while ((wait = session_wait(s, &command, step)) == SESSION_GIVES_UP)
        command_done(c, &command, step);
    if (wait == SESSION_TIMES_OUT) {
        session_break(s, session_timeout(s), &c->prng, step);
        lost(c, step->now_ms);
    }
    note_waiting(c, step->now_ms);
}

/* ---- events ---- */

void check_start_router(struct check *c, const struct step *step)
{
    c->session.patience_ms = PATIENCE_MS;
    session_open(&c->session, step);
}

void check_router_event(struct check *c, const struct event *event, const struct step *step)
{
    if (event->type == EVENT_ROUTER_OPEN) {
        c->answered_ms = step->now_ms;
        session_opened(&c->session, event->router.peer, step);
    } else if (event->type == EVENT_ROUTER_DATA) {
        hear(c, event->router.bytes, step);
    } else {
        session_closed(&c->session, event->router.failure, step->now_ms, &c->prng);
        if (c->session.state == SESSION_BROKEN)
            lost(c, step->now_ms);
    }
}

uint64_t check_router_deadline_ms(const struct check *c)
{
    uint64_t since_ms = waiting_since_ms(c);
    uint64_t due_ms = session_due_ms(&c->session);
    if (c->phase == PHASE_ENDED)
        return UINT64_MAX;
    if (since_ms != UINT64_MAX)
        due_ms = earlier_ms(due_ms, since_ms + c->waiting_s * UINT64_C(1000) + SHOWN_EVERY_MS);
    bool waits = c->phase == PHASE_RETURNING && c->session.state == SESSION_CLOSED;
    return waits ? earlier_ms(c->again_ms, due_ms) : due_ms;
}
