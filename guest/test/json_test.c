#include <stdlib.h>
#include "check.h"
#include "json.h"

/* Parses and writes again. NULL when refused. */
static char *round_trip(const char *text)
{
	static struct jsonw w;
	struct json *document = json_parse(text, strlen(text), NULL);

	jsonw_free(&w);
	if (!document)
		return NULL;
	jsonw_value(&w, NULL, document);
	json_free(document);
	return w.data;
}

static void values(void)
{
	CHECK_TEXT(round_trip(" {\"a\" : [1, -2.5, true, false, null, \"x\"], \"b\":{}} "),
		   "{\"a\":[1,-2.5,true,false,null,\"x\"],\"b\":{}}");
	CHECK_TEXT(round_trip("1e3"), "1000");
	CHECK_TEXT(round_trip("-12.5e1"), "-125");
	CHECK_TEXT(round_trip("9007199254740991"), "9007199254740991");
	CHECK_TEXT(round_trip("0"), "0");
	CHECK_TEXT(round_trip("[]"), "[]");
	CHECK_TEXT(round_trip("\"\""), "\"\"");
}

static void escapes(void)
{
	CHECK_TEXT(round_trip("\"\\u00e9\\n\\\"\\\\\\/\""), "\"\xc3\xa9\\u000a\\\"\\\\/\"");
	CHECK_TEXT(round_trip("\"\\ud83d\\ude00\""), "\"\xf0\x9f\x98\x80\"");
	/* Lone surrogates are what JavaScript may send. */
	CHECK_TEXT(round_trip("\"\\ud83dx\""), "\"\xef\xbf\xbdx\"");
	CHECK_TEXT(round_trip("\"\\ude00\""), "\"\xef\xbf\xbd\"");
	CHECK_TEXT(round_trip("\"\\ud83d\\u0041\""), "\"\xef\xbf\xbd"
						     "A\"");
}

static void refused(void)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[1,]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"[1 2]",
		"01",
		"-",
		"1.",
		".5",
		"1e",
		"+1",
		"1e999",
		"nul",
		"truex",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u0000\"",
		"\"\x01\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"1 2",
		"[[1]",
		"\"a\nb\"",
		"{\"a\":1,}",
		"NaN",
		"\"\\",
		"\"\\u",
	};
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		e.msg[0] = 0;
		struct json *document = json_parse(bad[i], strlen(bad[i]), &e);

		if (document)
			printf("accepted: %s\n", bad[i]);
		CHECK(document == NULL);
		CHECK(strncmp(e.msg, "bad JSON", 8) == 0);
		json_free(document);
	}
}

static void bounds(void)
{
	char deep[80], *wide = malloc(200001);

	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	struct json *document = json_parse(deep, 64, NULL);
	CHECK(document != NULL);
	json_free(document);
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	CHECK(json_parse(deep, 66, NULL) == NULL);
	wide[0] = '[';
	for (int i = 0; i < 99999; i++)
		memcpy(wide + 1 + 2 * i, "0,", 2);
	memcpy(wide + 199999, "0]", 2);
	CHECK(json_parse(wide, 200001, NULL) == NULL);
	free(wide);
	char *long_text = malloc((1 << 20) + 1);
	memset(long_text, ' ', (1 << 20) + 1);
	long_text[0] = '1';
	document = json_parse(long_text, 1 << 20, NULL);
	CHECK(document && document->number == 1);
	json_free(document);
	CHECK(json_parse(long_text, (1 << 20) + 1, NULL) == NULL);
	free(long_text);
}

static void lookups(void)
{
	static const char text[] = "{\"s\":\"x\",\"n\":7,\"b\":true,\"o\":{\"k\":1},\"a\":[1,2]}";
	struct json *d = json_parse(text, strlen(text), NULL);
	int sum = 0;

	CHECK_TEXT(json_string(d, "s", "no"), "x");
	CHECK_TEXT(json_string(d, "n", "no"), "no");
	CHECK(json_number(d, "n", 0) == 7 && json_number(d, "s", -1) == -1 && json_number(NULL, "n", 3) == 3);
	CHECK(json_bool(d, "b", false) && !json_bool(d, "x", false));
	CHECK(json_get(json_get(d, "o"), "k") != NULL && json_get(json_get(d, "s"), "k") == NULL);
	json_each(item, json_get(d, "a"))
		sum += (int)item->number;
	CHECK(sum == 3 && json_get(d, "a")->length == 2 && d->length == 5);
	json_free(d);
}

static void writer(void)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "bad \xff utf8", "a\xc3(\x1b\"");
	jsonw_int(&w, "big", INT64_MIN);
	jsonw_array(&w, "list");
	jsonw_null(&w, NULL);
	jsonw_raw(&w, NULL, "{\"raw\":1}");
	jsonw_object(&w, NULL);
	jsonw_end_object(&w);
	jsonw_end_array(&w);
	jsonw_bool(&w, "b", false);
	jsonw_end_object(&w);
	CHECK_TEXT(w.data, "{\"bad \xef\xbf\xbd utf8\":\"a\xef\xbf\xbd(\\u001b\\\"\",\"big\":-9223372036854775808,"
			   "\"list\":[null,{\"raw\":1},{}],\"b\":false}");
	CHECK(!w.failed && w.length == strlen(w.data));
	jsonw_free(&w);
}

int main(void)
{
	static const struct test tests[] = {TEST(values), TEST(escapes), TEST(refused),
					    TEST(bounds), TEST(lookups), TEST(writer)};

	return RUN(tests);
}
