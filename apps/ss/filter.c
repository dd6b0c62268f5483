/* SPDX-License-Identifier: MIT */
/*
 * ss' filter language, as ss(8) has it: `state established`, `exclude time-wait`, and an expression
 * of `sport = :80`, `dport gt 1024`, `src 10.0.0.0/8`, `dst 10.0.0.1:80` with and, or, not and
 * parentheses. Words are cut at blanks and parentheses, so that a quoted expression is the same as
 * one without quotes. Recursion is as deep as there are nodes at most.
 */
#include "ss_int.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/num.h"

#define STATE(name) (1u << TCP_##name)
#define ALL         0xfffu /* bits 1 to 11, and 0, which nobody has */
#define BUCKET      (STATE(SYN_RECV) | STATE(TIME_WAIT))

static const struct {
	const char *name;
	uint32_t mask;
} states[] = {
	{"established", STATE(ESTABLISHED)},
	{"syn-sent", STATE(SYN_SENT)},
	{"syn-recv", STATE(SYN_RECV)},
	{"fin-wait-1", STATE(FIN_WAIT1)},
	{"fin-wait-2", STATE(FIN_WAIT2)},
	{"time-wait", STATE(TIME_WAIT)},
	{"closed", STATE(CLOSE)},
	{"unconnected", STATE(CLOSE)},
	{"close-wait", STATE(CLOSE_WAIT)},
	{"last-ack", STATE(LAST_ACK)},
	{"listening", STATE(LISTEN)},
	{"closing", STATE(CLOSING)},
	{"all", ALL},
	{"connected", ALL & ~(STATE(CLOSE) | STATE(LISTEN))},
	{"synchronized", ALL & ~(STATE(CLOSE) | STATE(LISTEN) | STATE(SYN_SENT))},
	{"bucket", BUCKET},
	{"big", ALL & ~BUCKET},
};

uint32_t filter_states(const char *name)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(states[i].name, name))
			return states[i].mask;
	return 0;
}

/* ---- words ------------------------------------------------------------------------------------
 */

#define TOKEN_BYTES 48

struct cursor {
	int n;
	char **words;
	const char *p;           /* rest of words[0], or NULL: not begun */
	char token[TOKEN_BYTES]; /* "": the end */
	const char *bad;
	unsigned depth;
};

/* The next token into c->token. */
static void advance(struct cursor *c)
{
	size_t len = 0;

	c->token[0] = '\0';
	for (;;) {
		if (!c->n)
			return;
		if (!c->p)
			c->p = c->words[0];
		while (*c->p == ' ' || *c->p == '\t')
			c->p++;
		if (*c->p)
			break;
		c->p = NULL;
		c->words++;
		c->n--;
	}
	if (strchr("()!", *c->p) && !(c->p[0] == '!' && c->p[1] == '=')) {
		c->token[len++] = *c->p++;
	} else {
		for (; *c->p && !strchr(" \t()", *c->p); c->p++)
			if (len < TOKEN_BYTES - 1)
				c->token[len++] = *c->p;
	}
	c->token[len] = '\0';
}

static bool at(const struct cursor *c, const char *a, const char *b)
{
	return !strcmp(c->token, a) || !strcmp(c->token, b);
}

/* ---- expressions: each returns a node's number, or -1 with c->bad ---------------------------- */

static int fail(struct cursor *c)
{
	if (!c->bad)
		c->bad = c->token;
	return -1;
}

static int new_node(struct filter *f, struct cursor *c, struct filter_node node)
{
	if (f->n == FILTER_NODES)
		return fail(c);
	f->node[f->n] = node;
	return f->n++;
}

static bool parse_port(const char *s, struct filter_node *node)
{
	uint64_t v;

	if (!strcmp(s, "*")) {
		node->any_port = true;
		return true;
	}
	if (!parse_number(s, 0, 65535, &v))
		return false;
	node->port = (uint16_t)v;
	return true;
}

/* "10.0.0.0/8", "10.0.0.1:80", ":80", "*:80", "*" */
static bool parse_host(const char *s, struct filter_node *node)
{
	const char *colon = strchr(s, ':'), *slash = strchr(s, '/');
	size_t len = colon ? (size_t)(colon - s) : strlen(s);
	char addr[TOKEN_BYTES];
	uint64_t bits = 32;

	node->any_port = true;
	if (colon) {
		node->any_port = false;
		if (!parse_port(colon + 1, node))
			return false;
	}
	snprintf(addr, sizeof(addr), "%.*s", (int)len, s);
	if (!addr[0] || !strcmp(addr, "*"))
		return true; /* prefix length 0: any */
	if (slash && slash < s + len) {
		addr[slash - s] = '\0';
		if (!parse_number(addr + (slash - s) + 1, 0, 32, &bits))
			return false;
	}
	node->prefixlen = (uint8_t)bits;
	return inet_pton(AF_INET, addr, &node->addr) == 1;
}

static int parse_cmp(const char *s)
{
	static const struct {
		const char *text;
		enum filter_cmp cmp;
	} ops[] = {{"=", C_EQ},   {"==", C_EQ},  {"eq", C_EQ}, {"!=", C_NE},
		   {"ne", C_NE},  {"neq", C_NE}, {"<", C_LT},  {"lt", C_LT},
		   {">", C_GT},   {"gt", C_GT},  {"<=", C_LE}, {"le", C_LE},
		   {"leq", C_LE}, {">=", C_GE},  {"ge", C_GE}, {"geq", C_GE}};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].text, s))
			return (int)ops[i].cmp;
	return -1;
}

static int parse_predicate(struct filter *f, struct cursor *c)
{
	struct filter_node node = {0};
	bool port = !strcmp(c->token, "sport") || !strcmp(c->token, "dport");
	int cmp;

	if (!port && !at(c, "src", "dst"))
		return fail(c);
	node.op = port ? (c->token[0] == 's' ? F_SPORT : F_DPORT)
		       : (c->token[0] == 's' ? F_SRC : F_DST);
	advance(c);
	cmp = parse_cmp(c->token);
	if (cmp >= 0) {
		node.cmp = (uint8_t)cmp;
		advance(c);
	}
	if (!port && cmp > C_NE)
		return fail(c);
	if (port ? !parse_port(c->token + (c->token[0] == ':'), &node)
		 : !parse_host(c->token, &node))
		return fail(c);
	advance(c);
	return new_node(f, c, node);
}

static int parse_or(struct filter *f, struct cursor *c);

static int parse_not(struct filter *f, struct cursor *c)
{
	int a;

	if (++c->depth > FILTER_NODES)
		return fail(c);
	if (at(c, "not", "!")) {
		advance(c);
		a = parse_not(f, c);
		a = a < 0 ? a : new_node(f, c, (struct filter_node){.op = F_NOT, .a = (uint16_t)a});
	} else if (at(c, "(", "(")) {
		advance(c);
		a = parse_or(f, c);
		if (a >= 0 && !at(c, ")", ")"))
			return fail(c);
		if (a >= 0)
			advance(c);
	} else {
		a = parse_predicate(f, c);
	}
	c->depth--;
	return a;
}

/* Predicates side by side are joined by "and". */
static int parse_and(struct filter *f, struct cursor *c)
{
	int a = parse_not(f, c);

	while (a >= 0 && c->token[0] && !at(c, ")", "or") && !at(c, "||", "|")) {
		struct filter_node node = {.op = F_AND, .a = (uint16_t)a};
		int b;

		if (at(c, "and", "&&") || at(c, "&", "&"))
			advance(c);
		b = parse_not(f, c);
		if (b < 0)
			return b;
		node.b = (uint16_t)b;
		a = new_node(f, c, node);
	}
	return a;
}

static int parse_or(struct filter *f, struct cursor *c)
{
	int a = parse_and(f, c);

	while (a >= 0 && (at(c, "or", "||") || at(c, "|", "|"))) {
		struct filter_node node = {.op = F_OR, .a = (uint16_t)a};
		int b;

		advance(c);
		b = parse_and(f, c);
		if (b < 0)
			return b;
		node.b = (uint16_t)b;
		a = new_node(f, c, node);
	}
	return a;
}

int filter_parse(struct filter *f, int n, char **words, const char **bad)
{
	struct cursor c = {.n = n, .words = words};
	int root;

	*bad = NULL;
	f->n = 0;
	f->has_expression = false;
	for (; c.n > 0 && (!strcmp(c.words[0], "state") || !strcmp(c.words[0], "exclude"));
	     c.words += 2, c.n -= 2) {
		bool only = c.words[0][0] == 's';
		uint32_t mask = c.n > 1 ? filter_states(c.words[1]) : 0;

		if (!mask) {
			*bad = c.n > 1 ? c.words[1] : NULL;
			return -1;
		}
		if (only)
			f->states = f->states_set ? f->states | mask : mask;
		else
			f->states = f->states_set ? f->states & ~mask : ALL & ~mask;
		f->states_set = true;
	}
	advance(&c);
	if (!c.token[0])
		return 0;
	root = parse_or(f, &c);
	if (root < 0 || c.token[0]) {
		*bad = c.token[0] ? words[n - 1] : NULL;
		return -1;
	}
	f->root = (uint16_t)root;
	f->has_expression = true;
	return 0;
}

/* ---- matching ----------------------------------------------------------------------------------
 */

static bool compare(enum filter_cmp cmp, unsigned a, unsigned b)
{
	switch (cmp) {
	case C_EQ:
		return a == b;
	case C_NE:
		return a != b;
	case C_LT:
		return a < b;
	case C_GT:
		return a > b;
	case C_LE:
		return a <= b;
	case C_GE:
		return a >= b;
	}
	return false;
}

static bool in_prefix(uint32_t addr, const struct filter_node *node)
{
	uint32_t mask = node->prefixlen ? htonl(~0u << (32 - node->prefixlen)) : 0;

	return !((addr ^ node->addr) & mask);
}

static bool match_node(const struct filter *f, unsigned i, const struct inet_diag_msg *m)
{
	const struct filter_node *node = &f->node[i];
	unsigned sport = ntohs(m->id.idiag_sport), dport = ntohs(m->id.idiag_dport);
	bool same;

	switch ((enum filter_op)node->op) {
	case F_AND:
		return match_node(f, node->a, m) && match_node(f, node->b, m);
	case F_OR:
		return match_node(f, node->a, m) || match_node(f, node->b, m);
	case F_NOT:
		return !match_node(f, node->a, m);
	case F_SPORT:
		return node->any_port || compare((enum filter_cmp)node->cmp, sport, node->port);
	case F_DPORT:
		return node->any_port || compare((enum filter_cmp)node->cmp, dport, node->port);
	case F_SRC:
		same = in_prefix(m->id.idiag_src[0], node) &&
		       (node->any_port || sport == node->port);
		return same == (node->cmp == C_EQ);
	case F_DST:
		same = in_prefix(m->id.idiag_dst[0], node) &&
		       (node->any_port || dport == node->port);
		return same == (node->cmp == C_EQ);
	}
	return false;
}

bool filter_match(const struct filter *f, const struct inet_diag_msg *m)
{
	return f->states >> m->idiag_state & 1 && (!f->has_expression || match_node(f, f->root, m));
}
