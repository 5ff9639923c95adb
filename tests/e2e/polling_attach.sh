#!/bin/sh
# The habit of usbipd-win's bundled auto-attach, over the stock tools: looks whether anything is attached, else lists and attaches,
# gives that 2 s, and looks again after five sleeps of 1 s. It knows nothing of events.
#
#   polling_attach.sh SERVER PORT BUSID
server=$1 port=$2 busid=$3
while :; do
    if ! usbip port 2>/dev/null | grep -q "usbip://.*/$busid\$" &&
        usbip --tcp-port "$port" list -r "$server" 2>/dev/null | grep -q "^ *$busid:"; then
        usbip --tcp-port "$port" attach -r "$server" -b "$busid" 2>/dev/null && sleep 2
    fi
    for _ in 1 2 3 4 5; do sleep 1; done
done
