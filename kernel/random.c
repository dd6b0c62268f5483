/* SPDX-License-Identifier: MIT */
/*
 * The random generator. Entropy goes into a pool: a 256-bit value that is replaced by the ChaCha20
 * block function of itself and the input, which cannot be run backwards. Each CPU has a key of its
 * own, drawn from the pool; each draw of numbers first replaces the key by half of a block and
 * gives out the other half (fast key erasure), so who reads the memory learns nothing about
 * numbers already drawn. A CPU's key is mixed with the pool again whenever that gained entropy.
 */
#include <home/cpu.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/chacha20.h>
#include <lib/string.h>

#define KEY_BYTES   CHACHA20_KEY_BYTES
#define BLOCK_BYTES CHACHA20_BLOCK_BYTES
#define BATCH_BYTES (BLOCK_BYTES - KEY_BYTES)
#define READY_BITS  256u
#define IRQS_A_BIT  64u /* interrupts credited as one bit of entropy */
#define HW_WORDS    8u

struct random_cpu {
	u8 key[KEY_BYTES];
	u8 batch[BATCH_BYTES]; /* numbers for get_random_u32() and _u64(), erased as they go */
	u32 batch_used;
	u64 generation; /* of the pool that key was last mixed with */
	u64 irq_mix[KEY_BYTES / 8];
	u32 irq_count;
};

static struct {
	struct spinlock lock;
	u8 pool[KEY_BYTES];
	u64 generation; /* grows with every reseed [lock] for writing */
	u32 counter;
	u32 credited_bits;
} rnd = {.lock = SPINLOCK_INIT(random), .generation = 1};

static DEFINE_PER_CPU(struct random_cpu, random_cpu);

/* out = ChaCha20(key); what tells uses of one key apart goes into the nonce. */
static void block(const u8 *key, u32 counter, u64 use, u8 *out)
{
	u8 nonce[CHACHA20_NONCE_BYTES] = {0};
	struct chacha20_state s;

	memcpy(nonce, &use, sizeof(use));
	chacha20_init(&s, key, counter, nonce);
	chacha20_block(&s, out);
	memzero_explicit(&s, sizeof(s));
}

/* pool = one way(pool, data); lock held. */
static void pool_mix(const void *data, size_t len)
{
	const u8 *p = data;
	u8 out[BLOCK_BYTES];

	do {
		size_t n = min(len, (size_t)KEY_BYTES);

		for (size_t i = 0; i < n; i++)
			rnd.pool[i] ^= p[i];
		block(rnd.pool, rnd.counter++, n, out);
		memcpy(rnd.pool, out, KEY_BYTES);
		p += n;
		len -= n;
	} while (len);
	memzero_explicit(out, sizeof(out));
}

/* This CPU's key takes in the pool; interrupts off. */
static void key_reseed(struct random_cpu *rc)
{
	u8 out[BLOCK_BYTES];

	spin_lock(&rnd.lock);
	rc->generation = rnd.generation;
	block(rnd.pool, rnd.counter++, ~0ull, out);
	memcpy(rnd.pool, out, KEY_BYTES);
	spin_unlock(&rnd.lock);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		rc->key[i] ^= out[KEY_BYTES + i];
	memzero_explicit(out, sizeof(out));
}

/* A new key for this CPU, and 32 bytes that nobody else gets; interrupts off. */
static void key_draw(struct random_cpu *rc, u8 out[BATCH_BYTES])
{
	u8 b[BLOCK_BYTES];

	if (rc->generation != READ_ONCE(rnd.generation)) {
		key_reseed(rc);
		rc->batch_used = BATCH_BYTES;
	}
	block(rc->key, 0, smp_processor_id(), b);
	memcpy(rc->key, b, KEY_BYTES);
	memcpy(out, b + KEY_BYTES, BATCH_BYTES);
	memzero_explicit(b, sizeof(b));
}

void get_random_bytes(void *buf, size_t len)
{
	u8 key[KEY_BYTES], b[BLOCK_BYTES];
	irqflags_t flags = local_irq_save();
	u8 *to = buf;

	key_draw(&this_cpu(random_cpu), key);
	local_irq_restore(flags);
	if (len <= sizeof(key)) {
		memcpy(to, key, len);
	} else {
		for (u32 counter = 0; len; counter++) {
			size_t n = min(len, sizeof(b));

			block(key, counter, 0, b);
			memcpy(to, b, n);
			to += n;
			len -= n;
		}
		memzero_explicit(b, sizeof(b));
	}
	memzero_explicit(key, sizeof(key));
}

/* len bytes, a divisor of the batch's size, from this CPU's batch. */
static void batch_take(void *to, u32 len)
{
	irqflags_t flags = local_irq_save();
	struct random_cpu *rc = &this_cpu(random_cpu);
	u32 at = ALIGN(rc->batch_used, len);

	if (at >= BATCH_BYTES || rc->generation != READ_ONCE(rnd.generation)) {
		key_draw(rc, rc->batch);
		at = 0;
	}
	memcpy(to, rc->batch + at, len);
	memset(rc->batch + at, 0, len);
	rc->batch_used = at + len;
	local_irq_restore(flags);
}

u32 get_random_u32(void)
{
	u32 v;

	batch_take(&v, sizeof(v));
	return v;
}

u64 get_random_u64(void)
{
	u64 v;

	batch_take(&v, sizeof(v));
	return v;
}

/* Lemire's method: a multiplication, and a second draw for the few values that would be uneven. */
u32 get_random_u32_below(u32 ceil)
{
	u64 m = (u64)get_random_u32() * ceil;

	if ((u32)m < ceil) {
		u32 uneven = -ceil % ceil;

		while ((u32)m < uneven)
			m = (u64)get_random_u32() * ceil;
	}
	return (u32)(m >> 32);
}

void add_entropy(const void *data, size_t len, unsigned bits)
{
	bool was_ready, ready;
	irqflags_t flags;
	u64 stamp[2] = {cpu_cycles(), ktime_get_ns()};

	spin_lock_irqsave(&rnd.lock, flags);
	was_ready = rnd.credited_bits >= READY_BITS;
	pool_mix(stamp, sizeof(stamp));
	pool_mix(data, len);
	rnd.credited_bits = min(rnd.credited_bits + bits, READY_BITS);
	ready = rnd.credited_bits >= READY_BITS;
	WRITE_ONCE(rnd.generation, rnd.generation + 1);
	spin_unlock_irqrestore(&rnd.lock, flags);
	if (ready && !was_ready)
		pr_info("random: generator is ready");
}

void add_interrupt_randomness(int irq)
{
	struct random_cpu *rc = &this_cpu(random_cpu);
	u64 *word = &rc->irq_mix[rc->irq_count % ARRAY_SIZE(rc->irq_mix)];

	*word = (*word << 7 | *word >> 57) ^ cpu_cycles() ^ (u64)irq << 56;
	if (++rc->irq_count % IRQS_A_BIT == 0 && !random_ready())
		add_entropy(rc->irq_mix, sizeof(rc->irq_mix), 1);
}

bool random_ready(void)
{
	return READ_ONCE(rnd.credited_bits) >= READY_BITS;
}

void random_init(void)
{
	u64 words[HW_WORDS];
	unsigned n = 0;
	u64 wall_ns = ktime_get_real_ns();

	while (n < HW_WORDS && cpu_random_u64(&words[n]))
		n++;
	add_entropy(&wall_ns, sizeof(wall_ns), 0);
	/* Half of what the processor claims. */
	add_entropy(words, n * sizeof(words[0]), n * 32);
	memzero_explicit(words, sizeof(words));
}

static int random_report(void)
{
	if (!random_ready())
		pr_warn("random: no good source of entropy yet; add a virtio-rng device or a CPU "
			"with RDRAND");
	return 0;
}
DEFINE_INITCALL(INIT_LATE, random_report);
