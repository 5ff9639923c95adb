/* What starts the agent when its user logs on: a value of the registry's Run key. */
#ifndef TTYFERRY_HOST_WIN_AUTOSTART_H
#define TTYFERRY_HOST_WIN_AUTOSTART_H

#include "host-win/registry_value.h"

#define AUTOSTART_COMMAND_SIZE 1100 /* in units */

/* HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run, ttyferry. */
struct registry_place autostart_place(HKEY root);

/* "PROGRAM" agent --supervise; `program` is the full path of ttyferryw.exe. Returns 0 or
 * ERR_TOO_LONG. */
int autostart_command(const wchar_t *program, wchar_t command[AUTOSTART_COMMAND_SIZE]);

#endif
