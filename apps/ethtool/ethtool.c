/* SPDX-License-Identifier: MIT */
/*
 * ethtool: link, offloads (-k, -K), statistics (-S), driver (-i), rings (-g), queues (-l, -L),
 * receive side scaling (-x, -X), receive rings (-n), held-back interrupts (-c, -C).
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct tool {
	int fd;
	const char *dev;
};

/* One request; data begins with the command. What the ioctl returns, or -1 with errno. */
static int ask(const struct tool *t, void *data)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	strncpy(ifr.ifr_name, t->dev, sizeof(ifr.ifr_name) - 1);
	ifr.ifr_data = data;
	return ioctl(t->fd, SIOCETHTOOL, &ifr);
}

static int fail(const char *what)
{
	fprintf(stderr, "ethtool: %s: %s\n", what, strerror(errno));
	return 1;
}

/* A number below 65536, or -1. */
static long decimal(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	return *s && !*end && v >= 0 && v < 65536 ? v : -1;
}

static int usage(void)
{
	fprintf(stderr, "usage: ethtool [-k | -S | -i | -g | -l | -x | -n | -c] DEV\n"
			"       ethtool -K DEV FEATURE on|off ...\n"
			"       ethtool -C DEV [adaptive-rx on|off] [rx-usecs N] [rx-frames N]\n"
			"                     [tx-usecs N] [tx-frames N]\n"
			"       ethtool -L DEV combined N\n"
			"       ethtool -X DEV [hkey XX:XX...] [start N] "
			"[equal N | weight W0 W1 ... | default]\n");
	return 2;
}

/* ---- names of a string set ------------------------------------------------------------------ */

/* How many strings the set has; 0: none, or no such set. */
static uint32_t sset_count(const struct tool *t, unsigned set)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t n;
	} req = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << set}};

	return ask(t, &req) < 0 || !req.head.sset_mask ? 0 : req.n;
}

/* The set's strings, to be freed. NULL: none. */
static struct ethtool_gstrings *sset_strings(const struct tool *t, unsigned set)
{
	uint32_t n = sset_count(t, set);
	struct ethtool_gstrings *g = calloc(1, sizeof(*g) + (size_t)n * ETH_GSTRING_LEN);

	if (!g)
		return NULL;
	g->cmd = ETHTOOL_GSTRINGS;
	g->string_set = set;
	g->len = n;
	if (n && ask(t, g) >= 0 && g->len)
		return g;
	free(g);
	return NULL;
}

static const char *string_at(const struct ethtool_gstrings *g, uint32_t i)
{
	return (const char *)g->data + (size_t)i * ETH_GSTRING_LEN;
}

/* ---- offloads ------------------------------------------------------------------------------- */

/* The names of old and what they stand for: one of several bits of today, or all of a group. */
static const struct group {
	const char *title, *word;
	const char *members[4];
} groups[] = {
	{"rx-checksumming", "rx", {"rx-checksum"}},
	{"tx-checksumming",
	 "tx",
	 {"tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6"}},
	{"scatter-gather", "sg", {"tx-scatter-gather", "tx-scatter-gather-fraglist"}},
	{"tcp-segmentation-offload",
	 "tso",
	 {"tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp6-segmentation"}},
	{"generic-segmentation-offload", "gso", {"tx-generic-segmentation"}},
	{"generic-receive-offload", "gro", {"rx-gro"}},
	{"receive-hashing", "rxhash", {"rx-hashing"}},
};
#define NGROUPS (sizeof(groups) / sizeof(groups[0]))

struct features {
	struct ethtool_gstrings *names;
	struct ethtool_get_features_block b;
};

static int read_features(const struct tool *t, struct features *f)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block b;
	} req = {.head = {.cmd = ETHTOOL_GFEATURES, .size = 1}};

	f->names = sset_strings(t, ETH_SS_FEATURES);
	if (!f->names || ask(t, &req) < 0)
		return fail("features");
	f->b = req.b;
	return 0;
}

static bool in_group(const struct group *g, const char *name)
{
	for (unsigned i = 0; i < 4 && g->members[i]; i++)
		if (!strcmp(g->members[i], name))
			return true;
	return false;
}

/* Bits that a word means: a bit's own name, or an old word or title. 0: unknown. */
static uint32_t word_bits(const struct features *f, const char *word)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < f->names->len; i++) {
		const char *name = string_at(f->names, i);
		bool meant = !strcmp(name, word);

		for (unsigned g = 0; g < NGROUPS && !meant; g++)
			meant = (!strcmp(groups[g].word, word) || !strcmp(groups[g].title, word)) &&
				in_group(&groups[g], name);
		bits |= (uint32_t)meant << i;
	}
	return bits;
}

static void print_feature(const struct features *f, const char *indent, const char *name,
			  uint32_t bits)
{
	bool fixed = !(bits & f->b.available), on = bits & f->b.active;
	bool wish = !fixed && on != !!(bits & f->b.requested & f->b.available);

	printf("%s%s: %s%s%s\n", indent, name, on ? "on" : "off", fixed ? " [fixed]" : "",
	       wish ? on ? " [requested off]" : " [requested on]" : "");
}

static int show_features(const struct tool *t)
{
	struct features f;
	uint32_t shown = 0;

	if (read_features(t, &f))
		return 1;
	printf("Features for %s:\n", t->dev);
	for (unsigned g = 0; g < NGROUPS; g++) {
		uint32_t bits = word_bits(&f, groups[g].word);

		shown |= bits;
		print_feature(&f, "", groups[g].title, bits);
		for (uint32_t i = 0; groups[g].members[1] && i < f.names->len; i++)
			if (bits >> i & 1)
				print_feature(&f, "\t", string_at(f.names, i), 1u << i);
	}
	for (uint32_t i = 0; i < f.names->len; i++)
		if (!(shown >> i & 1))
			print_feature(&f, "", string_at(f.names, i), 1u << i);
	free(f.names);
	return 0;
}

/* What else changed, since one offload rests on another. */
static void print_changes(const struct tool *t, const struct features *before, uint32_t asked)
{
	struct features after;

	if (read_features(t, &after))
		return;
	for (uint32_t i = 0; i < after.names->len; i++)
		if ((before->b.active ^ after.b.active) & ~asked & 1u << i)
			print_feature(&after, "Also changed: ", string_at(after.names, i), 1u << i);
	free(after.names);
}

static int set_features(const struct tool *t, int argc, char **argv)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block b;
	} req = {.head = {.cmd = ETHTOOL_SFEATURES, .size = 1}};
	struct features f;
	int ret, status = 0;

	if (read_features(t, &f))
		return 1;
	for (int i = 0; i + 1 < argc; i += 2) {
		uint32_t bits = word_bits(&f, argv[i]);
		bool on = !strcmp(argv[i + 1], "on");

		if (!bits || (!on && strcmp(argv[i + 1], "off"))) {
			fprintf(stderr, "ethtool: %s %s: bad command line argument\n", argv[i],
				argv[i + 1]);
			free(f.names);
			return 2;
		}
		if (!(bits & f.b.available)) {
			fprintf(stderr, "Cannot change %s: it is fixed\n", argv[i]);
			status = 1;
		}
		req.b.valid |= bits & f.b.available;
		req.b.requested = on ? req.b.requested | bits : req.b.requested & ~bits;
	}
	ret = ask(t, &req);
	if (ret < 0)
		status = fail("cannot set features");
	else if (ret & ETHTOOL_F_WISH)
		printf("Actual changes differ from what was asked for: see ethtool -k %s\n",
		       t->dev);
	print_changes(t, &f, req.b.valid);
	free(f.names);
	return status;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static int show_stats(const struct tool *t)
{
	struct ethtool_gstrings *names = sset_strings(t, ETH_SS_STATS);
	struct ethtool_stats *s;
	int status = 0;

	if (!names) {
		printf("no stats available\n");
		return 1;
	}
	s = calloc(1, sizeof(*s) + names->len * sizeof(s->data[0]));
	if (s) {
		s->cmd = ETHTOOL_GSTATS;
		s->n_stats = names->len;
	}
	if (!s || ask(t, s) < 0) {
		status = fail("statistics");
	} else {
		printf("NIC statistics:\n");
		for (uint32_t i = 0; i < s->n_stats; i++)
			printf("     %s: %llu\n", string_at(names, i),
			       (unsigned long long)s->data[i]);
	}
	free(s);
	free(names);
	return status;
}

static int show_driver(const struct tool *t)
{
	struct ethtool_drvinfo d = {.cmd = ETHTOOL_GDRVINFO};

	if (ask(t, &d) < 0)
		return fail("driver information");
	printf("driver: %s\nversion: %s\nfirmware-version: %s\nexpansion-rom-version: %s\n"
	       "bus-info: %s\nsupports-statistics: %s\nsupports-test: no\n"
	       "supports-eeprom-access: no\nsupports-register-dump: no\n"
	       "supports-priv-flags: no\n",
	       d.driver, d.version, d.fw_version, d.erom_version, d.bus_info,
	       d.n_stats ? "yes" : "no");
	return 0;
}

static int show_rings(const struct tool *t)
{
	struct ethtool_ringparam r = {.cmd = ETHTOOL_GRINGPARAM};

	if (ask(t, &r) < 0)
		return fail("ring parameters");
	printf("Ring parameters for %s:\nPre-set maximums:\nRX:\t\t%u\nTX:\t\t%u\n"
	       "Current hardware settings:\nRX:\t\t%u\nTX:\t\t%u\n",
	       t->dev, r.rx_max_pending, r.tx_max_pending, r.rx_pending, r.tx_pending);
	return 0;
}

static int show_coalesce(const struct tool *t)
{
	struct ethtool_coalesce c = {.cmd = ETHTOOL_GCOALESCE};

	if (ask(t, &c) < 0)
		return fail("coalesce parameters");
	printf("Coalesce parameters for %s:\nAdaptive RX: %s  TX: n/a\nrx-usecs:\t%u\n"
	       "rx-frames:\t%u\ntx-usecs:\t%u\ntx-frames:\t%u\n",
	       t->dev, c.use_adaptive_rx_coalesce ? "on" : "off", c.rx_coalesce_usecs,
	       c.rx_max_coalesced_frames, c.tx_coalesce_usecs, c.tx_max_coalesced_frames);
	return 0;
}

static int set_coalesce(const struct tool *t, int argc, char **argv)
{
	struct ethtool_coalesce c = {.cmd = ETHTOOL_GCOALESCE};

	if (argc % 2)
		return usage();
	if (ask(t, &c) < 0)
		return fail("coalesce parameters");
	for (int i = 0; i < argc; i += 2) {
		bool on = !strcmp(argv[i + 1], "on");
		long n = decimal(argv[i + 1]);

		if (!strcmp(argv[i], "adaptive-rx") && (on || !strcmp(argv[i + 1], "off")))
			c.use_adaptive_rx_coalesce = on;
		else if (!strcmp(argv[i], "rx-usecs") && n >= 0)
			c.rx_coalesce_usecs = (uint32_t)n;
		else if (!strcmp(argv[i], "rx-frames") && n >= 0)
			c.rx_max_coalesced_frames = (uint32_t)n;
		else if (!strcmp(argv[i], "tx-usecs") && n >= 0)
			c.tx_coalesce_usecs = (uint32_t)n;
		else if (!strcmp(argv[i], "tx-frames") && n >= 0)
			c.tx_max_coalesced_frames = (uint32_t)n;
		else
			return usage();
	}
	c.cmd = ETHTOOL_SCOALESCE;
	return ask(t, &c) < 0 ? fail("cannot set coalesce parameters") : 0;
}

static int show_channels(const struct tool *t)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};

	if (ask(t, &c) < 0)
		return fail("channels");
	printf("Channel parameters for %s:\nPre-set maximums:\nCombined:\t%u\n"
	       "Current hardware settings:\nCombined:\t%u\n",
	       t->dev, c.max_combined, c.combined_count);
	return 0;
}

static int set_channels(const struct tool *t, int argc, char **argv)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS}, was;

	if (argc % 2)
		return usage();
	if (ask(t, &c) < 0)
		return fail("channels");
	was = c;
	for (int i = 0; i < argc; i += 2) {
		long n = decimal(argv[i + 1]);
		uint32_t *count = !strcmp(argv[i], "combined") ? &c.combined_count
				  : !strcmp(argv[i], "rx")     ? &c.rx_count
				  : !strcmp(argv[i], "tx")     ? &c.tx_count
				  : !strcmp(argv[i], "other")  ? &c.other_count
							       : NULL;

		if (!count || n < 0)
			return usage();
		*count = (uint32_t)n;
	}
	if (!memcmp(&c, &was, sizeof(c))) {
		fprintf(stderr, "no channel parameters changed\n");
		return 0;
	}
	c.cmd = ETHTOOL_SCHANNELS;
	return ask(t, &c) < 0 ? fail("cannot set device channel parameters") : 0;
}

/* Receive rings, or -1. */
static int64_t rx_rings(const struct tool *t)
{
	struct ethtool_rxnfc r = {.cmd = ETHTOOL_GRXRINGS};

	return ask(t, &r) < 0 ? -1 : (int64_t)r.data;
}

static int show_rx_rings(const struct tool *t)
{
	int64_t n = rx_rings(t);

	if (n < 0)
		return fail("receive rings");
	printf("%lld RX rings available\nTotal 0 rules\n", (long long)n);
	return 0;
}

static void print_rss(const struct tool *t, const struct ethtool_rxfh *r)
{
	const uint8_t *key = (const uint8_t *)(r->rss_config + r->indir_size);

	printf("RX flow hash indirection table for %s with %lld RX ring(s):", t->dev,
	       (long long)rx_rings(t));
	for (uint32_t i = 0; i < r->indir_size; i++) {
		if (i % 8 == 0)
			printf("\n%5u: ", i);
		printf(" %5u", r->rss_config[i]);
	}
	printf("\nRSS hash key:\n");
	for (uint32_t i = 0; i < r->key_size; i++)
		printf("%s%02x", i ? ":" : "", key[i]);
	printf("\nRSS hash function:\n    toeplitz: %s\n",
	       r->hfunc & ETH_RSS_HASH_TOP ? "on" : "off");
}

static int show_rss(const struct tool *t)
{
	struct ethtool_rxfh sizes = {.cmd = ETHTOOL_GRSSH}, *r;
	int status = 0;

	if (ask(t, &sizes) < 0)
		return fail("receive side scaling");
	r = calloc(1, sizeof(*r) + sizes.indir_size * sizeof(r->rss_config[0]) + sizes.key_size);
	if (!r)
		return fail("receive side scaling");
	*r = sizes;
	r->cmd = ETHTOOL_GRSSH;
	if (ask(t, r) < 0)
		status = fail("receive side scaling");
	else
		print_rss(t, r);
	free(r);
	return status;
}

/* ---- changing it: -X DEV [hkey XX:XX...] [start N] [equal N | weight W0 W1 ... | default] -------
 */

struct rss_wish {
	const char *key;
	long start, equal;
	char **weight; /* of each queue, from start on */
	int nweights;
	bool standard;
};

static bool read_rss_wish(struct rss_wish *w, int argc, char **argv)
{
	*w = (struct rss_wish){0};
	for (int i = 0; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "default")) {
			w->standard = true;
		} else if (!strcmp(argv[i], "hkey") && *next) {
			w->key = argv[++i];
		} else if (!strcmp(argv[i], "start") && decimal(next) >= 0) {
			w->start = decimal(argv[++i]);
		} else if (!strcmp(argv[i], "equal") && decimal(next) > 0) {
			w->equal = decimal(argv[++i]);
		} else if (!strcmp(argv[i], "weight")) {
			w->weight = argv + i + 1;
			while (i + 1 < argc && decimal(argv[i + 1]) >= 0) {
				w->nweights++;
				i++;
			}
			if (!w->nweights)
				return false;
		} else {
			return false;
		}
	}
	return (w->key || w->standard || w->equal || w->nweights) &&
	       w->standard + !!w->equal + !!w->nweights <= 1 &&
	       (!w->start || w->equal || w->nweights);
}

/* A share of the n entries for each queue, by its weight. False: none has any, or too much. */
static bool weigh(const struct rss_wish *w, uint32_t *entry, uint32_t n)
{
	uint32_t sum = 0, partial = 0, at = 0;

	for (int q = 0; q < w->nweights; q++)
		sum += (uint32_t)decimal(w->weight[q]);
	if (!sum || sum > n)
		return false;
	for (int q = 0; q < w->nweights; q++) {
		partial += (uint32_t)decimal(w->weight[q]);
		while (at < n && at < n * partial / sum)
			entry[at++] = (uint32_t)(w->start + q);
	}
	return true;
}

/* Pairs of digits with colons between them. */
static bool read_key(const char *text, uint8_t *key, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, text += 3) {
		const char pair[3] = {text[0], text[0] ? text[1] : '\0', '\0'};
		char *end;
		unsigned long v = strtoul(pair, &end, 16);

		if (!pair[1] || *end || pair[0] == '-' || pair[0] == '+' ||
		    text[2] != (i + 1 < n ? ':' : '\0'))
			return false;
		key[i] = (uint8_t)v;
	}
	return true;
}

/* From what there is (r: its sizes) and what is wished; false, and said why: it makes no sense. */
static bool fill_rss(const struct rss_wish *w, struct ethtool_rxfh *r)
{
	uint32_t entries = r->indir_size, *entry = r->rss_config;

	if (w->standard) {
		r->indir_size = 0;
	} else if (!w->equal && !w->nweights) {
		r->indir_size = ETH_RXFH_INDIR_NO_CHANGE;
	} else if (w->equal) {
		for (uint32_t i = 0; i < entries; i++)
			entry[i] = (uint32_t)(w->start + i % w->equal);
	} else if (!weigh(w, entry, entries)) {
		fprintf(stderr, "ethtool: weights must sum up to 1 to %u\n", entries);
		return false;
	}
	if (!w->key) {
		r->key_size = 0;
	} else if (!read_key(w->key,
			     (uint8_t *)(r->indir_size == entries ? entry + entries : entry),
			     r->key_size)) {
		fprintf(stderr, "ethtool: the key has %u bytes: XX:XX:...\n", r->key_size);
		return false;
	}
	return true;
}

static int set_rss(const struct tool *t, int argc, char **argv)
{
	struct ethtool_rxfh sizes = {.cmd = ETHTOOL_GRSSH}, *r;
	struct rss_wish w;
	int status = 0;

	if (!read_rss_wish(&w, argc, argv))
		return usage();
	if (ask(t, &sizes) < 0)
		return fail("receive side scaling");
	r = calloc(1, sizeof(*r) + sizes.indir_size * sizeof(r->rss_config[0]) + sizes.key_size);
	if (!r)
		return fail("receive side scaling");
	*r = sizes;
	r->cmd = ETHTOOL_SRSSH;
	if (!fill_rss(&w, r))
		status = 2;
	else if (ask(t, r) < 0)
		status = fail("cannot set receive side scaling");
	free(r);
	return status;
}

static int show_link(const struct tool *t)
{
	struct ethtool_cmd c = {.cmd = ETHTOOL_GSET};
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	uint32_t speed;

	if (ask(t, &c) < 0 || ask(t, &link) < 0)
		return fail(t->dev);
	speed = (uint32_t)c.speed_hi << 16 | c.speed;
	printf("Settings for %s:\n\tSpeed: ", t->dev);
	if (speed == (uint32_t)SPEED_UNKNOWN)
		printf("Unknown!\n");
	else
		printf("%uMb/s\n", speed);
	printf("\tDuplex: %s\n\tLink detected: %s\n",
	       c.duplex == DUPLEX_FULL   ? "Full"
	       : c.duplex == DUPLEX_HALF ? "Half"
					 : "Unknown!",
	       link.data ? "yes" : "no");
	return 0;
}

static int ethtool_main(int argc, char **argv)
{
	static const struct {
		const char *option;
		int (*show)(const struct tool *t);
	} shows[] = {{"-k", show_features}, {"-S", show_stats},    {"-i", show_driver},
		     {"-g", show_rings},    {"-l", show_channels}, {"-x", show_rss},
		     {"-n", show_rx_rings}, {"-c", show_coalesce}};
	struct tool t = {.dev = argc > 1 ? argv[argc == 2 ? 1 : 2] : NULL};
	int (*show)(const struct tool *t) = argc == 2 && argv[1][0] != '-' ? show_link : NULL;
	int (*set)(const struct tool *t, int argc, char **argv) =
		argc > 4 && argc % 2 && !strcmp(argv[1], "-K") ? set_features
		: argc > 4 && !strcmp(argv[1], "-C")           ? set_coalesce
		: argc > 4 && !strcmp(argv[1], "-L")           ? set_channels
		: argc > 3 && !strcmp(argv[1], "-X")           ? set_rss
							       : NULL;
	int status;

	for (size_t i = 0; argc == 3 && i < sizeof(shows) / sizeof(shows[0]); i++)
		if (!strcmp(argv[1], shows[i].option))
			show = shows[i].show;
	if (!show && !set)
		return usage();
	t.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (t.fd < 0)
		return fail("socket");
	status = set ? set(&t, argc - 3, argv + 3) : show(&t);
	close(t.fd);
	return status;
}

APP(ethtool, ethtool_main,
    "ethtool [-k|-K|-S|-i|-g|-l|-x|-X|-n|-c|-C] dev: a device's offloads and counters", false);
