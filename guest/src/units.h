/* Sizes and times in docker's words. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* 4270000 → "4.27MB": decimal units, `digits` significant ones. */
void unit_size(char *text, size_t size, double bytes, int digits);
/* Seconds → "About a minute", "3 hours". */
void unit_duration(char *text, size_t size, int64_t seconds);
/* Unix seconds → "3 hours ago"; "N/A" for 0. */
void unit_ago(char *text, size_t size, int64_t when);
/* RFC 3339 → unix seconds; 0 when it is none. */
int64_t unit_parse_time(const char *text);
/* As --since takes it: a date, unix seconds, or how long ago ("1h30m") → unix ms. -1 when it is none of them. */
int unit_moment(const char *text, int64_t *ms);
/* Unix ms → RFC 3339 with nanoseconds, docker's zero time for 0. */
void unit_time(char *text, size_t size, int64_t ms);
/* Unix seconds → "2026-11-21 13:52:54 +0000 UTC". */
void unit_date(char *text, size_t size, int64_t seconds);
