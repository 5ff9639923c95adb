/*
 * What usbipd.exe asks of usbipd-win's service, which the lab plays.
 */
#ifndef SERVICE_CLIENT_H
#define SERVICE_CLIENT_H

#include <stdbool.h>
#include <wchar.h>

/* Sends one command, such as "detach 1-3", and waits until it is done.  False if the service does
 * not run or refuses. */
bool service_client_ask(const char *command, const wchar_t *busid);

#endif
