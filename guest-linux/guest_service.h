/* How the guest agent is started with the machine, and now: a unit of systemd where that is PID 1,
 * `[boot] command` in /etc/wsl.conf and `agent --background` elsewhere. Everything blocks. */
#ifndef TTYFERRY_GUEST_GUEST_SERVICE_H
#define TTYFERRY_GUEST_GUEST_SERVICE_H

#include <stdbool.h>

#include "guest-linux/guest_files.h"
#include "shared/core/last_line.h"

/* Borrowed; outlives its use. */
struct guest_service {
    struct guest_files *files;
    const char *systemctl;   /* "/bin/systemctl" */
    const char *journalctl;  /* "/bin/journalctl" */
    const char *stream_path; /* of the agent's socket: "/run/ttyferry/events.sock" */
    int serve_limit_ms;      /* for a started agent to serve its stream */
};

/* True if systemd is PID 1. */
bool guest_service_has_systemd(const struct guest_service *service);

/* Sees to it that the agent starts with the machine in the one way, and no longer in the other.
 * Returns 0 or an error of guest_files, wsl_conf_set_command or systemctl (ERR_IO). */
int guest_service_enable(struct guest_service *service);

/* Takes both ways away. `keeps_wsl_conf`: the file was there before us, and stays though empty. */
int guest_service_disable(struct guest_service *service, bool keeps_wsl_conf);

/* Before guest_files_undo takes a new unit away: systemd is to forget it. */
void guest_service_forget_unit(struct guest_service *service);

/* After guest_files_undo: systemd links the former unit again. */
void guest_service_enable_unit(struct guest_service *service);

/* To be called when guest_files_undo has brought the former unit back, or none. */
void guest_service_reload(struct guest_service *service);

/* Starts the agent and waits until it serves its stream. Returns 0; ERR_TIMEOUT; ERR_IO if it did
 * not come up, and then `*why` has what it has said last, if that can be had; ERR_NOT_FOUND without
 * the program. */
int guest_service_start(struct guest_service *service, struct last_line *why);

/* Ends the agent that runs, whoever started it, by `signal_number` (agent_control.h). Returns 0,
 * also if there is none; ERR_TIMEOUT if it had to be killed; ERR_DENIED, ERR_UNSUPPORTED, ERR_IO.
 * `*ran` (may be NULL) tells whether there was one. */
int guest_service_stop(struct guest_service *service, int signal_number, bool *ran);

#endif
