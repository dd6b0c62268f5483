/* SPDX-License-Identifier: MIT */
/* The cursor over a reader's or writer's buffers. Thread context; holds no lock. */
#include <home/copy.h>
#include <kernel/uio.h>
#include <lib/assert.h>
#include <lib/checksum.h>
#include <lib/string.h>

#include <errno.h>
#include <limits.h>

#define ZERO_PAGE_BYTES 4096u

void iov_iter_init(struct iov_iter *i, const struct iovec *iov, unsigned nr_segs, size_t count)
{
	*i = (struct iov_iter){.iov = iov, .nr_segs = nr_segs, .count = count};
}

void memcpy_long(void *to, const void *from, size_t n)
{
	home_copy(to, from, n);
}

ssize_t iov_length(const struct iovec *iov, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return -EINVAL;
		if (iov[i].iov_len && (uintptr_t)iov[i].iov_base < ZERO_PAGE_BYTES)
			return -EFAULT;
		total += iov[i].iov_len;
	}
	return (ssize_t)total;
}

void iov_iter_revert(struct iov_iter *i, const struct iovec *iov, unsigned nr_segs, size_t count)
{
	size_t total = 0;

	for (unsigned s = 0; s < nr_segs; s++)
		total += iov[s].iov_len;
	iov_iter_init(i, iov, nr_segs, total);
	iov_iter_advance(i, total - count);
	i->count = count;
}

/* The longest piece, of at most len bytes, that lies in one buffer; 0 at the end. */
static inline size_t iter_piece(struct iov_iter *i, size_t len, void **at)
{
	len = min(len, i->count);
	while (len && i->iov_offset == i->iov->iov_len) {
		DEBUG_ASSERT(i->nr_segs > 1);
		i->iov++;
		i->nr_segs--;
		i->iov_offset = 0;
	}
	if (!len)
		return 0;
	*at = (char *)i->iov->iov_base + i->iov_offset;
	return min(len, i->iov->iov_len - i->iov_offset);
}

size_t iov_iter_piece(struct iov_iter *i, size_t len, void **at)
{
	return iter_piece(i, len, at);
}

static void iter_moved(struct iov_iter *i, size_t n)
{
	i->iov_offset += n;
	i->count -= n;
}

void iov_iter_advance(struct iov_iter *i, size_t len)
{
	size_t n;
	void *at;

	for (; (n = iter_piece(i, len, &at)); len -= n)
		iter_moved(i, n);
}

/* The usual case: the next len bytes lie in the buffer that the cursor is in; where. */
static inline void *iter_in_one(const struct iov_iter *i, size_t len)
{
	if (unlikely(len > i->count || !i->nr_segs || len > i->iov->iov_len - i->iov_offset))
		return NULL;
	return (char *)i->iov->iov_base + i->iov_offset;
}

static noinline size_t copy_to_pieces(const void *from, size_t len, struct iov_iter *i)
{
	const char *p = from;
	size_t n;
	void *at;

	for (; (n = iter_piece(i, len, &at)); len -= n, p += n) {
		home_copy(at, p, n);
		iter_moved(i, n);
	}
	return (size_t)(p - (const char *)from);
}

size_t copy_to_iter(const void *from, size_t len, struct iov_iter *i)
{
	void *at = iter_in_one(i, len);

	if (unlikely(!at))
		return copy_to_pieces(from, len, i);
	home_copy(at, from, len);
	iter_moved(i, len);
	return len;
}

static noinline size_t copy_from_pieces(void *to, size_t len, struct iov_iter *i)
{
	char *p = to;
	size_t n;
	void *at;

	for (; (n = iter_piece(i, len, &at)); len -= n, p += n) {
		home_copy(p, at, n);
		iter_moved(i, n);
	}
	return (size_t)(p - (char *)to);
}

size_t copy_from_iter(void *to, size_t len, struct iov_iter *i)
{
	void *at = iter_in_one(i, len);

	if (unlikely(!at))
		return copy_from_pieces(to, len, i);
	home_copy(to, at, len);
	iter_moved(i, len);
	return len;
}

size_t csum_and_copy_from_iter(void *to, size_t len, u32 *csum, struct iov_iter *i)
{
	size_t done = 0, n;
	void *at;

	for (; (n = iter_piece(i, len - done, &at)); done += n) {
		csum32 sum = csum_partial_copy((char *)to + done, at, n, 0);

		*csum = csum_block_add(*csum, sum, done);
		iter_moved(i, n);
	}
	return done;
}

size_t csum_and_copy_to_iter(const void *from, size_t len, u32 *csum, struct iov_iter *i)
{
	size_t done = 0, n;
	void *at;

	for (; (n = iter_piece(i, len - done, &at)); done += n) {
		csum32 sum = csum_partial_copy(at, (const char *)from + done, n, 0);

		*csum = csum_block_add(*csum, sum, done);
		iter_moved(i, n);
	}
	return done;
}
