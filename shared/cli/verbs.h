/* The verbs that both programs share. Each takes argv[0] as its name and returns an exit code. */
#ifndef TTYFERRY_CLI_VERBS_H
#define TTYFERRY_CLI_VERBS_H

int verb_events(int argc, char **argv);
int verb_wait(int argc, char **argv);

#endif
