#include "guest-linux/board_access.h"

#include <grp.h>
#include <stddef.h>

#include "shared/core/log.h"
#include "shared/core/text.h"

static gid_t find_group(const char *name)
{
    const struct group *group = getgrnam(name);

    return group != NULL ? group->gr_gid : NODE_ACCESS_NO_GROUP;
}

void board_access_init(struct node_access *access, const struct config *config)
{
    char escaped[4 * CONFIG_NAME_SIZE];

    *access = (struct node_access){
        .group = find_group(config->access_group),
        .mode = config->access_mode,
        .general_group = find_group(CONFIG_GROUP),
    };
    if (access->group == NODE_ACCESS_NO_GROUP) {
        log_warning("there is no group \"%s\": boards stay root's. Make it (`groupadd --system "
                    "NAME`, then `usermod -aG NAME USER`), or name another one, \"access\": "
                    "{\"group\": \"...\"} in the configuration, and start the agent anew",
                    text_escape(escaped, sizeof escaped, config->access_group));
    }
}
