/* Any profile: refused, or a filter that the kernel would load and that answers every number. */
#include <stdbool.h>
#include "fuzz.h"
#include "bpf.h"
#include "seccomp_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seccomp_program program;
	const uint32_t args[6] = {size > 0 ? data[0] : 0, 1, 16, 0xffffffff, 0, 7};
	char *text = malloc(size ? size : 1);

	memcpy(text, data, size);
	struct json *profile = json_parse(text, size, NULL);

	free(text);
	if (profile && seccomp_compile(profile, size & 1 ? ~0ull : 0, &program, NULL) == 0) {
		bpf_check(program.code, program.length);
		for (uint32_t nr = 0; nr < 500; nr++)
			(void)bpf_run(program.code, program.length, nr, args);
		(void)bpf_run(program.code, program.length, ~0u, args);
	}
	json_free(profile);
	return 0;
}
