/* Where everything of ours lies in the guest. */
#ifndef TTYFERRY_GUEST_GUEST_PLACES_H
#define TTYFERRY_GUEST_GUEST_PLACES_H

#define GUEST_BIN_FOLDER "/usr/local/bin"
#define GUEST_PROGRAM GUEST_BIN_FOLDER "/ttyferry"
/* Where the installer puts a program that is to become that one. */
#define GUEST_NEW_PROGRAM GUEST_BIN_FOLDER "/.ttyferry.new"

#define GUEST_ETC_FOLDER "/etc/ttyferry"
#define GUEST_KEY GUEST_ETC_FOLDER "/key"
#define GUEST_CONFIG GUEST_ETC_FOLDER "/config.json"
/* The path of ttyferry.exe on Windows, and LF. */
#define GUEST_HOST GUEST_ETC_FOLDER "/host"

#define GUEST_LIB_FOLDER "/var/lib/ttyferry"
#define GUEST_STATE GUEST_LIB_FOLDER "/setup.json"
#define GUEST_LOG_FOLDER "/var/log/ttyferry"
#define GUEST_LOG_NAME "agent.log"
#define GUEST_RUN_FOLDER "/run/ttyferry"
#define GUEST_LINKS_FOLDER "/dev/ttyferry"

#define GUEST_WSL_CONF "/etc/wsl.conf"
#define GUEST_UNIT_NAME "ttyferry.service"
#define GUEST_UNIT "/etc/systemd/system/" GUEST_UNIT_NAME
#define GUEST_WANTS_FOLDER "/etc/systemd/system/multi-user.target.wants"

#define GUEST_RULES_FOLDER "/etc/udev/rules.d"
#define GUEST_RULES GUEST_RULES_FOLDER "/60-ttyferry.rules"
/* udevd's socket, there while it runs. */
#define GUEST_UDEV_RUNS "/run/udev/control"

/* There while systemd is PID 1, says sd_booted(3). */
#define GUEST_SYSTEMD_RUNS "/run/systemd/system"

#endif
