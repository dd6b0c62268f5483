/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON (RFC 8259) where it lies, without a tree: a value is a pointer to its first
 * character. The text is checked once by json_valid(); the others then need no error path.
 */
#ifndef APPS_LIB_JSON_H
#define APPS_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is text one JSON value, nested no deeper than 16, and nothing behind it? */
bool json_valid(const char *text);

/* The value of key in an object; NULL: it is not there, or this is no object. */
const char *json_get(const char *object, const char *key);
/* The first element of an array / the one behind v in its array; NULL: there is none. */
const char *json_first(const char *array);
const char *json_next(const char *v);

/* A number in units of 1/scale (a power of ten), rounded towards zero; def: v is NULL or no number,
 * or out of range. true is 1, false is 0. */
int64_t json_number(const char *v, int64_t scale, int64_t def);
bool json_true(const char *v);
/* A string's text, cut to what fits; escapes other than \u are resolved. False: no string. */
bool json_string(const char *v, char *buf, size_t size);

#endif
