/* SPDX-License-Identifier: MIT */
/*
 * Which congestion control a socket has: the modules there are (each registers itself in a linker
 * section), the net's default, which ones applications may choose (net.ipv4.tcp_congestion_control,
 * tcp_available_..., tcp_allowed_congestion_control), TCP_CONGESTION. Socket lock held.
 */
#include <lib/printf.h>

#include "tcp_int.h"

extern const struct tcp_congestion_ops *const __start_tcp_cong_modules[] __weak;
extern const struct tcp_congestion_ops *const __stop_tcp_cong_modules[] __weak;

static unsigned module_count(void)
{
	return (unsigned)(__stop_tcp_cong_modules - __start_tcp_cong_modules);
}

const struct tcp_congestion_ops *tcp_ca_find(const char *name)
{
	for (unsigned i = 0; i < module_count(); i++)
		if (!strcmp(__start_tcp_cong_modules[i]->name, name))
			return __start_tcp_cong_modules[i];
	return NULL;
}

static u32 module_bit(const struct tcp_congestion_ops *ops)
{
	for (unsigned i = 0; i < module_count(); i++)
		if (__start_tcp_cong_modules[i] == ops)
			return 1u << i;
	return 0;
}

/* ---- a socket's module ------------------------------------------------------------------------
 */

static void clear_private(struct tcp_sock *tp)
{
	memset(tp->ca_priv, 0, sizeof(tp->ca_priv));
	tp->ca_started = false;
}

static void set_ect(struct sock *sk)
{
	if (tcp_ca_needs_ecn(sk))
		tcp_ecn_set_ect(sk);
	else
		tcp_ecn_clear_ect(sk);
}

void tcp_cc_assign(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->ca_ops || !tp->ca_chosen)
		tp->ca_ops = READ_ONCE(tcp_net(sk)->tcp_congestion_control);
	clear_private(tp);
	set_ect(sk);
}

void tcp_cc_start(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_started)
		return;
	tp->prior_ssthresh = 0;
	tp->ca_started = true;
	if (tp->ca_ops->init)
		tp->ca_ops->init(sk);
	set_ect(sk);
}

void tcp_cc_stop(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_started && tp->ca_ops->release)
		tp->ca_ops->release(sk);
	tp->ca_started = false;
}

int tcp_cc_set(struct sock *sk, const char *name)
{
	const struct tcp_congestion_ops *ops = tcp_ca_find(name);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!ops)
		return -ENOENT;
	tp->ca_chosen = true;
	if (ops == tp->ca_ops)
		return 0;
	tcp_cc_stop(sk);
	tp->ca_ops = ops;
	clear_private(tp);
	set_ect(sk);
	if (!tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)))
		tcp_cc_start(sk);
	return 0;
}

/* ---- settings ----------------------------------------------------------------------------------
 */

static int read_default(const struct ctl_table *t, void *data, char *text, size_t size)
{
	const struct netns_tcp *nt = data;

	(void)t;
	return scnprintf(text, size, "%s", nt->tcp_congestion_control->name);
}

/* The next word of *text into name; false: none left, or too long to be a name. */
static bool next_name(const char **text, char name[TCP_CA_NAME_MAX])
{
	const char *p = *text;
	size_t n = 0;

	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	while (p[n] && p[n] != ' ' && p[n] != '\t' && p[n] != '\n')
		n++;
	if (!n || n >= TCP_CA_NAME_MAX)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	*text = p + n;
	return true;
}

static int write_default(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	const struct tcp_congestion_ops *ops;
	struct netns_tcp *nt = data;
	char name[TCP_CA_NAME_MAX];

	(void)t;
	(void)len;
	ops = next_name(&text, name) ? tcp_ca_find(name) : NULL;
	if (!ops)
		return -ENOENT;
	WRITE_ONCE(nt->tcp_congestion_control, ops);
	nt->tcp_cc_allowed |= module_bit(ops);
	return 0;
}

static int print_names(u32 mask, char *text, size_t size)
{
	int len = 0;

	for (unsigned i = 0; i < module_count(); i++)
		if (mask & 1u << i)
			len += scnprintf(text + len, size - (size_t)len, "%s%s", len ? " " : "",
					 __start_tcp_cong_modules[i]->name);
	return len;
}

static int read_available(const struct ctl_table *t, void *data, char *text, size_t size)
{
	(void)t;
	(void)data;
	return print_names(~0u, text, size);
}

static int read_allowed(const struct ctl_table *t, void *data, char *text, size_t size)
{
	const struct netns_tcp *nt = data;

	(void)t;
	return print_names(nt->tcp_cc_allowed, text, size);
}

static int write_allowed(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	struct netns_tcp *nt = data;
	char name[TCP_CA_NAME_MAX];
	u32 mask = 0;

	(void)t;
	(void)len;
	while (next_name(&text, name)) {
		const struct tcp_congestion_ops *ops = tcp_ca_find(name);

		if (!ops)
			return -ENOENT;
		mask |= module_bit(ops);
	}
	nt->tcp_cc_allowed = mask;
	return 0;
}

static const struct ctl_ops ctl_default = {.read = read_default, .write = write_default};
static const struct ctl_ops ctl_available = {.read = read_available};
static const struct ctl_ops ctl_allowed = {.read = read_allowed, .write = write_allowed};

static const struct ctl_table cc_table[] = {
	{.name = "tcp_congestion_control", .count = 1, .mode = 0644, .ops = &ctl_default},
	{.name = "tcp_available_congestion_control",
	 .count = 1,
	 .mode = 0444,
	 .ops = &ctl_available},
	{.name = "tcp_allowed_congestion_control", .count = 1, .mode = 0644, .ops = &ctl_allowed},
};

void tcp_cc_net_init(struct netns_tcp *nt)
{
	nt->tcp_congestion_control = tcp_ca_find("cubic");
	nt->tcp_cc_allowed = module_bit(&tcp_reno) | module_bit(nt->tcp_congestion_control);
	sysctl_register(&nt->cc_ctl, "net/ipv4", cc_table, ARRAY_SIZE(cc_table), nt);
}
