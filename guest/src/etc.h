/* /etc/{hostname,hosts,resolv.conf} of a container: files beside its layers, mounted into it. */
#pragma once
#include "container.h"

/* Writes them anew, in place, as its attachments are now. With `network_only` the host name's file is left alone. */
int etc_write(const struct container *c, bool network_only, struct err *e);
