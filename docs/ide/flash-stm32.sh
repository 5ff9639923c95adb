#!/usr/bin/env bash
# Flashes an STM32 over USB (DFU) from WSL. Its application must go to the DFU bootloader when its port is opened at 1200
# baud, as that of STM32duino does; else press BOOT0 and reset in place of the first step.
#
#   flash-stm32.sh FIRMWARE.bin
set -euo pipefail
firmware=${1:?usage: flash-stm32.sh FIRMWARE.bin}
application=0483:5740
bootloader=0483:df11

stty -F "$(ttyferry wait $application --timeout 30)" 1200
# The bootloader has no tty: ready means that dfu-util can open its USB node.
ttyferry wait $bootloader --timeout 10
dfu-util -d $bootloader -a 0 -s 0x08000000:leave -D "$firmware"
ttyferry wait $application --timeout 30
