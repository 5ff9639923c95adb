"""The boards that the lab can plug in: for each model what its USB side is (the chip that usbipd_double emulates) and
what Windows makes of it (ids, description, where the COM port sits)."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Model:
    """One kind of board. `com_on` is the node that carries the COM port: the board's own or a child of it. A model with firmware
    is what the board is while that runs; it becomes another one by itself."""

    chip: str
    vid: int
    pid: int
    description: str
    compatible_ids: str
    com_on: str = "node"
    serial: str | None = None
    driver: bool = True
    firmware: str | None = None

    @property
    def device_id(self) -> str:
        return f"USB\\VID_{self.vid:04X}&PID_{self.pid:04X}"

    def instance(self, hub: int, port: int) -> str:
        """The last part of the instance id: the serial number, or what Windows makes of the place."""
        return self.serial or f"{hub + 4}&1A2B3C{hub:02X}&0&{port}"


MODELS = {
    "nano": Model("ch341", 0x1A86, 0x7523, "USB-SERIAL CH340", "USB\\Class_FF&SubClass_01&Prot_02;USB\\Class_FF&SubClass_01;USB\\Class_FF"),
    "leonardo": Model(
        "cdc_acm", 0x2341, 0x8036, "Arduino Leonardo",
        "USB\\DevClass_EF&SubClass_02&Prot_01;USB\\COMPOSITE", com_on="child", serial="HIDPC",
    ),
    "leonardo_bootloader": Model(
        "cdc_acm", 0x2341, 0x0036, "Arduino Leonardo bootloader", "USB\\DevClass_EF&SubClass_02&Prot_01;USB\\COMPOSITE", com_on="child",
    ),
    "cp2102": Model(
        "cp2102", 0x10C4, 0xEA60, "Silicon Labs CP210x USB to UART Bridge", "USB\\Class_FF&SubClass_00&Prot_00;USB\\Class_FF", serial="0001",
    ),
    # FTDI's bus driver makes a child node, which has the COM port.
    "ft232r": Model(
        "ft232r", 0x0403, 0x6001, "USB Serial Converter", "USB\\Class_FF&SubClass_FF&Prot_FF;USB\\Class_FF", com_on="child", serial="A50285BI",
    ),
    "pl2303": Model("pl2303", 0x067B, 0x2303, "Prolific USB-to-Serial Comm Port", "USB\\Class_FF&SubClass_00&Prot_00;USB\\Class_FF"),
    "dual": Model(
        "dual_cdc", 0x2E8A, 0x000C, "USB Composite Device", "USB\\DevClass_EF&SubClass_02&Prot_01;USB\\COMPOSITE", com_on="child",
        serial="E6614C311B7F3A29",
    ),
    "superspeed": Model(
        "cdc_super", 0x1209, 0x0001, "USB Composite Device", "USB\\DevClass_EF&SubClass_02&Prot_01;USB\\COMPOSITE", com_on="child",
        serial="SUPER0001",
    ),
    # Windows has no driver for it either.
    "dfu": Model(
        "dfu", 0x0483, 0xDF11, "STM32  BOOTLOADER", "USB\\Class_FE&SubClass_01&Prot_02;USB\\Class_FE", serial="335B364D3034", driver=False,
    ),
    # No driver on Windows (Code 28): the node has no interface, and only a rescan finds it.
    "driverless": Model(
        "ch341", 0x1A86, 0x7523, "USB2.0-Serial", "USB\\Class_FF&SubClass_01&Prot_02;USB\\Class_FF", driver=False,
    ),
}

# Boards that can be flashed. Each echoes until then, as the one above it is based on.
MODELS |= {
    "nano_optiboot": dataclasses.replace(MODELS["nano"], firmware="optiboot"),
    "leonardo_avr109": dataclasses.replace(MODELS["leonardo"], firmware="leonardo"),
    "leonardo_boot": Model(
        "caterina", 0x2341, 0x0036, "Arduino Leonardo bootloader", "USB\\DevClass_02&SubClass_00&Prot_00;USB\\COMPOSITE", com_on="child",
        firmware="caterina",
    ),
    "stm32": Model(
        "stm32_vcp", 0x0483, 0x5740, "STMicroelectronics Virtual COM Port", "USB\\Class_02&SubClass_02&Prot_00;USB\\Class_02",
        serial="335B364D3034", firmware="stm32",
    ),
    "stm32_dfu": dataclasses.replace(MODELS["dfu"], firmware="stm32_dfu"),
    # A debug probe, for which Linux has no driver and Windows none with an interface that we hear of.
    "cmsis_dap": Model("cmsis_dap", 0x0D28, 0x0204, "CMSIS-DAP v2", "USB\\Class_FF", serial="0240000034544E45", driver=False, firmware="cmsis_dap"),
    # It sends without being asked.
    "counter": dataclasses.replace(MODELS["cp2102"], serial="0002", firmware="counter"),
    # After each reset these two send a line, which a tty that echoes would send back: plug them with echo="off", or expect that.
    "esp32": dataclasses.replace(MODELS["cp2102"], firmware="esp32"),
    "esp32s3": Model(
        "esp32s3", 0x303A, 0x1001, "USB Composite Device", "USB\\DevClass_EF&SubClass_02&Prot_01;USB\\COMPOSITE", com_on="child",
        serial="7C:DF:A1:E0:3B:54", firmware="esp32s3",
    ),
}


def model_of_firmware(firmware: str) -> str:
    """The name of the model that a board is while a firmware runs; KeyError if there is none."""
    for name, model in MODELS.items():
        if model.firmware == firmware:
            return name
    raise KeyError(firmware)
