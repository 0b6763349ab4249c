#include <stdio.h>
#include "io.h"
#include "names.h"

static const char *const adjectives[] = {
	"amber",  "brave",  "bright", "calm",    "candid",  "careful", "cheerful", "clever", "cosy",   "curious",
	"daring", "eager",  "fair",   "fluent",  "frank",   "fresh",   "gentle",   "glad",   "golden", "happy",
	"honest", "humble", "jolly",  "keen",    "kind",    "lively",  "lucid",    "lucky",  "merry",  "mellow",
	"modest", "neat",   "nimble", "noble",   "patient", "polite",  "proud",    "quick",  "quiet",  "ready",
	"serene", "sharp",  "silent", "sincere", "smart",   "steady",  "sunny",    "swift",  "tender", "tidy",
	"upbeat", "vivid",  "warm",   "wise",    "witty",   "zealous",
};
/* People without whom there would be no computers, kernels or containers. */
static const char *const surnames[] = {
	"babbage",   "lovelace",  "turing",    "hopper",    "neumann",   "shannon",    "zuse",      "knuth",   "dijkstra",
	"hoare",     "liskov",    "lamport",   "ritchie",   "thompson",  "kernighan",  "pike",      "mcilroy", "torvalds",
	"stallman",  "tanenbaum", "cerf",      "kahn",      "postel",    "perlman",    "engelbart", "kay",     "sutherland",
	"licklider", "backus",    "mccarthy",  "minsky",    "wirth",     "stroustrup", "hamilton",  "johnson", "goldberg",
	"allen",     "bartik",    "holberton", "antonelli", "clarke",    "diffie",     "hellman",   "rivest",  "shamir",
	"adleman",   "merkle",    "gosling",   "rossum",    "matsumoto", "wall",       "berners",   "codd",    "gray",
	"boole",     "leibniz",   "pascal",    "jacquard",  "hollerith", "aiken",      "eckert",    "mauchly", "wilkes",
	"strachey",  "naur",      "nygaard",
};

void name_make(char *name, size_t size, unsigned seed, unsigned attempt)
{
	const char *adjective = adjectives[seed % array_size(adjectives)];
	const char *surname = surnames[seed / array_size(adjectives) % array_size(surnames)];

	if (attempt)
		snprintf(name, size, "%s_%s%u", adjective, surname, attempt);
	else
		snprintf(name, size, "%s_%s", adjective, surname);
}
