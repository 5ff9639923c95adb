#!/usr/bin/env bash
# Flashes an Arduino Leonardo or Micro (ATmega32U4) from WSL. Share both of its identities once, in an administrator's
# terminal on Windows: usbipd bind --busid ... while it runs its application, and again while it is in its bootloader.
#
#   flash-leonardo.sh FIRMWARE.hex
set -euo pipefail
firmware=${1:?usage: flash-leonardo.sh FIRMWARE.hex}
application=2341:8036
bootloader=2341:0036

# Opened at 1200 baud and closed, the board leaves and comes back as its bootloader, which stays for 8 s.
stty -F "$(ttyferry wait $application --timeout 30)" 1200
avrdude -p atmega32u4 -c avr109 -P "$(ttyferry wait $bootloader --timeout 8)" -D -U "flash:w:$firmware:i"
ttyferry wait $application --timeout 30
