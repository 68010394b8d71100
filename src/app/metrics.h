/* Metrics for Prometheus: in the text format 0.0.4, or in OpenMetrics 1.0 for a reader that asks for it. The
 * names are those of proton-port-sync where it has one. */
#pragma once

#include "app/document.h"

#define METRICS_TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

extern const struct section metrics_text[];
extern const struct section metrics_open[];
