/* What the life of a container is made of: detach keys, durations, weights, restart policies, health checks, limits. */
#include <stdlib.h>
#include "check.h"
#include "detach.h"
#include "flags.h"
#include "health.h"
#include "resources.h"
#include "restart.h"

/* What passes of `typed`, given in pieces of one byte and of all; "!" at the end when the keys came. */
static const char *pass(const char *keys, const char *typed)
{
	static char all[64], single[64];
	struct detach d;
	static struct err e;
	size_t used = 0, n;

	if (detach_parse(keys, &d, &e) < 0)
		return e.msg;
	bool over = detach_filter(&d, typed, strlen(typed), all, &used);

	strcpy(all + used, over ? "!" : "");
	detach_parse(keys, &d, NULL);
	over = false;
	used = 0;
	for (size_t i = 0; typed[i] && !over; i++, used += n)
		over = detach_filter(&d, typed + i, 1, single + used, &n);
	strcpy(single + used, over ? "!" : "");
	CHECK_TEXT(single, all);
	return all;
}

static void detach_keys(void)
{
	CHECK_TEXT(pass(NULL, "ab\x10\x11"), "ab!");
	CHECK_TEXT(pass("", "\x10\x10\x11"), "\x10!");
	CHECK_TEXT(pass(NULL, "\x10"
			      "a"),
		   "\x10"
		   "a");
	CHECK_TEXT(pass("ctrl-a,ctrl-\\", "x\001\034y"), "x!");
	CHECK_TEXT(pass("a,a,b", "aaab"), "a!");
	CHECK_TEXT(pass("q", "wq"), "w!");
	CHECK_TEXT(pass("DEL", "\177"), "!");
	CHECK_TEXT(pass("bogus", ""), "invalid detach keys (bogus): Unknown character: 'bogus'");
	CHECK_TEXT(pass("a,", ""), "invalid detach keys (a,): Unknown character: ''");
	CHECK(strstr(pass("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", ""), "more than 16"));
	/* Without keys, for what is no terminal, everything passes. */
	struct detach none = {0};
	char out[8];
	size_t used;

	CHECK(!detach_filter(&none, "\0a\x10\x11", 4, out, &used) && used == 4 && memcmp(out, "\0a\x10\x11", 4) == 0);
}

static void durations(void)
{
	CHECK(flag_time("1m30s") == 90000000000ll && flag_time("1.5h") == 5400000000000ll && flag_time("200ms") == 200000000);
	CHECK(flag_time("0") == 0 && flag_time("0s") == 0 && flag_time(".5s") == 500000000 && flag_time("1us") == 1000);
	CHECK(flag_time("") < 0 && flag_time("5") < 0 && flag_time("s") < 0 && flag_time("-1s") < 0 && flag_time("1s2") < 0);
	CHECK(flag_time("0x1s") < 0 && flag_time("infs") < 0 && flag_time("1e30h") < 0 && flag_time("1 s") < 0 &&
	      flag_time("1.2.3s") < 0);
}

static void weights(void)
{
	/* runc's own figures. */
	static const int64_t known[][2] = {{0, 1},      {2, 1},      {512, 59},       {1024, 100},
					   {2000, 170}, {2048, 174}, {262144, 10000}, {1 << 30, 10000}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		CHECK(resources_weight(known[i][0]) == known[i][1]);
	for (int64_t shares = 2; shares < 262144; shares += 97)
		CHECK(resources_weight(shares) <= resources_weight(shares + 97));
}

static const char *policy(const char *text, struct restart *r)
{
	static struct err e;
	char request[200];

	snprintf(request, sizeof(request), "{\"restart\":\"%s\"}", text);
	struct json *json = json_parse(request, strlen(request), NULL);
	int ret = restart_parse(json, r, &e);

	json_free(json);
	return ret < 0 ? e.msg : "";
}

static void restart_policies(void)
{
	struct restart r;

	CHECK(!*policy("", &r) && r.policy == RESTART_NO);
	CHECK(!*policy("no", &r) && r.policy == RESTART_NO);
	CHECK(!*policy("always", &r) && r.policy == RESTART_ALWAYS);
	CHECK(!*policy("unless-stopped", &r) && r.policy == RESTART_UNLESS_STOPPED);
	CHECK(!*policy("on-failure", &r) && r.policy == RESTART_ON_FAILURE && r.retries == 0);
	CHECK(!*policy("on-failure:7", &r) && r.retries == 7);
	CHECK(strstr(policy("on-failure:", &r), "must be an integer") &&
	      strstr(policy("on-failure:-1", &r), "must be an integer"));
	CHECK(strstr(policy("on-failure:99999999999", &r), "must be an integer"));
	CHECK(strstr(policy("always:3", &r), "only be used with 'on-failure'"));
	CHECK(strstr(policy("alway", &r), "unknown policy 'alway'") && strstr(policy("alwayss", &r), "unknown policy"));
}

static const char *parse_health(const char *request, const char *config, struct health *h)
{
	static struct err e;
	static struct json *asked, *image;

	/* What was parsed points into them. */
	json_free(asked);
	json_free(image);
	asked = json_parse(request, strlen(request), NULL);
	image = config ? json_parse(config, strlen(config), NULL) : NULL;
	return health_parse(asked, image, h, &e) < 0 ? e.msg : "";
}

static void health_checks(void)
{
	static struct health h;
	static const char image[] =
		"{\"Healthcheck\":{\"Test\":[\"CMD\",\"/check\",\"-x\"],\"Interval\":2000000000,\"Retries\":5}}";

	CHECK(!*parse_health("{}", NULL, &h) && !h.argv[0]);
	CHECK(!*parse_health("{\"healthCmd\":\"true\"}", NULL, &h) && h.interval == 30000 && h.timeout == 30000 &&
	      h.retries == 3);
	CHECK_TEXT(h.argv[0], "/bin/sh");
	CHECK_TEXT(h.argv[2], "true");
	CHECK(!h.argv[3]);
	CHECK(!*parse_health("{}", image, &h) && h.interval == 2000 && h.retries == 5);
	CHECK_TEXT(h.argv[0], "/check");
	CHECK_TEXT(h.argv[1], "-x");
	CHECK(!h.argv[2]);
	/* The command line's words win one by one. */
	CHECK(!*parse_health("{\"healthInterval\":700}", image, &h) && h.interval == 700 && h.retries == 5);
	CHECK(!*parse_health("{\"noHealthcheck\":true}", image, &h) && !h.argv[0]);
	CHECK(strstr(parse_health("{\"noHealthcheck\":true,\"healthCmd\":\"x\"}", NULL, &h), "conflicts with"));
	CHECK(!*parse_health("{}", "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}", &h) && !h.argv[0]);
	CHECK(!*parse_health("{}", "{\"Shell\":[\"/bin/bash\",\"-ec\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"]}}", &h));
	CHECK_TEXT(h.argv[0], "/bin/bash");
	CHECK_TEXT(h.argv[2], "a b");
	/* An image may say anything. */
	CHECK(!*parse_health("{}", "{\"Healthcheck\":{\"Test\":[]}}", &h) && !h.argv[0]);
	CHECK(!*parse_health("{}", "{\"Healthcheck\":{\"Test\":\"CMD\",\"Interval\":\"x\"}}", &h) && !h.argv[0]);
	CHECK(!*parse_health("{}", "{\"Healthcheck\":{\"Test\":[1,\"CMD\"],\"Retries\":-4}}", &h) && !h.argv[0] &&
	      h.retries == 3);
	CHECK(strstr(parse_health("{\"healthRetries\":-1}", NULL, &h), "--health-retries cannot be negative"));
	/* More words than there is room for: the rest is cut off, nothing overflows. */
	char *many = malloc(4000);

	strcpy(many, "{\"Healthcheck\":{\"Test\":[\"CMD\"");
	for (int i = 0; i < 200; i++)
		strcat(many, ",\"w\"");
	strcat(many, "]}}");
	CHECK(!*parse_health("{}", many, &h) && !h.argv[HEALTH_WORDS]);
	free(many);
}

static const char *parse_limits(const char *request, struct limits *l)
{
	static struct err e;
	static struct json *json;

	json_free(json);
	json = json_parse(request, strlen(request), NULL);
	return limits_parse(json, l, &e) < 0 ? e.msg : "";
}

static void limits(void)
{
	struct limits l;

	CHECK(!*parse_limits("{}", &l) && !l.memory && !l.cpu_quota && !l.pids);
	CHECK(!*parse_limits("{\"memory\":33554432,\"memorySwap\":-1,\"pids\":-1}", &l) && l.memory == 33554432 &&
	      l.memory_swap == -1 && !l.pids);
	CHECK_TEXT(parse_limits("{\"memory\":1000}", &l), "Minimum memory limit allowed is 6MB");
	CHECK(strstr(parse_limits("{\"memorySwap\":33554432}", &l), "You should always set the Memory limit"));
	CHECK(strstr(parse_limits("{\"memory\":33554432,\"memorySwap\":16777216}", &l), "Minimum memoryswap limit"));
	CHECK(strstr(parse_limits("{\"memory\":33554432,\"memoryReservation\":67108864}", &l), "memory reservation"));
	CHECK(strstr(parse_limits("{\"cpuPeriod\":10}", &l), "CPU cfs period"));
	CHECK(strstr(parse_limits("{\"cpuQuota\":10}", &l), "Range of CPUs"));
	CHECK(strstr(parse_limits("{\"cpuQuota\":10,\"cpuPeriod\":1000}", &l), "CPU cfs quota"));
	CHECK(strstr(parse_limits("{\"cpuShares\":-5}", &l), "CPU shares"));
	CHECK(strstr(parse_limits("{\"blkioWeight\":5}", &l), "blkio weight"));
	CHECK(strstr(parse_limits("{\"deviceReadBps\":[\"/dev/null:5\"]}", &l), "not a block device"));
	CHECK(strstr(parse_limits("{\"deviceReadBps\":[\"/dev/none:5\"]}", &l), "/dev/none"));
	CHECK(strstr(parse_limits("{\"deviceReadBps\":[\"/dev/null:5x\"]}", &l), "bad format"));
	CHECK(strstr(parse_limits("{\"deviceWriteIops\":[\":5\"]}", &l), "bad format"));
	CHECK(*parse_limits("{\"deviceWriteIops\":[7]}", &l));

	struct json *request = json_parse("{\"a\":1,\"b\":2}", 13, NULL), *changes = json_parse("{\"b\":null,\"c\":3}", 16, NULL);
	struct json *merged = limits_merge(request, changes);

	CHECK(json_number(merged, "a", 0) == 1 && !json_get(merged, "b") && json_number(merged, "c", 0) == 3);
	json_free(request);
	json_free(changes);
	json_free(merged);
}

int main(void)
{
	static const struct test tests[] = {TEST(detach_keys),      TEST(durations),     TEST(weights),
					    TEST(restart_policies), TEST(health_checks), TEST(limits)};

	return run_tests(tests, sizeof(tests) / sizeof(*tests));
}
