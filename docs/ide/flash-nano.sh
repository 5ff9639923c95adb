#!/usr/bin/env bash
# Flashes an Arduino Nano or Uno (ATmega328P with Optiboot) from WSL.
#
#   flash-nano.sh FIRMWARE.hex [BOARD]
#
# BOARD is what `ttyferry wait` takes: a name, or VID:PID (1a86:7523, a CH340, if not said).
set -euo pipefail
firmware=${1:?usage: flash-nano.sh FIRMWARE.hex [BOARD]}
board=${2:-1a86:7523}

# Opening the port raises DTR, which resets the board into its bootloader: avrdude has a second to speak.
avrdude -p atmega328p -c arduino -b 115200 -P "$(ttyferry wait "$board" --timeout 30)" -D -U "flash:w:$firmware:i"
