#include "app/inquiry.h"

#include <stdio.h>

#include "app/driver.h"
#include "io/links.h"

/* The findings come at the end, and a slow router may need minutes for them. */
static void step(void *machine, const struct event *event, struct actions *out)
{
    const struct check *check = machine;
    unsigned before_s = check->waiting_s;
    check_step(machine, event, out);
    if (check->waiting_s > before_s) {
        const struct command *c = session_waits_for(&check->session);
        (void)fprintf(stderr, "double-natpmp: the router has not answered for %u s; waiting for %s\n",
                      check->waiting_s, c != NULL ? c->path : "it");
    }
}

static uint64_t deadline_ms(const void *check)
{
    return check_deadline_ms(check);
}

struct check_config inquiry_about(const struct config *config)
{
    return (struct check_config){
        .gateway = config->gateway,
        .listen_address = config->listen_address,
        .listen_port = config->listen_port,
        .router_host = config->router_host,
        .router_port = config->router_port,
        .user = config->user,
        .password = config->password,
        .instance = config->instance,
        .in_interface = config->in_interface,
        .change_script = config->change_script,
        .tls = config->tls,
    };
}

void inquiry_list_own(struct survey *survey)
{
    struct link links[LINKS_MAX];
    unsigned count = links_list(links, LINKS_MAX);
    for (unsigned i = 0; i < count && survey->owns < SURVEY_OWN_MAX; i++)
        if (!links[i].loopback)
            survey->own[survey->owns++] = links[i].address;
}

struct inquiry inquiry_run(const struct config *config, struct tls_context *tls, enum inquiry_scope scope)
{
    static struct check check;
    static struct driver driver;
    static struct check_config about;
    const struct machine machine = {.state = &check, .step = step, .deadline_ms = deadline_ms};
    struct inquiry inquiry = {.survey = &check.survey};
    struct log nowhere;
    about = inquiry_about(config);
    about.all_columns = scope == INQUIRY_REPORT;
    check_init(&check, &about, scope == INQUIRY_TABLES, clock_seed());
    log_init(&nowhere, -1, LOG_LEVEL_ERROR);
    inquiry.error = driver_open_machine(&driver, config, tls, machine, &nowhere);
    if (inquiry.error != 0)
        return inquiry;
    inquiry_list_own(&check.survey);
    check.survey.local = udp_client_local(&driver.gateway);
    driver_run(&driver);
    inquiry.signal = driver.signal;
    inquiry.hanging = !driver_close(&driver);
    return inquiry;
}
