/* SPDX-License-Identifier: MIT */
/*
 * Registers and descriptors of Intel's gigabit controllers, as far as they are used here.
 * [S]: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (8254x), rev.
 * 4.0, section 13 unless another is named. [D]: 82574 Datasheet rev. 3.4, section 10.2.
 * What bears neither is the same in both.
 */
#ifndef DRIVERS_NET_INTEL_REGS_H
#define DRIVERS_NET_INTEL_REGS_H

#include <lib/compiler.h>
#include <lib/types.h>

#define REG_BYTES 0x20000u /* of memory BAR 0 */

/* ---- general ------------------------------------------------------------------------------ */
#define REG_CTRL                0x0000
#define CTRL_GIO_MASTER_DISABLE (1u << 2) /* [D] */
#define CTRL_LRST               (1u << 3) /* [S] */
#define CTRL_ASDE               (1u << 5) /* [S] speed from the PHY */
#define CTRL_SLU                (1u << 6) /* set link up */
#define CTRL_ILOS               (1u << 7) /* [S] */
#define CTRL_FRCSPD             (1u << 11)
#define CTRL_FRCDPX             (1u << 12)
#define CTRL_RST                (1u << 26)
#define CTRL_RFCE               (1u << 27)
#define CTRL_TFCE               (1u << 28)
#define CTRL_PHY_RST            (1u << 31)

#define REG_STATUS               0x0008
#define STATUS_FD                (1u << 0)
#define STATUS_LU                (1u << 1)
#define STATUS_SPEED_SHIFT       6
#define STATUS_GIO_MASTER_ENABLE (1u << 19) /* [D] */

#define REG_EECD     0x0010
#define EECD_AUTO_RD (1u << 9) /* [D] the NVM has been read after reset */

#define REG_EERD        0x0014
#define EERD_START      (1u << 0)
#define EERD_DATA_SHIFT 16

#define REG_CTRL_EXT      0x0018
#define CTRL_EXT_EIAME    (1u << 24) /* [D] an MSI-X message masks the causes named in IAM */
#define CTRL_EXT_IAME     (1u << 27) /* [D] reading ICR masks them */
#define CTRL_EXT_DRV_LOAD (1u << 28)
#define CTRL_EXT_PBA_CLR  (1u << 31) /* [D] */

#define REG_MDIC       0x0020
#define MDIC_REG_SHIFT 16
#define MDIC_PHY_SHIFT 21
#define MDIC_WRITE     (1u << 26)
#define MDIC_READ      (2u << 26)
#define MDIC_READY     (1u << 28)
#define MDIC_ERROR     (1u << 30)
#define MDIC_PHY       1u /* address of the built-in PHY */

/* IEEE 802.3 clause 22 */
#define PHY_CONTROL         0
#define PHY_CONTROL_AUTONEG (1u << 12)
#define PHY_CONTROL_PDOWN   (1u << 11)
#define PHY_CONTROL_ISOLATE (1u << 10)
#define PHY_CONTROL_RESTART (1u << 9)

#define REG_FCAL  0x0028
#define REG_FCAH  0x002c
#define REG_FCT   0x0030
#define REG_FCTTV 0x0170

/* ---- interrupts ---------------------------------------------------------------------------- */
#define REG_ICR     0x00c0 /* reading clears, but for MSI-X [D]: then write ones to clear */
#define REG_ITR     0x00c4 /* least time between interrupts, in units of 256 ns */
#define REG_ICS     0x00c8
#define REG_IMS     0x00d0
#define REG_IMC     0x00d8
#define REG_EIAC    0x00dc /* [D] causes that an MSI-X message clears */
#define REG_IAM     0x00e0 /* [D] */
#define REG_IVAR    0x00e4 /* [D] which vector a cause has: 4 bits each, the highest for "valid" */
#define REG_EITR(n) (0x00e8 + 4 * (n)) /* [D] ITR of MSI-X vector n */

#define ICR_TXDW   (1u << 0)          /* transmit descriptor written back */
#define ICR_LSC    (1u << 2)          /* link status changed */
#define ICR_RXSEQ  (1u << 3)          /* [S] */
#define ICR_RXDMT0 (1u << 4)          /* few receive descriptors left */
#define ICR_RXO    (1u << 6)          /* receiver overrun */
#define ICR_RXT0   (1u << 7)          /* packet received */
#define ICR_RXQ(n) (1u << (20 + (n))) /* [D] MSI-X only, as the following two */
#define ICR_TXQ(n) (1u << (22 + (n)))
#define ICR_OTHER  (1u << 24)
#define ICR_ALL    0xffffffffu

#define IVAR_VALID        8u
#define IVAR_RXQ_SHIFT(n) (4 * (n))
#define IVAR_TXQ_SHIFT(n) (8 + 4 * (n))
#define IVAR_OTHER_SHIFT  16
#define IVAR_TX_EVERY_WB  (1u << 31)

/* ---- receive ------------------------------------------------------------------------------- */
#define REG_RCTL   0x0100
#define RCTL_EN    (1u << 1)
#define RCTL_UPE   (1u << 3) /* all unicast */
#define RCTL_MPE   (1u << 4) /* all multicast */
#define RCTL_LPE   (1u << 5) /* longer than 1522 bytes */
#define RCTL_BAM   (1u << 15)
#define RCTL_SECRC (1u << 26) /* strip the CRC */
/* BSIZE and BSEX of zero: buffers of 2048 bytes. RDMTS and MO of zero. */

/* How much further the ring registers of queue n are, of receive and of transmit [D]. */
#define RING_REGS(n)  (0x100 * (n))
#define REG_RDBAL     0x2800
#define REG_RDBAH     0x2804
#define REG_RDLEN     0x2808
#define REG_RDH       0x2810
#define REG_RDT       0x2818
#define REG_RDTR      0x2820 /* [S] errata want it zero */
#define REG_RADV      0x282c
#define REG_RXCSUM    0x5000
#define RXCSUM_IPOFLD (1u << 8)
#define RXCSUM_TUOFLD (1u << 9)
#define RXCSUM_PCSD   (1u << 13) /* [D] descriptors hold the RSS hash, not the packet checksum */
#define REG_RFCTL     0x5008     /* [D] */
#define RFCTL_ACK_DIS (1u << 12) /* no interrupts for TCP acknowledgements */
#define RFCTL_EXSTEN  (1u << 15) /* extended receive descriptors */
#define REG_MTA       0x5200
#define MTA_ENTRIES   128
#define REG_RAL(n)    (0x5400 + 8 * (n))
#define REG_RAH(n)    (0x5404 + 8 * (n))
#define RAH_AV        (1u << 31)
#define RAR_ENTRIES   15
#define REG_RETA(n)   (0x5c00 + 4 * (n)) /* [D] four entries in each, a byte for each ... */
#define RETA_QUEUE    7                  /* ... whose highest bit is the queue */
#define REG_RSSRK(n)  (0x5c80 + 4 * (n)) /* [D] the key, first byte lowest */
#define REG_MRQC      0x5818             /* [D] */
#define MRQC_RSS      1u
#define MRQC_TCP_IPV4 (1u << 16) /* what is hashed */
#define MRQC_IPV4     (1u << 17)
#define MRQC_TCP_IPV6 (1u << 18)
#define MRQC_IPV6     (1u << 20)

/* ---- transmit ------------------------------------------------------------------------------ */
#define REG_TCTL        0x0400
#define TCTL_EN         (1u << 1)
#define TCTL_PSP        (1u << 3) /* pad short packets */
#define TCTL_CT_SHIFT   4
#define TCTL_COLD_SHIFT 12
#define TCTL_RTLC       (1u << 24)
#define TCTL_MULR       (1u << 28) /* [D] several requests at a time */
#define TCTL_CT         15u
#define TCTL_COLD       0x40u /* full duplex */

#define REG_TIPG  0x0410
#define REG_TDBAL 0x3800
#define REG_TDBAH 0x3804
#define REG_TDLEN 0x3808
#define REG_TDH   0x3810
#define REG_TDT   0x3818
#define REG_TIDV  0x3820
#define REG_TADV  0x382c
#define REG_TARC  0x3840 /* [D] one a queue */
#define TARC_EN   (1u << 10)

/* ---- statistics, cleared by reading -----------------------------------------------------------
 */
#define REG_CRCERRS 0x4000
#define REG_RXERRC  0x400c
#define REG_MPC     0x4010 /* missed: the packet buffer was full */
#define REG_SCC     0x4014
#define REG_ECOL    0x4018
#define REG_MCC     0x401c
#define REG_LATECOL 0x4020
#define REG_COLC    0x4028
#define REG_RLEC    0x4040 /* length field and length differ */
#define REG_RNBC    0x40a0 /* no buffer just then */
#define REG_RUC     0x40a4 /* undersized */
#define REG_RFC     0x40a8
#define REG_ROC     0x40ac /* oversized */
#define REG_RJC     0x40b0
#define REG_GPRC    0x4074
#define REG_BPRC    0x4078
#define REG_MPRC    0x407c
#define REG_GPTC    0x4080

/* ---- descriptors ------------------------------------------------------------------------------
 */

/* [S] 3.2.3 */
struct rx_desc_legacy {
	u64 addr;
	u16 length, csum;
	u8 status, errors;
	u16 special;
};
static_assert(sizeof(struct rx_desc_legacy) == 16, "[S] 3.2.3");

/* [D] 7.1.5: what the driver writes, and what the device puts over it. */
struct rx_desc_ext_read {
	u64 addr, reserved;
};
struct rx_desc_ext_wb {
	u32 mrq; /* the low 4 bits: RXD_RSS_* */
	u32 hash;
	u32 status_error; /* status in the low 20 bits, errors in the high 12 */
	u16 length, vlan;
};
static_assert(sizeof(struct rx_desc_ext_wb) == 16, "[D] 7.1.5");

union rx_desc {
	struct rx_desc_legacy legacy;
	struct rx_desc_ext_read read;
	struct rx_desc_ext_wb wb;
};
static_assert(sizeof(union rx_desc) == 16, "both formats take 16 bytes");

/* Bits of status and of errors; the extended format has the same, errors from bit 24 on. */
#define RXD_DD            (1u << 0)
#define RXD_EOP           (1u << 1)
#define RXD_IXSM          (1u << 2) /* ignore the checksum bits */
#define RXD_TCPCS         (1u << 5)
#define RXD_ERR_CE        (1u << 0)
#define RXD_ERR_SE        (1u << 1)
#define RXD_ERR_SEQ       (1u << 2)
#define RXD_ERR_CXE       (1u << 4)
#define RXD_ERR_TCPE      (1u << 5)
#define RXD_ERR_IPE       (1u << 6)
#define RXD_ERR_RXE       (1u << 7)
#define RXD_ERR_FRAME     (RXD_ERR_CE | RXD_ERR_SE | RXD_ERR_SEQ | RXD_ERR_CXE | RXD_ERR_RXE)
#define RXD_EXT_ERR_SHIFT 24
#define RXD_EXT_STATUS    0xfffffu
#define RXD_RSS_MASK      15u
#define RXD_RSS_TCP_IPV4  1u /* over addresses and ports; others over less */
#define RXD_RSS_TCP_IPV6  3u

/* [S] 3.3.6 (context) and 3.3.7 (data). `lower` holds length, type and command, `upper` status and
 * options. */
struct tx_desc_data {
	u64 addr;
	u32 lower, upper;
};
static_assert(sizeof(struct tx_desc_data) == 16, "[S] 3.3.7");

struct tx_desc_context {
	u8 ipcss, ipcso; /* IP checksum: start, place */
	u16 ipcse;       /* ... and last byte */
	u8 tucss, tucso; /* the same for TCP or UDP; last byte 0: end of packet */
	u16 tucse;
	u32 lower; /* payload length, type, command */
	u8 status, hdr_len;
	u16 mss;
};
static_assert(sizeof(struct tx_desc_context) == 16, "[S] 3.3.6");

union tx_desc {
	struct tx_desc_data data;
	struct tx_desc_context context;
};

#define TXD_DTYP_DATA  (1u << 20)
#define TXD_TUCMD_TCP  (1u << 24) /* context */
#define TXD_TUCMD_IPV4 (1u << 25) /* context */
#define TXD_EOP        (1u << 24) /* data */
#define TXD_IFCS       (1u << 25) /* data: the device adds the CRC */
#define TXD_TSE        (1u << 26)
#define TXD_RS         (1u << 27)
#define TXD_DEXT       (1u << 29)
#define TXD_POPTS_IXSM (1u << 8) /* upper */
#define TXD_POPTS_TXSM (1u << 9)
#define TXD_DD         (1u << 0)

#endif
