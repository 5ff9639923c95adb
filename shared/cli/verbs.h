/* The verbs that both programs share. Each takes argv[0] as its name and returns an exit code. */
#ifndef TTYFERRY_CLI_VERBS_H
#define TTYFERRY_CLI_VERBS_H

int verb_events(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_take(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_yield(int argc, char **argv);

/* For the program whose agent dials. */
int verb_kick(int argc, char **argv);

#endif
