/* SPDX-License-Identifier: MIT */
/* ChaCha20 (RFC 8439 section 2): the block function, on which the random generator rests. */
#ifndef LIB_CHACHA20_H
#define LIB_CHACHA20_H

#include <lib/types.h>

#define CHACHA20_KEY_BYTES   32
#define CHACHA20_NONCE_BYTES 12
#define CHACHA20_BLOCK_BYTES 64

/* constants, key, block counter (word 12), nonce, as in RFC 8439 section 2.3 */
struct chacha20_state {
	u32 word[16];
};

void chacha20_init(struct chacha20_state *s, const u8 key[CHACHA20_KEY_BYTES], u32 counter,
		   const u8 nonce[CHACHA20_NONCE_BYTES]);

/* One block of key stream; the counter goes up by one, modulo 2^32. Any context. */
void chacha20_block(struct chacha20_state *s, u8 out[CHACHA20_BLOCK_BYTES]);

#endif
