/* SPDX-License-Identifier: MIT */
/*
 * iov_iter: where a read puts bytes or a write takes them, as a cursor over buffers. The copy
 * functions move the cursor by what they copied and return that count (less than asked only
 * where the iterator ends).
 */
#ifndef KERNEL_UIO_H
#define KERNEL_UIO_H

#include <lib/types.h>
#include <sys/types.h>
#include <sys/uio.h>

struct iov_iter {
	const struct iovec *iov;
	unsigned nr_segs;
	size_t iov_offset; /* in the first segment */
	size_t count;      /* bytes left */
};

void iov_iter_init(struct iov_iter *i, const struct iovec *iov, unsigned nr_segs, size_t count);
size_t copy_to_iter(const void *from, size_t len, struct iov_iter *i);
size_t copy_from_iter(void *to, size_t len, struct iov_iter *i);
/* Copy while adding to the internet checksum *csum (partial, host representation). */
size_t csum_and_copy_from_iter(void *to, size_t len, u32 *csum, struct iov_iter *i);
size_t csum_and_copy_to_iter(const void *from, size_t len, u32 *csum, struct iov_iter *i);
void iov_iter_advance(struct iov_iter *i, size_t len);
void iov_iter_revert(struct iov_iter *i, const struct iovec *iov, unsigned nr_segs, size_t count);

/* The longest piece, of at most len bytes, that lies in one buffer, from *at on; 0 at the end. The
 * cursor stays. */
size_t iov_iter_piece(struct iov_iter *i, size_t len, void **at);

/* memcpy() by the widest registers there are, for what is long. Any context but hardirq. */
void memcpy_long(void *to, const void *from, size_t n);

/* Total bytes of n buffers; -EINVAL where that is too much, -EFAULT where one lies in the zero
 * page, which holds nothing: what programs pass for a NULL buffer. */
ssize_t iov_length(const struct iovec *iov, size_t n);

static inline size_t iov_iter_count(const struct iov_iter *i)
{
	return i->count;
}

#endif
