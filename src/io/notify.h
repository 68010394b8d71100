/* Tells the service manager that started this process about its state. */
#pragma once

/* Reports that the daemon is ready, which systemd waits for with Type=notify. Does nothing if $NOTIFY_SOCKET
 * is not set. */
void notify_ready(void);
