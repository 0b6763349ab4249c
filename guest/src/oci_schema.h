/* What types the fields of config.json have, so that whoever reads one later need not ask again. */
#pragma once
#include "err.h"
#include "json.h"

/* The first field that is wrong is named in the error, as in "mounts[2].options". Fields we do not know are nobody's business. */
int oci_check_config(const struct json *config, struct err *e);
/* A process alone, and linux.resources. */
int oci_check_process(const struct json *process, struct err *e);
int oci_check_resources(const struct json *resources, struct err *e);
