/* SPDX-License-Identifier: MIT */
/* SIOCETHTOOL: what ethtool(8) asks of a network device. ABI of Linux. */
#ifndef _LINUX_ETHTOOL_H
#define _LINUX_ETHTOOL_H

#include <lib/types.h>

#define ETHTOOL_GSET       0x00000001
#define ETHTOOL_GDRVINFO   0x00000003
#define ETHTOOL_GLINK      0x0000000a
#define ETHTOOL_GCOALESCE  0x0000000e
#define ETHTOOL_SCOALESCE  0x0000000f
#define ETHTOOL_GRINGPARAM 0x00000010
#define ETHTOOL_GSTRINGS   0x0000001b
#define ETHTOOL_GSTATS     0x0000001d
#define ETHTOOL_GPERMADDR  0x00000020
#define ETHTOOL_GRXRINGS   0x0000002d
#define ETHTOOL_GSSET_INFO 0x00000037
#define ETHTOOL_GFEATURES  0x0000003a
#define ETHTOOL_SFEATURES  0x0000003b
#define ETHTOOL_GCHANNELS  0x0000003c
#define ETHTOOL_SCHANNELS  0x0000003d
#define ETHTOOL_GRSSH      0x00000046
#define ETHTOOL_SRSSH      0x00000047

#define ETH_GSTRING_LEN          32
#define ETHTOOL_FWVERS_LEN       32
#define ETHTOOL_BUSINFO_LEN      32
#define ETHTOOL_EROMVERS_LEN     32
#define ETHTOOL_F_UNSUPPORTED    (1 << 0)
#define ETHTOOL_F_WISH           (1 << 1)
#define DUPLEX_HALF              0x00
#define DUPLEX_FULL              0x01
#define DUPLEX_UNKNOWN           0xff
#define AUTONEG_DISABLE          0x00
#define AUTONEG_ENABLE           0x01
#define PORT_TP                  0x00
#define PORT_OTHER               0xff
#define SPEED_UNKNOWN            -1
#define ETH_RSS_HASH_TOP         (1 << 0)
#define ETH_RXFH_INDIR_NO_CHANGE 0xffffffff

enum ethtool_stringset {
	ETH_SS_TEST = 0,
	ETH_SS_STATS,
	ETH_SS_PRIV_FLAGS,
	ETH_SS_NTUPLE_FILTERS,
	ETH_SS_FEATURES,
};

struct ethtool_cmd {
	u32 cmd;
	u32 supported;
	u32 advertising;
	u16 speed;
	u8 duplex;
	u8 port;
	u8 phy_address;
	u8 transceiver;
	u8 autoneg;
	u8 mdio_support;
	u32 maxtxpkt;
	u32 maxrxpkt;
	u16 speed_hi;
	u8 eth_tp_mdix;
	u8 eth_tp_mdix_ctrl;
	u32 lp_advertising;
	u32 reserved[2];
};

struct ethtool_drvinfo {
	u32 cmd;
	char driver[32];
	char version[32];
	char fw_version[ETHTOOL_FWVERS_LEN];
	char bus_info[ETHTOOL_BUSINFO_LEN];
	char erom_version[ETHTOOL_EROMVERS_LEN];
	char reserved2[12];
	u32 n_priv_flags;
	u32 n_stats;
	u32 testinfo_len;
	u32 eedump_len;
	u32 regdump_len;
};

struct ethtool_value {
	u32 cmd;
	u32 data;
};

struct ethtool_ringparam {
	u32 cmd;
	u32 rx_max_pending;
	u32 rx_mini_max_pending;
	u32 rx_jumbo_max_pending;
	u32 tx_max_pending;
	u32 rx_pending;
	u32 rx_mini_pending;
	u32 rx_jumbo_pending;
	u32 tx_pending;
};

struct ethtool_channels {
	u32 cmd;
	u32 max_rx;
	u32 max_tx;
	u32 max_other;
	u32 max_combined;
	u32 rx_count;
	u32 tx_count;
	u32 other_count;
	u32 combined_count;
};

struct ethtool_rxnfc {
	u32 cmd;
	u32 flow_type;
	u64 data;   /* ETHTOOL_GRXRINGS: receive rings */
	u64 fs[21]; /* a rule; there are none here */
	u32 rule_cnt;
	u32 rule_locs[];
};

struct ethtool_coalesce {
	u32 cmd;
	u32 rx_coalesce_usecs;
	u32 rx_max_coalesced_frames;
	u32 rx_coalesce_usecs_irq;
	u32 rx_max_coalesced_frames_irq;
	u32 tx_coalesce_usecs;
	u32 tx_max_coalesced_frames;
	u32 tx_coalesce_usecs_irq;
	u32 tx_max_coalesced_frames_irq;
	u32 stats_block_coalesce_usecs;
	u32 use_adaptive_rx_coalesce;
	u32 use_adaptive_tx_coalesce;
	u32 pkt_rate_low;
	u32 rx_coalesce_usecs_low;
	u32 rx_max_coalesced_frames_low;
	u32 tx_coalesce_usecs_low;
	u32 tx_max_coalesced_frames_low;
	u32 pkt_rate_high;
	u32 rx_coalesce_usecs_high;
	u32 rx_max_coalesced_frames_high;
	u32 tx_coalesce_usecs_high;
	u32 tx_max_coalesced_frames_high;
	u32 rate_sample_interval;
};
static_assert(sizeof(struct ethtool_coalesce) == 92, "ABI");

struct ethtool_rxfh {
	u32 cmd;
	u32 rss_context;
	u32 indir_size; /* entries, and bytes of the key: in: room, out: what there is. To set:
			 * NO_CHANGE, or 0 for the default table; a key of 0 bytes stays */
	u32 key_size;
	u8 hfunc; /* ETH_RSS_HASH_* */
	u8 rsvd8[3];
	u32 rsvd32;
	u32 rss_config[]; /* the table, then the key */
};

struct ethtool_gstrings {
	u32 cmd;
	u32 string_set;
	u32 len; /* in: room, out: strings of ETH_GSTRING_LEN each */
	u8 data[];
};

struct ethtool_sset_info {
	u32 cmd;
	u32 reserved;
	u64 sset_mask;
	u32 data[];
};

struct ethtool_stats {
	u32 cmd;
	u32 n_stats;
	u64 data[];
};

struct ethtool_perm_addr {
	u32 cmd;
	u32 size;
	u8 data[];
};

struct ethtool_get_features_block {
	u32 available;
	u32 requested;
	u32 active;
	u32 never_changed;
};

struct ethtool_gfeatures {
	u32 cmd;
	u32 size; /* in blocks of 32 */
	struct ethtool_get_features_block features[];
};

struct ethtool_set_features_block {
	u32 valid;
	u32 requested;
};

struct ethtool_sfeatures {
	u32 cmd;
	u32 size;
	struct ethtool_set_features_block features[];
};

#endif
