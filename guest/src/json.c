#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "memory.h"
#include "number.h"
#include "utf8.h"

enum { DEPTH_MAX = 32, TEXT_MAX = 1 << 20, VALUES_MAX = 65536, CHUNK = 4096 };

/* --- arena: everything of a document dies at once */

struct chunk {
	struct chunk *next;
	size_t used, size;
	alignas(struct json) char data[];
};

struct document {
	struct json root; /* first, so that the document is its root */
	struct chunk *chunks;
};

struct parser {
	const char *at, *end, *start;
	struct document *document;
	size_t values;
	unsigned depth;
	struct err *e;
};

static void *take(struct parser *p, size_t size)
{
	struct chunk *c = p->document->chunks;

	size = (size + alignof(struct json) - 1) & ~(alignof(struct json) - 1);
	if (!c || c->size - c->used < size) {
		/* Three times the text is what most take, and what is kept for long should be small. */
		size_t room = (size_t)(p->end - p->start) * (c ? 1 : 3);

		room = room > CHUNK ? CHUNK : room;
		room = room < size ? size : room;

		c = malloc(sizeof(*c) + room);
		if (!c) {
			err_errno(p->e, 125, "JSON");
			return NULL;
		}
		*c = (struct chunk){.next = p->document->chunks, .size = room};
		p->document->chunks = c;
	}
	void *taken = c->data + c->used;

	c->used += size;
	return taken;
}

void json_free(struct json *document)
{
	struct document *d = (struct document *)document;

	if (!d)
		return;
	for (struct chunk *c = d->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(d);
}

/* --- parser */

static int bad(struct parser *p, const char *what)
{
	return err_set(p->e, 125, "bad JSON at byte %zu: %s", (size_t)(p->at - p->start), what);
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool accept_char(struct parser *p, char c)
{
	if (p->at >= p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static int hex4(struct parser *p, unsigned *code)
{
	*code = 0;
	if (p->end - p->at < 4)
		return bad(p, "unfinished \\u");
	for (int i = 0; i < 4; i++) {
		char c = *p->at++;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (unsigned)((c | 0x20) - 'a' + 10);
		else
			return bad(p, "\\u without four hex digits");
		*code = *code << 4 | digit;
	}
	return 0;
}

/* After "\u". A lone surrogate becomes U+FFFD: JavaScript strings may hold one. */
static int parse_unicode(struct parser *p, unsigned *code)
{
	if (hex4(p, code) < 0)
		return -1;
	if (*code >= 0xd800 && *code <= 0xdbff && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
		const char *back = p->at;
		unsigned second;

		p->at += 2;
		if (hex4(p, &second) < 0)
			return -1;
		if (second >= 0xdc00 && second <= 0xdfff) {
			*code = 0x10000 + ((*code - 0xd800) << 10) + (second - 0xdc00);
			return 0;
		}
		p->at = back;
	}
	if (*code >= 0xd800 && *code <= 0xdfff)
		*code = 0xfffd;
	if (*code == 0)
		return bad(p, "a string holds NUL");
	return 0;
}

static int parse_string(struct parser *p, const char **string, size_t *length)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (!accept_char(p, '"'))
		return bad(p, "a string expected");
	const char *close = p->at;

	while (close < p->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= p->end)
		return bad(p, "unfinished string");
	/* Escapes only shrink: \uXXXX is 6 bytes for at most 3, a pair 12 for 4. */
	char *out = take(p, (size_t)(close - p->at) + 1), *put = out;

	if (!out)
		return -1;
	while (*p->at != '"') {
		unsigned char c = (unsigned char)*p->at;
		size_t plain = utf8_plain(p->at, (size_t)(close - p->at));

		if (plain) {
			memcpy(put, p->at, plain);
			put += plain;
			p->at += plain;
			continue;
		}

		if (c < 0x20)
			return bad(p, "control character in a string");
		if (c == '\\') {
			p->at++;
			char escape = *p->at;
			const char *known = escape ? strchr(from, escape) : NULL;

			p->at++;
			if (known) {
				*put++ = to[known - from];
			} else if (escape == 'u') {
				unsigned code;

				if (parse_unicode(p, &code) < 0)
					return -1;
				put = utf8_put(put, code);
			} else {
				return bad(p, "unknown escape");
			}
			continue;
		}
		unsigned n = utf8_length((const unsigned char *)p->at, (size_t)(p->end - p->at));

		if (!n)
			return bad(p, "not UTF-8");
		memcpy(put, p->at, n);
		put += n;
		p->at += n;
	}
	p->at++;
	*put = 0;
	*string = out;
	*length = (size_t)(put - out);
	return 0;
}

static const char *digits(const char *s, const char *end)
{
	while (s < end && *s >= '0' && *s <= '9')
		s++;
	return s;
}

static int parse_number(struct parser *p, double *number)
{
	const char *s = p->at, *whole;
	char text[64];

	if (s < p->end && *s == '-')
		s++;
	whole = s;
	s = digits(s, p->end);
	if (s == whole || (*whole == '0' && s - whole > 1))
		return bad(p, "a value expected");
	if (s < p->end && *s == '.') {
		const char *fraction = ++s;

		s = digits(s, p->end);
		if (s == fraction)
			return bad(p, "no digits after the point");
	}
	if (s < p->end && (*s == 'e' || *s == 'E')) {
		s++;
		if (s < p->end && (*s == '+' || *s == '-'))
			s++;
		const char *exponent = s;

		s = digits(s, p->end);
		if (s == exponent)
			return bad(p, "no digits in the exponent");
	}
	if ((size_t)(s - p->at) >= sizeof(text))
		return bad(p, "number too long");
	memcpy(text, p->at, (size_t)(s - p->at));
	text[s - p->at] = 0;
	whole = text + (*text == '-');
	*number = number_parse(&whole);
	if (*text == '-')
		*number = -*number;
	if (fabs(*number) > 1e308)
		return bad(p, "number too large");
	p->at = s;
	return 0;
}

static int parse_value(struct parser *p, struct json *value);

/* Members of an object or items of an array, after the opening bracket. */
static int parse_children(struct parser *p, struct json *parent)
{
	bool object = parent->kind == JSON_OBJECT;
	char close = object ? '}' : ']';
	struct json **tail = &parent->first;

	if (++p->depth > DEPTH_MAX)
		return bad(p, "nested too deep");
	skip_space(p);
	if (!accept_char(p, close)) {
		do {
			struct json *child = take(p, sizeof(*child));
			size_t key_length;

			if (!child)
				return -1;
			if (++p->values > VALUES_MAX)
				return bad(p, "too many values");
			*child = (struct json){0};
			skip_space(p);
			if (object) {
				if (parse_string(p, &child->key, &key_length) < 0)
					return -1;
				skip_space(p);
				if (!accept_char(p, ':'))
					return bad(p, "':' expected");
			}
			if (parse_value(p, child) < 0)
				return -1;
			*tail = child;
			tail = &child->next;
			parent->length++;
			skip_space(p);
		} while (accept_char(p, ','));
		if (!accept_char(p, close))
			return bad(p, object ? "',' or '}' expected" : "',' or ']' expected");
	}
	p->depth--;
	return 0;
}

static bool accept_word(struct parser *p, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
		return false;
	p->at += length;
	return true;
}

static int parse_value(struct parser *p, struct json *value)
{
	skip_space(p);
	if (p->at >= p->end)
		return bad(p, "a value expected");
	switch (*p->at) {
	case '{':
	case '[':
		value->kind = *p->at++ == '{' ? JSON_OBJECT : JSON_ARRAY;
		value->first = NULL;
		return parse_children(p, value);
	case '"':
		value->kind = JSON_STRING;
		return parse_string(p, &value->string, &value->length);
	case 't':
	case 'f':
		value->kind = JSON_BOOL;
		value->boolean = *p->at == 't';
		return accept_word(p, value->boolean ? "true" : "false") ? 0 : bad(p, "a value expected");
	case 'n':
		value->kind = JSON_NULL;
		return accept_word(p, "null") ? 0 : bad(p, "a value expected");
	default:
		value->kind = JSON_NUMBER;
		return parse_number(p, &value->number);
	}
}

struct json *json_parse(const char *text, size_t length, struct err *e)
{
	struct parser p = {.at = text, .start = text, .end = text + length, .e = e};

	if (length > TEXT_MAX) {
		err_set(e, 125, "bad JSON: %zu bytes are too many", length);
		return NULL;
	}
	p.document = calloc(1, sizeof(*p.document));
	if (!p.document) {
		err_errno(e, 125, "JSON");
		return NULL;
	}
	if (parse_value(&p, &p.document->root) == 0) {
		skip_space(&p);
		if (p.at == p.end) {
			struct chunk *c = p.document->chunks;

			if (c) {
				c->size = c->used;
				memory_shrink(c, sizeof(*c) + c->used);
			}
			return &p.document->root;
		}
		bad(&p, "text after the value");
	}
	json_free(&p.document->root);
	return NULL;
}

/* --- lookups */

const struct json *json_get(const struct json *object, const char *key)
{
	if (!object || object->kind != JSON_OBJECT)
		return NULL;
	json_each(member, object)
		if (strcmp(member->key, key) == 0)
			return member;
	return NULL;
}

const char *json_text(const struct json *object, const char *key)
{
	return json_string_or(object, key, "");
}

const char *json_string_or(const struct json *object, const char *key, const char *fallback)
{
	const struct json *member = json_get(object, key);

	return member && member->kind == JSON_STRING ? member->string : fallback;
}

double json_number(const struct json *object, const char *key, double fallback)
{
	const struct json *member = json_get(object, key);

	return member && member->kind == JSON_NUMBER ? member->number : fallback;
}

int64_t json_whole(const struct json *object, const char *key, int fallback)
{
	double number = json_number(object, key, fallback);

	return number >= 0x1p63 ? INT64_MAX : number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

bool json_bool(const struct json *object, const char *key, bool fallback)
{
	const struct json *member = json_get(object, key);

	return member && member->kind == JSON_BOOL ? member->boolean : fallback;
}

bool json_holds(const struct json *array, const char *text)
{
	json_each(item, array && array->kind == JSON_ARRAY ? array : NULL)
		if (item->kind == JSON_STRING && strcmp(item->string, text) == 0)
			return true;
	return false;
}
