/* Any JSON as config.json: checked, and what passes is taken apart. */
#include "fuzz.h"
#include "oci.h"
#include "oci_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *json = json_parse((const char *)data, size, NULL);
	struct err e = {0};
	struct oci_process p;
	struct oci c = {.id = "fuzz"};

	if (json && oci_check_config(json, &e) == 0) {
		c.config = json;
		oci_cgroup_path(&c, &e);
		oci_process_parse(oci_get(json, "process"), &p, &e);
		oci_seccomp(json, &p.process, &e);
		oci_process_free(&p);
	}
	json_free(json);
	return 0;
}
