/* template, listing, filter. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "filter.h"
#include "io.h"
#include "listing.h"
#include "template.h"
#include "units.h"

static const char document[] =
	"{\"Id\":\"abc\",\"N\":3,\"F\":1.5,\"Yes\":true,\"No\":false,\"Nothing\":null,\"Empty\":[],\"S\":\"a b\","
	"\"State\":{\"Status\":\"running\",\"Pid\":42,\"Deep\":{\"Er\":\"x\"}},\"List\":[\"one\",\"two\",\"three\"],"
	"\"Map\":{\"z\":1,\"a\":\"first\"},\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}],"
	"\"53/udp\":[]},\"Labels\":\"a=x=1,b=2 3,ab=4\"}";

/* The text made, or the error without its common beginning. */
static const char *made(const char *format)
{
	static struct jsonw out;
	static struct err e;
	struct json *value = json_parse(document, strlen(document), &e);
	static const char prefix[] = "template parsing error: template: ";

	jsonw_free(&out);
	int ret = template_check(format, &e) < 0 ? -1 : template_execute(format, value, false, &out, &e);

	json_free(value);
	if (ret < 0)
		return strncmp(e.msg, prefix, strlen(prefix)) == 0 ? e.msg + strlen(prefix) : e.msg;
	return out.data ? out.data : "";
}

static void fields(void)
{
	CHECK_TEXT(made("x"), "x");
	CHECK_TEXT(made(""), "");
	CHECK_TEXT(made("{{.Id}}-{{ .N }}-{{.F}}"), "abc-3-1.5");
	CHECK_TEXT(made("{{.State.Status}} {{.State.Pid}} {{.State.Deep.Er}}"), "running 42 x");
	CHECK_TEXT(made("{{.List}} {{.Map}} {{.Empty}} {{.Nothing}} {{.Yes}}"),
		   "[one two three] map[a:first z:1] [] <no value> true");
	CHECK_TEXT(made("{{json .Map}} {{json .Id}} {{.Id | json}}"), "{\"z\":1,\"a\":\"first\"} \"abc\" \"abc\"");
	CHECK_TEXT(made("a {{- .Id -}} b"), "aabcb");
	CHECK_TEXT(made("{{/* nothing */}}x"), "x");
	CHECK_TEXT(made("{{$.Id}}{{\"t\\t\\\"\"}}{{`r\\`}}{{-5}}{{true}}"), "abct\t\"r\\-5true");
	CHECK_TEXT(made("{{.Foo}}"), ":1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"");
	CHECK_TEXT(made("ab{{.State.Foo}}"), ":1:10: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\"");
	CHECK_TEXT(made("\n {{.Id.Foo}}"), ":2:6: executing \"\" at <.Id.Foo>: can't evaluate field Foo");
}

static void conditions(void)
{
	CHECK_TEXT(made("{{if .Yes}}y{{else}}n{{end}}{{if .No}}y{{else}}n{{end}}{{if .Empty}}y{{end}}"), "yn");
	CHECK_TEXT(made("{{if .No}}1{{else if .Yes}}2{{else}}3{{end}}"), "2");
	CHECK_TEXT(made("{{if .Yes}}1{{else if .Foo.Bar}}2{{else}}3{{end}}!"), "1!");
	CHECK_TEXT(made("{{if .No}}1{{else if .No}}2{{else}}3{{end}}!"), "3!");
	/* Docker's State.Health is not there without a check. */
	CHECK_TEXT(made("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"), "none");
	CHECK_TEXT(made("{{with .State}}{{.Pid}}{{$.Id}}{{end}}{{with .No}}x{{else}}{{.Id}}{{end}}"), "42abcabc");
	CHECK_TEXT(made("{{if and .Yes (eq .State.Status \"running\") (not .No)}}ok{{end}}"), "ok");
	CHECK_TEXT(made("{{if or .No (ne .N 3)}}bad{{end}}{{and 1 0}}{{or 0 \"x\"}}"), "0x");
	CHECK_TEXT(made("{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 2 3}}{{eq .Id \"x\" \"abc\"}}"), "truetruefalsefalsetrue");
	CHECK_TEXT(made("{{eq .N \"3\"}}"),
		   ":1:2: executing \"\" at <eq .N \"3\">: error calling eq: incompatible types for comparison");
}

static void loops(void)
{
	CHECK_TEXT(made("{{range .List}}<{{.}}>{{end}}"), "<one><two><three>");
	CHECK_TEXT(made("{{range $i, $v := .List}}{{if $i}}, {{end}}{{$i}}={{$v}}{{end}}"), "0=one, 1=two, 2=three");
	CHECK_TEXT(made("{{range $k, $v := .Map}}{{$k}}:{{$v}} {{end}}"), "a:first z:1 ");
	CHECK_TEXT(made("{{range $v := .List}}{{$v}}{{end}}"), "onetwothree");
	CHECK_TEXT(made("{{range .Empty}}x{{else}}none{{end}}{{range .Nothing}}x{{else}}none{{end}}"), "nonenone");
	CHECK_TEXT(made("{{range $p, $c := .Ports}}{{$p}}{{range $c}} -> {{.HostPort}}{{end}};{{end}}"),
		   "53/udp;80/tcp -> 8080;");
	CHECK_TEXT(made("{{$x := .Id}}{{range .List}}{{$x}}{{end}}{{$x}}"), "abcabcabcabc");
	CHECK_TEXT(made("{{range .Id}}{{end}}"), ":1:8: executing \"\" at <.Id}}>: range can't iterate over it");
}

static void functions(void)
{
	CHECK_TEXT(made("{{(index .Ports \"80/tcp\" 0).HostPort}}"), "8080");
	CHECK_TEXT(made("{{(index (index .Ports \"80/tcp\") 0).HostIp}}"), "0.0.0.0");
	CHECK_TEXT(made("{{index .Map \"a\"}}{{index .Map \"none\"}}"), "first");
	CHECK_TEXT(made("{{index .List 3}}"),
		   ":1:2: executing \"\" at <index .List 3>: error calling index: index out of range: 3");
	CHECK_TEXT(made("{{len .List}} {{len .Id}} {{len .Map}}"), "3 3 2");
	CHECK_TEXT(made("{{join .List \", \"}} {{upper .Id}} {{lower \"ABC\"}} {{title .S}}"), "one, two, three ABC abc A B");
	CHECK_TEXT(made("{{range split \"a:b::c\" \":\"}}<{{.}}>{{end}}"), "<a><b><><c>");
	CHECK_TEXT(made("{{truncate .Id 2}}{{truncate .Id 9}}{{pad .Id 1 2}}|"), "ababc abc  |");
	CHECK_TEXT(made("{{println .Id .N}}{{print .Id .N 4}}"), "abc 3\nabc3 4");
	CHECK_TEXT(made("{{printf \"%-5s|%5s|%.2s|%d|%v|%q|%%\" .Id .Id .Id .N .List .S}}"),
		   "abc  |  abc|ab|3|[one two three]|\"a b\"|%");
	CHECK_TEXT(made("{{.Id | upper | printf \"<%s>\"}}"), "<ABC>");
	CHECK_TEXT(made("{{.Label \"b\"}}{{.Label \"c\"}}{{.Label \"abc\"}}|{{.Label \"a\" | upper}}"), "2 3|X=1");
	CHECK_TEXT(made("{{upper}}"), ":1:2: executing \"\" at <upper>: wrong number of args for upper: want 1 got 0");
}

static void refused(void)
{
	struct err e;
	char deep[4 * 400];

	CHECK_TEXT(made("{{.Id"), ":1: unclosed action");
	CHECK_TEXT(made("{{if .Yes}}"), ":1: unexpected EOF");
	CHECK_TEXT(made("{{range .List}}{{else}}"), ":1: unexpected EOF");
	CHECK_TEXT(made("{{end}}"), ":1: unexpected {{end}}");
	CHECK_TEXT(made("\n{{else}}"), ":2: unexpected {{else}}");
	CHECK_TEXT(made("{{if .Yes}}{{else}}{{else}}{{end}}"), ":1: unexpected {{else}}");
	CHECK_TEXT(made("{{foo .Id}}"), ":1: function \"foo\" not defined");
	CHECK_TEXT(made("{{}}"), ":1: missing value for command");
	CHECK_TEXT(made("{{$x}}"), ":1: undefined variable \"$x\"");
	CHECK_TEXT(made("{{(.Id}}"), ":1: unclosed left paren");
	CHECK_TEXT(made("{{\"x}}"), ":1: unterminated quoted string");
	CHECK_TEXT(made("{{.Id .N}}"), ":1: can't give argument to non-function .Id");
	CHECK_TEXT(made("{{.a-b}}"), ":1: bad number syntax: \"-b\"");
	CHECK_TEXT(made("{{/* x"), ":1: unclosed comment");
	CHECK_TEXT(made("{{.Id}"), ":1: unexpected \"}\" in operand");
	CHECK_TEXT(made("{{.Id !}}"), ":1: unexpected \"!\" in operand");
	CHECK_TEXT(made("{{"), ":1: missing value for command");
	/* What is not reached is still read. */
	CHECK_TEXT(made("{{if .No}}{{foo}}{{end}}"), ":1: function \"foo\" not defined");
	*deep = 0;
	for (int i = 0; i < 100; i++)
		strcat(deep, "{{if 1}}");
	CHECK(template_check(deep, &e) < 0 && strstr(e.msg, "nested too deep"));
	strcpy(deep, "{{");
	for (int i = 0; i < 100; i++)
		strcat(deep, "(");
	CHECK(template_check(deep, &e) < 0 && strstr(e.msg, "nested too deep"));
	CHECK(template_check("{{range .A}}{{.B.C | json}}{{end}}", &e) == 0);
	/* 9 levels of three are few steps, 20 are too many. */
	*deep = 0;
	for (int i = 0; i < 20; i++)
		strcat(deep, "{{range $.List}}");
	for (int i = 0; i < 20; i++)
		strcat(deep, "{{end}}");
	CHECK(strstr(made(deep), "it makes too much") != NULL);
}

/* What `make` prints. */
static const char *printed(void (*make)(void))
{
	static char text[4096];
	char path[] = "/tmp/nest-listing-XXXXXX";
	int file = mkstemp(path), before;
	ssize_t n;

	fflush(stdout);
	before = dup(1);
	dup2(file, 1);
	make();
	fflush(stdout);
	dup2(before, 1);
	n = pread(file, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = 0;
	close(before);
	close(file);
	unlink(path);
	return text;
}

static const char *format, *quiet;
static int listing_code;

static void list(void)
{
	static const struct field columns[] = {{"ID", "THING ID"}, {"Name", "NAME"}, {"State", "STATE"}, {0}};
	struct listing l;
	struct err e;

	listing_code = listing_begin(&l, columns, format, "table {{.ID}}\t{{.Name}}\t{{.State}}", quiet, &e);
	if (listing_code < 0) {
		printf("%s", e.msg);
		return;
	}
	listing_row(&l, (const char *[]){"0123456789ab", "a", "up"});
	listing_row(&l, (const char *[]){"1", "a…very long name", NULL});
	listing_code = listing_end(&l, 0);
}

static const char *listed(const char *with)
{
	format = with;
	return printed(list);
}

static void listings(void)
{
	CHECK_TEXT(listed(NULL), "THING ID       NAME               STATE\n"
				 "0123456789ab   a                  up\n"
				 "1              a…very long name   \n");
	CHECK_TEXT(listed("table"), listed(NULL));
	CHECK_TEXT(listed("{{.Name}}:{{.ID}}"), "a:0123456789ab\na…very long name:1\n");
	CHECK_TEXT(listed("table {{upper .Name}}\\t{{.State}}"),
		   "NAME               STATE\nA                  up\nA…VERY LONG NAME   \n");
	CHECK_TEXT(listed("table {{json .State}}"), "STATE\n\"up\"\n\"\"\n");
	CHECK_TEXT(listed("{{.ID}}\\t{{.Name}}\\n"), "0123456789ab\ta\n\n1\ta…very long name\n\n");
	CHECK_TEXT(listed("json"), "{\"ID\":\"0123456789ab\",\"Name\":\"a\",\"State\":\"up\"}\n"
				   "{\"ID\":\"1\",\"Name\":\"a…very long name\",\"State\":\"\"}\n");
	CHECK_TEXT(listed("{{.Foo"), "template parsing error: template: :1: unclosed action");
	CHECK(listing_code < 0);
	freopen("/dev/null", "w", stderr);
	CHECK_TEXT(listed("{{.Foo}}"), "");
	CHECK(listing_code == 1);
	quiet = "ID";
	CHECK_TEXT(listed(NULL), "0123456789ab\n1\n");
	CHECK_TEXT(listed("{{.Name}}"), "a\na…very long name\n");
	quiet = NULL;
}

static bool passes(const char *filter, const char *key, const char *text)
{
	static const struct flag table[] = {{'f', "filter", FLAG_LIST, ""}, {0}};
	static struct arguments a;
	char *argv[] = {(char *)"-f", (char *)filter};

	flags_parse(table, true, 2, argv, &a, NULL);
	return filter_any(&a, key, filter_in_text, text);
}

static void filters(void)
{
	static const struct flag table[] = {{'f', "filter", FLAG_LIST, ""}, {0}};
	static const char *const known[] = {"label", "name", NULL};
	static struct arguments a;
	struct err e;
	char *bad[] = {(char *)"-f", (char *)"x"}, *unknown[] = {(char *)"-f", (char *)"color=red"};
	char *labels[] = {(char *)"-f", (char *)"label=a", (char *)"--filter", (char *)"label=b=2"};
	struct json *list = json_parse("[\"a=1\",\"b=2\"]", 13, &e), *object = json_parse("{\"a\":\"1\",\"b\":\"3\"}", 17, &e);

	CHECK(passes("name=eb", "name", "web1") && passes("name=^web", "name", "web1") && passes("name=1$", "name", "web1"));
	CHECK(passes("name=^web1$", "name", "web1") && passes("name=/web", "name", "web1") && passes("name=", "name", "web1"));
	CHECK(!passes("name=^eb", "name", "web1") && !passes("name=web$", "name", "web1") &&
	      !passes("name=web12", "name", "web1"));
	CHECK(passes("id=x", "name", "web1"));
	flags_parse(table, true, 2, bad, &a, &e);
	CHECK(filters_check(&a, known, &e) < 0 && e.code == 125);
	CHECK_TEXT(e.msg, "invalid argument \"x\" for \"-f, --filter\" flag: bad format of filter (expected name=value)");
	flags_parse(table, true, 2, unknown, &a, &e);
	CHECK(filters_check(&a, known, &e) < 0 && e.code == 1);
	CHECK_TEXT(e.msg, "invalid filter 'color'");
	flags_parse(table, true, 4, labels, &a, &e);
	CHECK(filters_check(&a, known, &e) == 0 && filter_given(&a, "label") && !filter_given(&a, "name"));
	CHECK(filter_labels(&a, list) && !filter_labels(&a, object) && !filter_labels(&a, NULL));
	json_free(list);
	json_free(object);
}

static bool filtered(const char *filter, int64_t when)
{
	static const struct flag table[] = {{'f', "filter", FLAG_LIST, ""}, {0}};
	static const char *const known[] = {"label!", "until", NULL};
	static struct arguments a;
	struct err e;
	char *argv[] = {(char *)"-f", (char *)filter};

	flags_parse(table, true, 2, argv, &a, &e);
	return filters_check(&a, known, &e) == 0 && filter_until(&a, when);
}

static void moments(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} exact[] = {
		{"2026-10-01T10:00:00Z", 1790848800000},
		{"2026-10-01T12:00:00.25+02:00", 1790848800250},
		{"2026-10-01T10:00", 1790848800000},
		{"2026-10-01", 1790812800000},
		{"1790848800", 1790848800000},
		{"1790848800.125", 1790848800125},
		{"0", 0},
	};
	static const char *const refused[] = {"",     "soon",    "1x",          "1h30",          "m",     "-1h", "0x10",
					      "1e30", "2026-10", "2026-10-01X", "2026-10-01T10", "1h 3m", "inf", "5hm"};
	int64_t now = (int64_t)time(NULL) * 1000, ms;

	for (size_t i = 0; i < array_size(exact); i++)
		CHECK(unit_moment(exact[i].text, &ms) == 0 && ms == exact[i].ms);
	for (size_t i = 0; i < array_size(refused); i++)
		CHECK(unit_moment(refused[i], &ms) < 0);
	CHECK(unit_moment("1h30m", &ms) == 0 && now - ms <= 5400000 && now - ms > 5390000);
	CHECK(unit_moment("1.5s", &ms) == 0 && unit_moment("100ms", &ms) == 0 && now - ms < 5000);
	CHECK(filtered("until=1h", now - 7200000) && !filtered("until=1h", now));
	CHECK(!filtered("until=soon", 0) && filtered("label!=a", 0));
}

static void holds(void)
{
	struct err e;
	struct json *list = json_parse("[\"a\",1,\"b\"]", 11, &e);

	CHECK(json_holds(list, "a") && json_holds(list, "b") && !json_holds(list, "1") && !json_holds(NULL, "a"));
	json_free(list);
}

int main(void)
{
	static const struct test tests[] = {TEST(fields),   TEST(conditions), TEST(loops),   TEST(functions), TEST(refused),
					    TEST(listings), TEST(filters),    TEST(moments), TEST(holds)};

	return RUN(tests);
}
