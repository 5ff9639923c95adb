/* Setup and removal in a tree of the test's own, with a stub for the agent and one for systemctl,
 * and with each step failing in turn. */
#include "guest-linux/setup_steps.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-linux/agent_control.h"
#include "guest-linux/built_in_text.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/held_ports.h"
#include "guest-linux/setup_removal.h"
#include "shared/core/error.h"
#include "shared/core/wsl_conf.h"
#include "shared/link/local_shared_unix.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define STREAM "/run/ttyferry/events.sock"
#define TEXT_SIZE 8192
#define SHARED_FOLDER LOCAL_SHARED_ROOT LOCAL_SHARED_FOLDER
#define SHARED_SOCKET LOCAL_SHARED_ROOT LOCAL_SHARED_SOCKET
#define CONTROLLER "/devices/platform/vhci_hcd.0"

struct rig {
    struct tree tree;
    struct setup_machine machine;
    struct setup_request request;
    char stream[TREE_PATH_SIZE];
    char program[TREE_PATH_SIZE];
    char systemctl[TREE_PATH_SIZE];
    char journalctl[TREE_PATH_SIZE];
    char udevadm[TREE_PATH_SIZE];
    char told[TEXT_SIZE];
};

static void on_report(void *context, bool ok, const char *text)
{
    struct rig *rig = context;
    size_t len = strlen(rig->told);

    snprintf(rig->told + len, sizeof rig->told - len, "%s %s\n", ok ? "ok" : "failed", text);
}

/* A program of that name, which the installer has just placed. */
static void place(struct rig *rig, const char *name, const char *command)
{
    char script[2 * TREE_PATH_SIZE];

    snprintf(script, sizeof script, "#!/bin/sh\n# %s\n%s\n", name, command);
    tree_write_program(&rig->tree, GUEST_NEW_PROGRAM, script);
}

static void place_good(struct rig *rig, const char *name)
{
    char command[2 * TREE_PATH_SIZE];

    snprintf(command, sizeof command, "exec " AGENT_STUB " %s %s \"$@\"", rig->stream, name);
    place(rig, name, command);
}

/* Notes what it is asked, starts and stops as systemd would, and fails at the verb `fails`. */
static void place_systemctl(struct rig *rig, const char *fails)
{
    char script[4 * TREE_PATH_SIZE];
    const char *root = rig->tree.root;

    snprintf(script, sizeof script,
             "#!/bin/sh\n"
             "echo \"$2 $3\" >>%s/systemctl.log\n"
             "wants=%s" GUEST_WANTS_FOLDER "\n"
             "[ \"$2\" != '%s' ] || exit 1\n"
             "case $2 in\n"
             "enable) mkdir -p $wants; ln -sf ../" GUEST_UNIT_NAME " $wants/$3 ;;\n"
             "disable) rm -f $wants/$3 ;;\n"
             "start) exec %s" GUEST_PROGRAM " agent --background ;;\n"
             "esac\n",
             root, root, fails, root);
    tree_write_program(&rig->tree, "/bin/systemctl", script);
}

/* Notes what it is asked, and answers with what a test has put into /journal. */
static void place_journalctl(struct rig *rig)
{
    char script[4 * TREE_PATH_SIZE];

    snprintf(
        script, sizeof script,
        "#!/bin/sh\necho \"$*\" >>%s/journalctl.log\ncase $1 in --sync) ;; *) cat %s/journal ;; "
        "esac\n",
        rig->tree.root, rig->tree.root);
    tree_write_program(&rig->tree, "/bin/journalctl", script);
    tree_path(&rig->tree, "/bin/journalctl", rig->journalctl);
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    assert_non_null(rig);
    tree_make(&rig->tree);
    tree_folder(&rig->tree, "/etc/systemd/system");
    tree_folder(&rig->tree, GUEST_RULES_FOLDER);
    tree_folder(&rig->tree, "/usr/local/bin");
    tree_folder(&rig->tree, "/var/lib");
    tree_folder(&rig->tree, "/var/log");
    tree_folder(&rig->tree, "/run/ttyferry");
    tree_path(&rig->tree, STREAM, rig->stream);
    tree_path(&rig->tree, GUEST_NEW_PROGRAM, rig->program);
    tree_path(&rig->tree, "/bin/systemctl", rig->systemctl);
    place_systemctl(rig, "none");
    place_journalctl(rig);
    tree_path(&rig->tree, "/bin/udevadm", rig->udevadm);
    rig->machine = (struct setup_machine){
        .root = rig->tree.root,
        .systemctl = rig->systemctl,
        .journalctl = rig->journalctl,
        .udevadm = rig->udevadm,
        .stream_path = rig->stream,
        .program = rig->program,
        .serve_limit_ms = 5000,
        .report = on_report,
        .context = rig,
    };
    strcpy(rig->request.key, KEY);
    strcpy(rig->request.host_program, "C:\\a\\ttyferry.exe");
    rig->request.config = strdup("{}\n");
    rig->request.config_len = 3;
    *state = rig;
    return 0;
}

static void end_agent(struct rig *rig)
{
    struct agent_control agent;

    if (agent_control_find(rig->stream, &agent) == 0) {
        (void)agent_control_end(&agent, SIGTERM, 5000);
        agent_control_close(&agent);
    }
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    end_agent(rig);
    setup_request_finish(&rig->request);
    tree_remove(&rig->tree);
    free(rig);
    return 0;
}

static void use_systemd(struct rig *rig)
{
    tree_folder(&rig->tree, GUEST_SYSTEMD_RUNS);
}

static void expect_text(struct rig *rig, const char *path, const char *expected)
{
    char text[TEXT_SIZE];

    tree_read(&rig->tree, path, text, sizeof text);
    assert_string_equal(text, expected);
}

static bool has_text(struct rig *rig, const char *path, const char *part)
{
    char text[TEXT_SIZE];

    tree_read(&rig->tree, path, text, sizeof text);
    return strstr(text, part) != NULL;
}

static pid_t agent_pid(struct rig *rig)
{
    struct agent_control agent;

    if (agent_control_find(rig->stream, &agent) != 0) {
        return 0;
    }
    agent_control_close(&agent);
    return agent.pid;
}

static void install(struct rig *rig, const char *name)
{
    place_good(rig, name);
    rig->told[0] = '\0';
    if (setup_steps_install(&rig->machine, &rig->request) != 0) {
        fail_msg("setup said:\n%s", rig->told);
    }
    assert_null(strstr(rig->told, "failed"));
}

/* Names, modes and contents of everything but what a test is not about. */
static void list(struct rig *rig, char listing[TEXT_SIZE])
{
    char command[4 * TREE_PATH_SIZE];
    FILE *output;
    size_t len;

    snprintf(command, sizeof command,
             "cd %s && find . ! -name '*.log' ! -path './run/*' ! -path './bin*' "
             "! -name .ttyferry.new -printf '%%p %%m %%l ' \\( -type f -exec cksum '{}' \\; -o "
             "-printf '\\n' \\) | sort",
             rig->tree.root);
    output = popen(command, "r");
    assert_non_null(output);
    len = fread(listing, 1, TEXT_SIZE - 1, output);
    listing[len] = '\0';
    assert_int_equal(pclose(output), 0);
}

static void a_first_setup_without_systemd(void **state)
{
    struct rig *rig = *state;

    tree_write(&rig->tree, GUEST_WSL_CONF, "[boot]\r\ncommand = theirs\r\n");
    install(rig, "one");
    expect_text(rig, GUEST_KEY, KEY "\n");
    expect_text(rig, GUEST_CONFIG, "{}\n");
    expect_text(rig, GUEST_HOST, "C:\\a\\ttyferry.exe\n");
    expect_text(rig, GUEST_WSL_CONF, "[boot]\r\ncommand = " WSL_CONF_COMMAND "; theirs\r\n");
    assert_true(has_text(rig, GUEST_PROGRAM, "# one"));
    assert_false(tree_has(&rig->tree, GUEST_NEW_PROGRAM));
    assert_false(tree_has(&rig->tree, GUEST_UNIT));
    assert_true(agent_pid(rig) > 1);
}

static void a_first_setup_with_systemd(void **state)
{
    struct rig *rig = *state;

    use_systemd(rig);
    install(rig, "one");
    expect_text(rig, GUEST_UNIT, unit_text);
    assert_false(tree_has(&rig->tree, GUEST_WSL_CONF));
    expect_text(rig, "/systemctl.log",
                "daemon-reload \nenable ttyferry.service\nstop ttyferry.service\n"
                "start ttyferry.service\n");
    assert_true(agent_pid(rig) > 1);
}

static void use_udevd(struct rig *rig)
{
    char script[2 * TREE_PATH_SIZE];

    snprintf(script, sizeof script, "#!/bin/sh\necho \"$*\" >>%s/udevadm.log\n", rig->tree.root);
    tree_write_program(&rig->tree, "/bin/udevadm", script);
    tree_write(&rig->tree, GUEST_UDEV_RUNS, "");
}

static void udevd_reads_the_rules_anew(void **state)
{
    struct rig *rig = *state;

    use_udevd(rig);
    install(rig, "one");
    expect_text(rig, GUEST_RULES, rules_text);
    expect_text(rig, "/udevadm.log", "control --reload\n");
    assert_int_equal(setup_removal_run(&rig->machine, false), 0);
    assert_false(tree_has(&rig->tree, GUEST_RULES));
    expect_text(rig, "/udevadm.log", "control --reload\ncontrol --reload\n");
}

static void a_udevd_that_does_not_reload_is_no_failure(void **state)
{
    struct rig *rig = *state;

    tree_write_program(&rig->tree, "/bin/udevadm", "#!/bin/sh\nexit 1\n");
    tree_write(&rig->tree, GUEST_UDEV_RUNS, "");
    install(rig, "one");
    expect_text(rig, GUEST_RULES, rules_text);
}

static void without_udev_no_rules_are_written(void **state)
{
    struct rig *rig = *state;

    tree_delete(&rig->tree, "/etc/udev");
    install(rig, "one");
    assert_false(tree_has(&rig->tree, "/etc/udev"));
    assert_non_null(strstr(rig->told, "ok no udev here"));
}

static void an_upgrade_keeps_what_people_have_written(void **state)
{
    struct rig *rig = *state;
    pid_t first;

    install(rig, "one");
    first = agent_pid(rig);
    tree_write(&rig->tree, GUEST_CONFIG, "{/* mine */}\n");
    rig->request.key[0] = '\0';
    install(rig, "two");
    expect_text(rig, GUEST_CONFIG, "{/* mine */}\n");
    expect_text(rig, GUEST_KEY, KEY "\n");
    assert_true(has_text(rig, GUEST_PROGRAM, "# two"));
    assert_true(agent_pid(rig) > 1 && agent_pid(rig) != first);
    expect_text(rig, STREAM ".one", "TERM\n");
    assert_false(tree_has(&rig->tree, GUEST_BIN_FOLDER "/.ttyferry.ttyferry-old"));
}

static void a_setup_by_hand_leaves_the_program_where_it_is(void **state)
{
    struct rig *rig = *state;
    char elsewhere[TREE_PATH_SIZE];
    char placed[TREE_PATH_SIZE];

    place_good(rig, "one");
    tree_path(&rig->tree, "/mine", elsewhere);
    tree_path(&rig->tree, GUEST_NEW_PROGRAM, placed);
    assert_int_equal(rename(placed, elsewhere), 0);
    rig->machine.program = elsewhere;
    assert_int_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_true(has_text(rig, GUEST_PROGRAM, "# one"));
    assert_true(tree_has(&rig->tree, "/mine"));
    /* And again, by the program that is in place. */
    tree_path(&rig->tree, GUEST_PROGRAM, elsewhere);
    assert_int_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_true(has_text(rig, GUEST_PROGRAM, "# one"));
}

static void a_machine_that_changes_to_systemd_is_followed(void **state)
{
    struct rig *rig = *state;
    char before[TEXT_SIZE];

    tree_write(&rig->tree, GUEST_WSL_CONF, "[boot]\nsystemd=true\n");
    install(rig, "one");
    use_systemd(rig);
    install(rig, "two");
    expect_text(rig, GUEST_WSL_CONF, "[boot]\nsystemd=true\n");
    list(rig, before);
    assert_non_null(strstr(before, GUEST_UNIT_NAME));
    tree_delete(&rig->tree, "/run/systemd");
    install(rig, "three");
    assert_false(tree_has(&rig->tree, GUEST_UNIT));
    assert_false(tree_has(&rig->tree, GUEST_WANTS_FOLDER "/" GUEST_UNIT_NAME));
    assert_true(has_text(rig, GUEST_WSL_CONF, WSL_CONF_COMMAND));
}

/* --- Failures --------------------------------------------------------------------------------- */

static void break_nothing(struct rig *rig)
{
    (void)rig;
}

/* A link where a file of ours should be: nobody's rights decide on that, not even root's. */
static void break_place(struct rig *rig, const char *path)
{
    if (tree_has(&rig->tree, path)) {
        tree_delete(&rig->tree, path);
    }
    tree_link(&rig->tree, path, "/elsewhere");
}

static void break_key(struct rig *rig)
{
    break_place(rig, GUEST_KEY);
}

static void break_host(struct rig *rig)
{
    break_place(rig, GUEST_HOST);
}

static void break_rules(struct rig *rig)
{
    break_place(rig, GUEST_RULES);
}

static void break_wsl_conf(struct rig *rig)
{
    tree_write(&rig->tree, GUEST_WSL_CONF, "[boot]\r");
}

static void break_enable(struct rig *rig)
{
    place_systemctl(rig, "enable");
}

static void break_reload(struct rig *rig)
{
    place_systemctl(rig, "daemon-reload");
}

static const struct failure_case {
    const char *name;
    bool systemd;
    void (*break_it)(struct rig *rig);
    const char *program; /* NULL: a good one */
} failure_cases[] = {
    {"setup: a key that can't be written", false, break_key, NULL},
    {"setup: a host program that can't be written", false, break_host, NULL},
    {"setup: rules that can't be written", false, break_rules, NULL},
    {"setup: a wsl.conf that can't be edited", false, break_wsl_conf, NULL},
    {"setup: a unit that can't be enabled", true, break_enable, NULL},
    {"setup: a systemd that does not reload", true, break_reload, NULL},
    {"setup: an agent that does not start", false, break_nothing, "exit 1"},
    {"setup: an agent that does not serve", false, break_nothing, "exit 0"},
    {"setup: an agent that does not start, with systemd", true, break_nothing, "exit 1"},
    {"setup: an agent that does not serve, with systemd", true, break_nothing, "exit 0"},
};

static void place_for(struct rig *rig, const struct failure_case *row)
{
    rig->machine.serve_limit_ms = 100;
    if (row->program != NULL) {
        place(rig, "bad", row->program);
    } else {
        place_good(rig, "bad");
    }
}

static void expect_failure(struct rig *rig, const char *before)
{
    char after[TEXT_SIZE];

    rig->told[0] = '\0';
    assert_int_not_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_non_null(strstr(rig->told, "failed "));
    assert_non_null(strstr(rig->told, "everything is as it was before"));
    list(rig, after);
    assert_string_equal(after, before);
}

static void a_failed_first_setup_leaves_nothing(void **state)
{
    const struct failure_case *row = *state;
    char before[TEXT_SIZE];
    struct rig *rig;

    set_up((void **)&rig);
    if (row->systemd) {
        use_systemd(rig);
    }
    tree_folder(&rig->tree, GUEST_ETC_FOLDER);
    row->break_it(rig);
    list(rig, before);
    place_for(rig, row);
    expect_failure(rig, before);
    assert_int_equal(agent_pid(rig), 0);
    tear_down((void **)&rig);
}

static void a_failed_upgrade_leaves_the_old_one_at_work(void **state)
{
    const struct failure_case *row = *state;
    char before[TEXT_SIZE];
    struct rig *rig;

    set_up((void **)&rig);
    if (row->systemd) {
        use_systemd(rig);
    }
    install(rig, "one");
    row->break_it(rig);
    list(rig, before);
    place_for(rig, row);
    rig->machine.serve_limit_ms = 3000;
    strcpy(rig->request.host_program, "C:\\b\\ttyferry.exe");
    expect_failure(rig, before);
    assert_true(has_text(rig, GUEST_PROGRAM, "# one"));
    assert_true(agent_pid(rig) > 1);
    tear_down((void **)&rig);
}

static void the_agents_own_words_are_the_cause(void **state)
{
    struct rig *rig = *state;

    place(rig, "bad", "echo one >&2; echo 'ttyferry agent: there is no way' >&2; exit 1");
    assert_int_not_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_non_null(strstr(rig->told, "failed agent: there is no way\n"));
    place(rig, "dumb", "exit 1");
    rig->told[0] = '\0';
    assert_int_not_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_non_null(strstr(rig->told, "failed agent does not come up, " GUEST_LOG_FOLDER));
}

static void the_journal_has_the_agents_own_words(void **state)
{
    struct rig *rig = *state;

    use_systemd(rig);
    tree_write(&rig->tree, "/journal", "error: port 24240 is in use\n");
    place(rig, "bad", "exit 1");
    assert_int_not_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_non_null(strstr(rig->told, "failed agent: port 24240 is in use\n"));
    assert_true(has_text(rig, "/journalctl.log", "--sync\n"));
    assert_true(has_text(rig, "/journalctl.log",
                         "--lines=1 --unit " GUEST_UNIT_NAME " --identifier=ttyferry "
                         "--grep=^(error|ttyferry agent):  --since=@"));
    tree_write(&rig->tree, "/journal", "");
    place(rig, "dumb", "exit 1");
    rig->told[0] = '\0';
    assert_int_not_equal(setup_steps_install(&rig->machine, &rig->request), 0);
    assert_non_null(strstr(rig->told, "failed agent does not come up, `journalctl -u ttyferry`"));
}

/* --- The key ---------------------------------------------------------------------------------- */

static const struct key_case {
    const char *name;
    bool is_given;
    bool was_there;
    const char *config;      /* in the file; NULL: none */
    const char *with_config; /* in the request; NULL: none */
    const char *told;
} key_cases[] = {
    {"setup: a key that is given", true, false, NULL, NULL, "ok key in "},
    {"setup: a key that is there", false, true, NULL, NULL, "ok key in " GUEST_KEY " stays"},
    {"setup: no key", false, false, NULL, NULL, "failed key: "},
    {"setup: no key, and a configuration that wants one", false, false, "{}", NULL, "failed key: "},
    {"setup: no key, and none wanted", false, false, "{\"link\": {\"auth\": \"none\"}}", NULL,
     "ok no key"},
    {"setup: no key, and none wanted by what is given", false, false, NULL,
     "{\"link\":{\"auth\":\"none\"}}\n", "ok no key"},
    {"setup: no key, and none wanted by what is given, but not taken", false, false, "{/* mine */}",
     "{\"link\":{\"auth\":\"none\"}}\n", "failed key: "},
    /* The agent says what is wrong with it. */
    {"setup: no key, and a configuration that is wrong", false, false, "{", NULL, "ok no key"},
};

static void a_key_is_given_or_there_or_not_wanted(void **state)
{
    const struct key_case *row = *state;
    struct setup_request *request;
    char before[TEXT_SIZE];
    struct rig *rig;
    bool is_failure = strncmp(row->told, "failed", 6) == 0;

    set_up((void **)&rig);
    request = &rig->request;
    request->key[0] = row->is_given ? KEY[0] : '\0';
    setup_request_finish(request);
    if (row->with_config != NULL) {
        request->config = strdup(row->with_config);
        request->config_len = strlen(row->with_config);
    }
    if (row->was_there) {
        tree_write(&rig->tree, GUEST_KEY, KEY "\n");
    }
    if (row->config != NULL) {
        tree_write(&rig->tree, GUEST_CONFIG, row->config);
    }
    list(rig, before);
    place_good(rig, "one");
    assert_int_equal(setup_steps_install(&rig->machine, request) != 0, is_failure);
    assert_non_null(strstr(rig->told, row->told));
    if (is_failure) {
        char after[TEXT_SIZE];

        assert_non_null(strstr(rig->told, "ttyferry.exe install"));
        assert_non_null(strstr(rig->told, "ttyferry setup <key.json"));
        list(rig, after);
        assert_string_equal(after, before);
    }
    tear_down((void **)&rig);
}

/* --- Removal ---------------------------------------------------------------------------------- */

static const struct removal_case {
    const char *name;
    bool systemd;
    const char *wsl_conf; /* NULL: none */
    bool has_own_config;
} removal_cases[] = {
    {"setup: purged without systemd", false, NULL, false},
    {"setup: purged with systemd", true, NULL, false},
    {"setup: purged, with a wsl.conf", false, "[network]\r\nhostname = a", false},
    {"setup: purged, with an empty wsl.conf", false, "", false},
    {"setup: purged, with files from before", true, "[boot]\nsystemd=true\n", true},
};

static void a_purge_leaves_what_was_there(void **state)
{
    const struct removal_case *row = *state;
    char before[TEXT_SIZE];
    char after[TEXT_SIZE];
    struct rig *rig;

    set_up((void **)&rig);
    if (row->systemd) {
        use_systemd(rig);
    }
    if (row->wsl_conf != NULL) {
        tree_write(&rig->tree, GUEST_WSL_CONF, row->wsl_conf);
    }
    if (row->has_own_config) {
        tree_write(&rig->tree, GUEST_CONFIG, "{}");
    }
    list(rig, before);
    install(rig, "one");
    install(rig, "two");
    tree_write(&rig->tree, GUEST_LOG_FOLDER "/agent.log", "");
    tree_write(&rig->tree, GUEST_LOG_FOLDER "/agent.log.1", "");
    tree_link(&rig->tree, GUEST_LINKS_FOLDER "/nano", "../ttyUSB0");
    assert_int_equal(setup_removal_run(&rig->machine, true), 0);
    list(rig, after);
    tree_delete(&rig->tree, "/dev");
    assert_null(strstr(after, "dev/ttyferry"));
    list(rig, after);
    assert_string_equal(after, before);
    assert_int_equal(agent_pid(rig), 0);
    tear_down((void **)&rig);
}

static void a_removal_keeps_key_and_configuration(void **state)
{
    struct rig *rig = *state;

    install(rig, "one");
    assert_int_equal(setup_removal_run(&rig->machine, false), 0);
    assert_false(tree_has(&rig->tree, GUEST_PROGRAM));
    assert_false(tree_has(&rig->tree, GUEST_WSL_CONF));
    expect_text(rig, GUEST_KEY, KEY "\n");
    assert_int_equal(agent_pid(rig), 0);
    /* A second one, by a program that is back, has the first setup's notes. */
    assert_int_equal(setup_removal_run(&rig->machine, true), 0);
    assert_false(tree_has(&rig->tree, GUEST_ETC_FOLDER));
    assert_false(tree_has(&rig->tree, GUEST_LIB_FOLDER));
}

static void a_removal_without_an_installation_takes_nothing(void **state)
{
    struct rig *rig = *state;

    tree_write(&rig->tree, GUEST_WSL_CONF, "");
    assert_int_equal(setup_removal_run(&rig->machine, true), 0);
    assert_true(tree_has(&rig->tree, GUEST_WSL_CONF));
    assert_true(tree_has(&rig->tree, GUEST_BIN_FOLDER));
}

/* Its agent is dead, and was never told to let go. */
static void a_removal_lets_go_of_what_a_dead_agent_has_left(void **state)
{
    static const struct vhci_place place = {
        .port = 0, .devid = 0x00010003, .devpath = CONTROLLER "/usb1/1-1"};
    struct rig *rig = *state;
    struct held_ports *held;
    char sysfs_root[TREE_PATH_SIZE];

    tree_write(&rig->tree, "/sys" CONTROLLER "/attach", "");
    tree_write(&rig->tree, "/sys" CONTROLLER "/detach", "");
    tree_write(&rig->tree, "/sys" CONTROLLER "/nports", "2\n");
    tree_write(&rig->tree, "/sys" CONTROLLER "/status",
               "hub port sta spd dev      sockfd local_busid\n"
               "hs  0000 006 002 00010003 000007 1-1\n"
               "ss  0001 004 000 00000000 000000 0-0\n");
    tree_write(&rig->tree, "/sys" CONTROLLER "/usb1/speed", "480\n");
    tree_write(&rig->tree, "/sys" CONTROLLER "/usb2/speed", "5000\n");
    tree_write(&rig->tree, "/sys" CONTROLLER "/usb1/1-1/idVendor", "1a86\n");
    tree_path(&rig->tree, "/sys", sysfs_root);
    assert_int_equal(held_ports_open(sysfs_root, rig->stream, &held), 0);
    held_ports_note(held, &place);
    held_ports_close(held);
    install(rig, "one");
    end_agent(rig);
    assert_int_equal(setup_removal_run(&rig->machine, false), 0);
    expect_text(rig, "/sys" CONTROLLER "/detach", "0");
    assert_false(tree_has(&rig->tree, GUEST_RUN_FOLDER));
}

/* A socket that nobody serves, and the lock beside it. */
static void leave_shared_door(struct rig *rig, char path[TREE_PATH_SIZE])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    tree_write(&rig->tree, SHARED_SOCKET ".lock", "");
    tree_path(&rig->tree, SHARED_SOCKET, path);
    assert_true(fd >= 0 && strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void a_removal_takes_what_a_dead_agent_has_left_for_other_distributions(void **state)
{
    struct rig *rig = *state;
    char path[TREE_PATH_SIZE];

    leave_shared_door(rig, path);
    install(rig, "one");
    assert_int_equal(setup_removal_run(&rig->machine, false), 0);
    assert_false(tree_has(&rig->tree, SHARED_FOLDER));
    assert_true(tree_has(&rig->tree, LOCAL_SHARED_ROOT));
}

static void a_removal_leaves_what_another_distribution_serves(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[TREE_PATH_SIZE];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    tree_folder(&rig->tree, SHARED_FOLDER);
    tree_path(&rig->tree, SHARED_SOCKET, path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    install(rig, "one");
    assert_int_equal(setup_removal_run(&rig->machine, false), 0);
    assert_true(tree_has(&rig->tree, SHARED_SOCKET));
    close(fd);
}

static void a_key_alone_is_replaced(void **state)
{
    struct rig *rig = *state;
    char joined[TREE_PATH_SIZE];
    struct stat status;
    pid_t first;

    install(rig, "one");
    first = agent_pid(rig);
    rig->request.key[0] = 'f';
    assert_int_equal(setup_steps_renew_key(&rig->machine, &rig->request), 0);
    assert_true(has_text(rig, GUEST_KEY, "f0112233"));
    tree_path(&rig->tree, GUEST_KEY, joined);
    assert_int_equal(stat(joined, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(agent_pid(rig), first);
    rig->request.key[0] = '\0';
    assert_int_equal(setup_steps_renew_key(&rig->machine, &rig->request), ERR_INVALID);
    assert_true(has_text(rig, GUEST_KEY, "f0112233"));
}

static void a_key_that_came_alone_is_purged(void **state)
{
    struct rig *rig = *state;
    char before[TEXT_SIZE];
    char after[TEXT_SIZE];

    list(rig, before);
    assert_int_equal(setup_steps_renew_key(&rig->machine, &rig->request), 0);
    rig->request.key[0] = '\0';
    install(rig, "one");
    rig->told[0] = '\0';
    assert_int_equal(setup_removal_run(&rig->machine, true), 0);
    assert_non_null(strstr(rig->told, "ok key, configuration, logs and notes are gone\n"));
    list(rig, after);
    assert_string_equal(after, before);
}

static void a_key_alone_that_fails_leaves_nothing(void **state)
{
    struct rig *rig = *state;
    char before[TEXT_SIZE];
    char after[TEXT_SIZE];

    break_key(rig);
    list(rig, before);
    assert_int_not_equal(setup_steps_renew_key(&rig->machine, &rig->request), 0);
    list(rig, after);
    assert_string_equal(after, before);
}

static void a_purge_names_what_stays(void **state)
{
    struct rig *rig = *state;

    tree_write(&rig->tree, GUEST_KEY, KEY "\n");
    tree_write(&rig->tree, GUEST_CONFIG, "{}");
    install(rig, "one");
    tree_delete(&rig->tree, GUEST_CONFIG);
    rig->told[0] = '\0';
    assert_int_equal(setup_removal_run(&rig->machine, true), 0);
    assert_non_null(strstr(rig->told,
                           "ok key, configuration, logs and notes are gone, but for what was there "
                           "before the first setup: " GUEST_KEY "\n"));
    assert_true(tree_has(&rig->tree, GUEST_KEY));
}

#define RIG_CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_CASE(a_first_setup_without_systemd),
        RIG_CASE(a_first_setup_with_systemd),
        RIG_CASE(udevd_reads_the_rules_anew),
        RIG_CASE(a_udevd_that_does_not_reload_is_no_failure),
        RIG_CASE(without_udev_no_rules_are_written),
        RIG_CASE(an_upgrade_keeps_what_people_have_written),
        RIG_CASE(a_setup_by_hand_leaves_the_program_where_it_is),
        RIG_CASE(a_machine_that_changes_to_systemd_is_followed),
        RIG_CASE(the_agents_own_words_are_the_cause),
        RIG_CASE(the_journal_has_the_agents_own_words),
        RIG_CASE(a_removal_keeps_key_and_configuration),
        RIG_CASE(a_removal_without_an_installation_takes_nothing),
        RIG_CASE(a_removal_lets_go_of_what_a_dead_agent_has_left),
        RIG_CASE(a_removal_takes_what_a_dead_agent_has_left_for_other_distributions),
        RIG_CASE(a_removal_leaves_what_another_distribution_serves),
        RIG_CASE(a_key_alone_is_replaced),
        RIG_CASE(a_key_that_came_alone_is_purged),
        RIG_CASE(a_key_alone_that_fails_leaves_nothing),
        RIG_CASE(a_purge_names_what_stays),
    };
    struct cases cases = {.count = 0};
    int failed = cmocka_run_group_tests_name("setup_steps", tests, NULL, NULL);

    CASES_ADD(&cases, failure_cases, a_failed_first_setup_leaves_nothing);
    CASES_ADD(&cases, failure_cases, a_failed_upgrade_leaves_the_old_one_at_work);
    CASES_ADD(&cases, key_cases, a_key_is_given_or_there_or_not_wanted);
    CASES_ADD(&cases, removal_cases, a_purge_leaves_what_was_there);
    return failed + cases_run("setup_steps", &cases);
}
