#!/bin/sh
# Prints what a process and the kernel hold, in a form that two snapshots can be compared by: snapshot.sh [PID]
#
#   fd COUNT KIND      open descriptors of PID; numbers of sockets and pipes left out
#   vhci ROW           each vhci port that is not free, without its socket's number
#   tty PATH           each USB tty
#   rss_kb N           PID's resident memory: the one line that may differ
# Without PID only the vhci and tty lines. Exit code 1 if PID is not there.
set -u

fd_kinds() {
    for fd in /proc/"$1"/fd/*; do
        readlink "$fd"
    done | sed 's/:\[[0-9]*\]$//' | sort | uniq -c | awk '{ count = $1; sub(/^ *[0-9]+ /, ""); print "fd", count, $0 }'
}

busy_ports() {
    cat /sys/devices/platform/vhci_hcd.*/status* 2>/dev/null |
        awk '$1 ~ /^(hs|ss)$/ && $3 != "004" { print "vhci", $1, $2, $3, $4, $5, $7 }'
}

usb_ttys() {
    for tty in /dev/ttyACM* /dev/ttyUSB*; do
        [ -e "$tty" ] && echo "tty $tty"
    done
}

if [ $# -gt 0 ]; then
    [ -d "/proc/$1/fd" ] || { echo "snapshot: no process $1" >&2; exit 1; }
    fd_kinds "$1"
fi
busy_ports
usb_ttys
if [ $# -gt 0 ]; then
    awk '$1 == "VmRSS:" { print "rss_kb", $2 }' "/proc/$1/status"
fi
exit 0
