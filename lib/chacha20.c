/* SPDX-License-Identifier: MIT */
/* The ChaCha20 block function, RFC 8439 sections 2.1 to 2.3. Any context, no state of its own. */
#include <lib/chacha20.h>

#include <lib/bitops.h>

void chacha20_init(struct chacha20_state *s, const u8 key[CHACHA20_KEY_BYTES], u32 counter,
		   const u8 nonce[CHACHA20_NONCE_BYTES])
{
	s->word[0] = 0x61707865;
	s->word[1] = 0x3320646e;
	s->word[2] = 0x79622d32;
	s->word[3] = 0x6b206574;
	for (int i = 0; i < 8; i++)
		s->word[4 + i] = get_le32(key + 4 * i);
	s->word[12] = counter;
	for (int i = 0; i < 3; i++)
		s->word[13 + i] = get_le32(nonce + 4 * i);
}

static __always_inline void quarter_round(u32 *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rol32(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rol32(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rol32(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rol32(x[b] ^ x[c], 7);
}

void chacha20_block(struct chacha20_state *s, u8 out[CHACHA20_BLOCK_BYTES])
{
	struct chacha20_state x = *s;

	for (int i = 0; i < 10; i++) {
		quarter_round(x.word, 0, 4, 8, 12);
		quarter_round(x.word, 1, 5, 9, 13);
		quarter_round(x.word, 2, 6, 10, 14);
		quarter_round(x.word, 3, 7, 11, 15);
		quarter_round(x.word, 0, 5, 10, 15);
		quarter_round(x.word, 1, 6, 11, 12);
		quarter_round(x.word, 2, 7, 8, 13);
		quarter_round(x.word, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		put_le32(out + 4 * i, x.word[i] + s->word[i]);
	s->word[12]++;
}
