#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/config.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"

static const struct config defaults = {.link_address = "127.0.0.1",
                                       .link_port = 24240,
                                       .usbipd_port = 3240,
                                       .access_group = "dialout",
                                       .access_mode = CONFIG_MODE};

static void assert_same(const struct config *config, const struct config *expected)
{
    assert_string_equal(config->link_address, expected->link_address);
    assert_int_equal(config->link_port, expected->link_port);
    assert_int_equal(config->link_auth, expected->link_auth);
    assert_string_equal(config->usbipd_address, expected->usbipd_address);
    assert_int_equal(config->usbipd_port, expected->usbipd_port);
    assert_int_equal(config->link_transport, expected->link_transport);
    assert_int_equal(config->usbipd_import, expected->usbipd_import);
    assert_string_equal(config->wsl_distribution, expected->wsl_distribution);
    assert_int_equal(config->wsl_start, expected->wsl_start);
    assert_int_equal(config->wsl_keep_alive, expected->wsl_keep_alive);
    assert_string_equal(config->access_group, expected->access_group);
    assert_int_equal(config->access_mode, expected->access_mode);
    assert_int_equal(config->families.count, expected->families.count);
}

static int read_text(const char *text, struct config *config, char *reason)
{
    /* A copy of just that size, so that a sanitizer sees a read beyond it. */
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    int result = config_from_text(copy, len, config, reason);
    free(copy);
    return result;
}

static const struct good_case {
    const char *name;
    const char *text;
    struct config expected;
} good_cases[] = {
    {"config: empty text",
     "",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: comments only",
     "// a\n/* b */",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: empty object",
     "{}",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: empty sections",
     "{\"link\":{},\"usbipd\":{}}",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: every key",
     "{\"link\":{\"address\":\"::1\",\"port\":1,\"auth\":\"none\"},"
     "\"usbipd\":{\"address\":\"172.20.0.1\",\"port\":65535}}",
     {.link_address = "::1",
      .link_port = 1,
      .link_auth = CONFIG_AUTH_NONE,
      .usbipd_address = "172.20.0.1",
      .usbipd_port = 65535,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: auth by key",
     "{\"link\":{\"auth\":\"key\"}}",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: an IPv6 address with its zone",
     "{\"usbipd\":{\"address\":\"fe80::1%eth0\"}}",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "fe80::1%eth0",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: ways through, and WSL's life",
     "{\"link\":{\"transport\":\"bridge\"},\"usbipd\":{\"import\":\"through_host\"},"
     "\"wsl\":{\"distribution\":\"Debian\",\"start_wsl\":\"on_arrival\",\"keep_alive\":\"off\"},"
     "\"access\":{\"group\":\"plugdev\",\"mode\":\"0666\"}}",
     {.link_address = "127.0.0.1",
      .link_port = 24240,
      .link_transport = CONFIG_TRANSPORT_BRIDGE,
      .usbipd_port = 3240,
      .usbipd_import = CONFIG_IMPORT_THROUGH_HOST,
      .wsl_distribution = "Debian",
      .wsl_start = CONFIG_START_ON_ARRIVAL,
      .wsl_keep_alive = CONFIG_KEEP_OFF,
      .access_group = "plugdev",
      .access_mode = 0666}},
    {"config: comments everywhere",
     "// first\n{/**/\"link\"/* // */:{\"port\"://x\r\n7/***/}}//last",
     {.link_address = "127.0.0.1",
      .link_port = 7,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
    {"config: byte order mark and CR LF",
     "\xEF\xBB\xBF{\r\n\"link\":{\"port\":7}\r\n}\r\n",
     {.link_address = "127.0.0.1",
      .link_port = 7,
      .link_auth = CONFIG_AUTH_KEY,
      .usbipd_address = "",
      .usbipd_port = 3240,
      .access_group = "dialout",
      .access_mode = CONFIG_MODE}},
};

static void run_good(void **state)
{
    const struct good_case *row = *state;
    struct config config;
    config_init(&config);
    char reason[CONFIG_REASON_SIZE] = "untouched";
    assert_int_equal(read_text(row->text, &config, reason), 0);
    assert_same(&config, &row->expected);
    assert_string_equal(reason, "untouched");
}

#define LONG_KEY                                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"

#define NAME_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct bad_case {
    const char *name;
    const char *text;
    const char *reason;
} bad_cases[] = {
    {"config: unknown section", "{\"lnik\":{}}",
     "unknown key \"lnik\": known are link, usbipd, wsl, access, boards"},
    {"config: unknown key", "{\"link\":{\"prot\":1}}",
     "unknown key \"link.prot\": \"link\" has address, port, auth, transport"},
    {"config: key of another section", "{\"usbipd\":{\"auth\":\"key\"}}",
     "unknown key \"usbipd.auth\": \"usbipd\" has address, port, import"},
    {"config: key in another case", "{\"link\":{\"Port\":1}}", "unknown key \"link.Port\""},
    {"config: key with a line feed", "{\"a\\nb\":1}", "unknown key \"a\\x0ab\""},
    {"config: empty key", "{\"\":1}", "unknown key \"\""},
    {"config: long key", "{\"" LONG_KEY "\":1}", "known are link, usbipd"},
    {"config: section is a number", "{\"link\":1}", "\"link\" must be an object in braces"},
    {"config: section null", "{\"link\":null}", "\"link\" must be an object in braces"},
    {"config: section twice", "{\"link\":{},\"link\":{}}", "\"link\" stands there twice"},
    {"config: key twice", "{\"link\":{\"port\":1,\"port\":2}}", "\"link.port\" stands there twice"},
    {"config: port 0", "{\"link\":{\"port\":0}}",
     "\"link.port\" must be a whole number from 1 to 65535"},
    {"config: port over 65535", "{\"usbipd\":{\"port\":65536}}",
     "\"usbipd.port\" must be a whole number from 1 to 65535"},
    {"config: port with a fraction", "{\"link\":{\"port\":1.5}}", "\"link.port\" must be"},
    {"config: port below 0", "{\"link\":{\"port\":-1}}", "\"link.port\" must be"},
    {"config: infinite port", "{\"link\":{\"port\":1e999}}", "\"link.port\" must be"},
    {"config: port in quotes", "{\"link\":{\"port\":\"1\"}}", "\"link.port\" must be"},
    {"config: port null", "{\"link\":{\"port\":null}}", "\"link.port\" must be"},
    {"config: auth", "{\"link\":{\"auth\":\"None\"}}", "\"link.auth\" must be \"key\" or \"none\""},
    {"config: transport", "{\"link\":{\"transport\":\"udp\"}}",
     "\"link.transport\" must be \"auto\", \"tcp\" or \"bridge\""},
    {"config: import", "{\"usbipd\":{\"import\":true}}", "\"usbipd.import\" must be \"auto\""},
    {"config: start_wsl", "{\"wsl\":{\"start_wsl\":\"\"}}", "\"wsl.start_wsl\" must be \"never\""},
    {"config: keep_alive", "{\"wsl\":{\"keep_alive\":null}}", "\"wsl.keep_alive\" must be"},
    {"config: a distribution like an option", "{\"wsl\":{\"distribution\":\"--exec\"}}",
     "\"wsl.distribution\" must be a name"},
    {"config: a group with a line feed", "{\"access\":{\"group\":\"a\\nb\"}}",
     "\"access.group\" must be a name"},
    {"config: a mode that is a number", "{\"access\":{\"mode\":660}}",
     "\"access.mode\" must be \"0660\""},
    {"config: a mode without its zero", "{\"access\":{\"mode\":\"660\"}}",
     "\"access.mode\" must be"},
    {"config: a mode that runs", "{\"access\":{\"mode\":\"0670\"}}", "\"access.mode\" must be"},
    {"config: a mode without root", "{\"access\":{\"mode\":\"0060\"}}", "\"access.mode\" must be"},
    {"config: a mode with more", "{\"access\":{\"mode\":\"06600\"}}", "\"access.mode\" must be"},
    {"config: an empty group", "{\"access\":{\"group\":\"\"}}", "\"access.group\" must be"},
    {"config: auth false", "{\"link\":{\"auth\":false}}", "\"link.auth\" must be"},
    {"config: a host name", "{\"link\":{\"address\":\"localhost\"}}",
     "\"link.address\" must be a numeric IPv4 or IPv6 address in quotes"},
    {"config: a host name of hex letters", "{\"link\":{\"address\":\"cafe\"}}",
     "\"link.address\" must be"},
    {"config: empty address", "{\"link\":{\"address\":\"\"}}", "\"link.address\" must be"},
    {"config: three parts", "{\"link\":{\"address\":\"127.0.1\"}}", "\"link.address\" must be"},
    {"config: five parts", "{\"link\":{\"address\":\"1.2.3.4.5\"}}", "\"link.address\" must be"},
    {"config: a part of 256", "{\"link\":{\"address\":\"1.2.3.256\"}}", "\"link.address\" must be"},
    {"config: an empty part", "{\"link\":{\"address\":\"1..3.4\"}}", "\"link.address\" must be"},
    {"config: a leading zero", "{\"link\":{\"address\":\"1.2.3.04\"}}", "\"link.address\" must be"},
    {"config: an address and a port", "{\"link\":{\"address\":\"1.2.3.4:5\"}}",
     "\"link.address\" must be"},
    {"config: address as a number", "{\"usbipd\":{\"address\":1}}", "\"usbipd.address\" must be"},
    {"config: address too long", "{\"usbipd\":{\"address\":\"fe80::1%" LONG_KEY "\"}}",
     "\"usbipd.address\" must be"},
    {"config: boards in a list", "{\"boards\":[]}", "\"boards\" must be an object in braces"},
    {"config: a name with a slash", "{\"boards\":{\"a/b\":{}}}",
     "\"boards.a/b\": a name has 1 to 63 letters"},
    {"config: a name of dots", "{\"boards\":{\"..\":{}}}", "\"boards...\": a name has"},
    {"config: an empty name", "{\"boards\":{\"\":{}}}", "\"boards.\": a name has"},
    {"config: a name with an escape sequence", "{\"boards\":{\"\\u001b[2J\":{}}}",
     "\"boards.\\x1b[2J\": a name has"},
    {"config: a name of 64", "{\"boards\":{\"" NAME_63 "a\":{}}}", "a name has"},
    {"config: a name twice", "{\"boards\":{\"a\":{\"identities\":[\"1a86:7523\"]},\"a\":{}}}",
     "\"boards.a\" stands there twice"},
    {"config: a board is a list", "{\"boards\":{\"leo\":[\"2341:8036\"]}}",
     "\"boards.leo\" must be an object in braces, with \"identities\""},
    {"config: a board without identities", "{\"boards\":{\"leo\":{\"port\":\"1-3\"}}}",
     "\"boards.leo\" lacks \"identities\": a list of 1 to 8 VID:PID"},
    {"config: no identity", "{\"boards\":{\"leo\":{\"identities\":[]}}}",
     "\"boards.leo.identities\" must be a list of 1 to 8 VID:PID"},
    {"config: an identity with a wildcard", "{\"boards\":{\"leo\":{\"identities\":[\"2341:*\"]}}}",
     "\"boards.leo.identities\" must be"},
    {"config: an identity is a number", "{\"boards\":{\"leo\":{\"identities\":[1]}}}",
     "\"boards.leo.identities\" must be"},
    {"config: an identity twice",
     "{\"boards\":{\"leo\":{\"identities\":[\"2341:003a\",\"2341:003A\"]}}}",
     "\"boards.leo.identities\" must be"},
    {"config: nine identities",
     "{\"boards\":{\"leo\":{\"identities\":[\"0001:0001\",\"0001:0002\",\"0001:0003\","
     "\"0001:0004\",\"0001:0005\",\"0001:0006\",\"0001:0007\",\"0001:0008\",\"0001:0009\"]}}}",
     "\"boards.leo.identities\" must be"},
    {"config: identities in a text", "{\"boards\":{\"leo\":{\"identities\":\"2341:8036\"}}}",
     "\"boards.leo.identities\" must be"},
    {"config: an unknown key of a board", "{\"boards\":{\"leo\":{\"busid\":\"1-3\"}}}",
     "unknown key \"boards.leo.busid\": a board has identities, serial, port"},
    {"config: a key of a board twice", "{\"boards\":{\"leo\":{\"port\":\"1-3\",\"port\":\"1-4\"}}}",
     "\"boards.leo.port\" stands there twice"},
    {"config: a place that is none", "{\"boards\":{\"leo\":{\"port\":\"1-0\"}}}",
     "\"boards.leo.port\" must be a bus id in quotes"},
    {"config: an empty serial number", "{\"boards\":{\"leo\":{\"serial\":\"\"}}}",
     "\"boards.leo.serial\" must be a serial number in quotes"},
    {"config: not JSON", "{\n\"link\": {\n\"port\": nope\n}}", "line 3: not a JSON object"},
    {"config: not JSON after comments", "{ // a\n/* b\n\n */ \"link\": nope }", "line 4: not"},
    {"config: trailing comma", "{\"link\":{\"port\":1,}}", "line 1: not a JSON object"},
    {"config: an array", "[]", "line 1: not a JSON object"},
    {"config: trailing text", "{}\nx", "line 2: not a JSON object"},
    {"config: a comment without end", "{}\n\n/* a", "line 3: a comment without its end"},
    {"config: a comment ends with its own star", "{} /*/", "line 1: a comment without its end"},
    {"config: half a comment", "{} /", "line 1: not a JSON object"},
    {"config: a comment in a string is none", "{\"link\":{\"auth\":\"/*x*/\"}}",
     "\"link.auth\" must be"},
    {"config: a backslash before the quote", "{\"link\":{\"auth\":\"C:\\\\\" // x\n, \"prot\":1}}",
     "\"link.auth\" must be"},
    {"config: an escaped quote", "{\"a\\\"//b\":1}", "unknown key \"a\"//b\""},
    {"config: string without end", "{\"link", "line 1: not a JSON object"},
    {"config: invalid UTF-8", "{}\n// \xFF\n\"\xFF\"", "line 3: not a JSON object"},
};

static void run_bad(void **state)
{
    const struct bad_case *row = *state;
    struct config config = defaults;
    char reason[CONFIG_REASON_SIZE] = "";
    assert_int_equal(read_text(row->text, &config, reason), ERR_INVALID);
    if (strstr(reason, row->reason) == NULL) {
        assert_string_equal(reason, row->reason);
    }
    assert_same(&config, &defaults);
}

static void a_later_mistake_changes_nothing(void **state)
{
    (void)state;
    struct config config = defaults;
    char reason[CONFIG_REASON_SIZE];
    assert_int_equal(read_text("{\"link\":{\"port\":7},\"usbipd\":{\"port\":0}}", &config, reason),
                     ERR_INVALID);
    assert_same(&config, &defaults);
}

static void length_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(CONFIG_TEXT_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', CONFIG_TEXT_MAX + 1);
    struct config config = defaults;
    char reason[CONFIG_REASON_SIZE] = "";
    assert_int_equal(config_from_text(text, CONFIG_TEXT_MAX, &config, reason), 0);
    assert_int_equal(config_from_text(text, CONFIG_TEXT_MAX + 1, &config, reason), ERR_TOO_LONG);
    assert_string_equal(reason, "longer than 1048576 bytes");
    free(text);
}

static void nul_is_refused(void **state)
{
    (void)state;
    struct config config = defaults;
    char reason[CONFIG_REASON_SIZE] = "";
    assert_int_equal(config_from_text("\0", 1, &config, reason), ERR_INVALID);
    assert_int_equal(config_from_text("{}\0", 3, &config, reason), ERR_INVALID);
}

static void boards_have_names(void **state)
{
    (void)state;
    static const char text[] =
        "{\"boards\":{\"leo\":{\"identities\":[\"2341:8036\",\"2341:003a\"],\"serial\":\"A1\"},"
        "\"" NAME_63 "\":{\"port\":\"1-3\",\"identities\":[\"1A86:7523\"]}}}";
    struct config config;
    char reason[CONFIG_REASON_SIZE] = "";

    config_init(&config);
    assert_int_equal(read_text(text, &config, reason), 0);
    assert_int_equal(config.families.count, 2);
    assert_string_equal(config.families.items[0].name, "leo");
    assert_int_equal(config.families.items[0].identity_count, 2);
    assert_int_equal(config.families.items[0].identities[1].vid, 0x2341);
    assert_int_equal(config.families.items[0].identities[1].pid, 0x003A);
    assert_string_equal(config.families.items[0].serial, "A1");
    assert_string_equal(config.families.items[0].busid, "");
    assert_string_equal(config.families.items[1].name, NAME_63);
    assert_int_equal(config.families.items[1].identities[0].vid, 0x1A86);
    assert_string_equal(config.families.items[1].serial, "");
    assert_string_equal(config.families.items[1].busid, "1-3");
}

/* Writes a section of so many boards. */
static char *make_boards(size_t count)
{
    static const char start[] = "{\"boards\":{";
    char *text = malloc(sizeof start + count * 64 + 2);
    size_t len = sizeof start - 1;

    assert_non_null(text);
    memcpy(text, start, len);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)sprintf(text + len, "%s\"n%zu\":{\"identities\":[\"2341:8036\"]}",
                               i > 0 ? "," : "", i);
    }
    strcpy(text + len, "}}");
    return text;
}

static void the_number_of_boards_is_bounded(void **state)
{
    (void)state;
    char reason[CONFIG_REASON_SIZE] = "";
    struct config config = defaults;
    char *text = make_boards(BOARD_FAMILIES_MAX);

    assert_int_equal(read_text(text, &config, reason), 0);
    assert_int_equal(config.families.count, BOARD_FAMILIES_MAX);
    free(text);
    text = make_boards(BOARD_FAMILIES_MAX + 1);
    config = defaults;
    assert_int_equal(read_text(text, &config, reason), ERR_INVALID);
    assert_string_equal(reason, "\"boards\" has more than 32 boards");
    assert_same(&config, &defaults);
    free(text);
}

static void the_defaults(void **state)
{
    (void)state;
    struct config config;
    memset(&config, 0xFF, sizeof config);
    config_init(&config);
    assert_same(&config, &defaults);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, good_cases, run_good);
    CASES_ADD(&cases, bad_cases, run_bad);
    cases_add_one(&cases, "config: a later mistake changes nothing",
                  a_later_mistake_changes_nothing);
    cases_add_one(&cases, "config: length is bounded", length_is_bounded);
    cases_add_one(&cases, "config: NUL is refused", nul_is_refused);
    cases_add_one(&cases, "config: boards have names", boards_have_names);
    cases_add_one(&cases, "config: the number of boards is bounded",
                  the_number_of_boards_is_bounded);
    cases_add_one(&cases, "config: the defaults", the_defaults);
    return cases_run("config", &cases);
}
