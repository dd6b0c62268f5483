/* SPDX-License-Identifier: MIT */
/*
 * Addresses from and to text. Parsers read at s, store the address and return where the text
 * stopped being part of it, or NULL (nothing stored) if there is none; for a whole string, check
 * that the result points at '\0'. Printers return the length written, terminator not counted.
 * Any context.
 */
#ifndef LIB_INET_TEXT_H
#define LIB_INET_TEXT_H

#include <lib/types.h>

#define IPV4_TEXT_BYTES 16 /* "255.255.255.255" and the terminator */
#define IPV6_TEXT_BYTES 46 /* POSIX INET6_ADDRSTRLEN */
#define MAC_TEXT_BYTES  18

/* Dotted quad; no leading zeros ("010" would be octal to some), no short forms. */
const char *ipv4_parse(const char *s, be32 *addr) __must_check;
/* RFC 4291 section 2.2, all forms, a dotted quad at the end too. No zone, no prefix length. */
const char *ipv6_parse(const char *s, u8 addr[16]) __must_check;
/* Six pairs of hex digits with ':' or '-' between. */
const char *mac_parse(const char *s, u8 mac[6]) __must_check;

size_t ipv4_print(char buf[IPV4_TEXT_BYTES], be32 addr);
/* The one text form of RFC 5952: lower case, the longest run of zero groups cut, IPv4 in
 * IPv4-mapped addresses as a dotted quad. */
size_t ipv6_print(char buf[IPV6_TEXT_BYTES], const u8 addr[16]);
size_t mac_print(char buf[MAC_TEXT_BYTES], const u8 mac[6]);

/* The netmask of a prefix of 0..32 bits, and back: -EINVAL for a mask with holes. */
be32 ipv4_prefix_mask(unsigned prefix_len);
int ipv4_mask_prefix(be32 mask);

#endif
