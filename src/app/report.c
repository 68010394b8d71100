#include "app/report.h"

#include "app/json.h"

unsigned report_count(const struct findings *findings, enum finding_status status)
{
    unsigned count = 0;
    for (unsigned i = 0; i < findings->count; i++)
        count += findings->at[i].status == (uint8_t)status;
    return count;
}

void report_text(const struct findings *findings, FILE *out)
{
    for (unsigned i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];
        (void)fprintf(out, "%s  %s%s%s\n", finding_status_name((enum finding_status)f->status), f->what,
                      f->cure[0] != '\0' ? "  - " : "", f->cure);
    }
    (void)fprintf(out, "%u pass, %u warn, %u fail\n", report_count(findings, FINDING_PASS),
                  report_count(findings, FINDING_WARN), report_count(findings, FINDING_FAIL));
}

void report_json(const struct findings *findings, FILE *out)
{
    unsigned fails = report_count(findings, FINDING_FAIL);
    (void)fprintf(out, "{\"result\": \"%s\", \"pass\": %u, \"warn\": %u, \"fail\": %u, \"findings\": [",
                  fails == 0 ? "pass" : "fail", report_count(findings, FINDING_PASS),
                  report_count(findings, FINDING_WARN), fails);
    for (unsigned i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];
        (void)fprintf(out, "%s\n {\"id\": \"%s\", \"status\": \"%s\", \"what\": ", i == 0 ? "" : ",",
                      finding_name((enum finding_id)f->id),
                      finding_status_name((enum finding_status)f->status));
        json_write_string(f->what, out);
        (void)fputs(", \"cure\": ", out);
        json_write_string(f->cure[0] != '\0' ? f->cure : NULL, out);
        (void)fputc('}', out);
    }
    (void)fputs("\n]}\n", out);
}
