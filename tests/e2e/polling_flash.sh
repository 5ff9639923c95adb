#!/bin/sh
# Flashes a Leonardo as people do who have no `ttyferry wait`: touches it, and looks ten times a second for the bootloader's tty.
#
#   polling_flash.sh FIRMWARE.hex

# tty_of VID:PID SECONDS -> the tty of such a board, as soon as there is one
tty_of() {
    end=$(($(date +%s) + $2))
    while [ "$(date +%s)" -lt "$end" ]; do
        for tty in /sys/class/tty/ttyACM*; do
            device=$tty/device/..
            if [ "$(cat "$device/idVendor" 2>/dev/null):$(cat "$device/idProduct" 2>/dev/null)" = "$1" ]; then
                echo "/dev/${tty##*/}"
                return 0
            fi
        done
        sleep 0.1
    done
    return 1
}

application=$(tty_of 2341:8036 30) || exit 3
stty -F "$application" 1200 || exit 4
bootloader=$(tty_of 2341:0036 9) || exit 5
avrdude -p atmega32u4 -c avr109 -P "$bootloader" -D -U "flash:w:$1:i"
