/* A word to the service manager that started us. */
#pragma once

/* Ready to serve: what systemd waits for with Type=notify. Nothing happens without $NOTIFY_SOCKET. */
void notify_ready(void);
