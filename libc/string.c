/* SPDX-License-Identifier: MIT */
/* The string functions that need the heap or the errors' texts. Thread context. */
#include <errno.h>
#include <lib/compiler.h>
#include <stdlib.h>
#include <string.h>

char *strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

char *strdup(const char *s)
{
	return strndup(s, (size_t)-1);
}

char *strerror(int err)
{
	static const char *const texts[] = {
		[0] = "Success",
		[EPERM] = "Operation not permitted",
		[ENOENT] = "No such file or directory",
		[EINTR] = "Interrupted system call",
		[EIO] = "Input/output error",
		[ENXIO] = "No such device or address",
		[E2BIG] = "Argument list too long",
		[EBADF] = "Bad file descriptor",
		[EAGAIN] = "Resource temporarily unavailable",
		[ENOMEM] = "Cannot allocate memory",
		[EACCES] = "Permission denied",
		[EFAULT] = "Bad address",
		[EBUSY] = "Device or resource busy",
		[EEXIST] = "File exists",
		[ENODEV] = "No such device",
		[ENOTDIR] = "Not a directory",
		[EISDIR] = "Is a directory",
		[EINVAL] = "Invalid argument",
		[EMFILE] = "Too many open files",
		[ENFILE] = "Too many open files in system",
		[ENOTTY] = "Inappropriate ioctl for device",
		[EFBIG] = "File too large",
		[ENOSPC] = "No space left on device",
		[ESPIPE] = "Illegal seek",
		[EROFS] = "Read-only file system",
		[EPIPE] = "Broken pipe",
		[ERANGE] = "Numerical result out of range",
		[ENAMETOOLONG] = "File name too long",
		[ENOSYS] = "Function not implemented",
		[EPROTO] = "Protocol error",
		[EBADMSG] = "Bad message",
		[EOVERFLOW] = "Value too large for defined data type",
		[ENOTSOCK] = "Socket operation on non-socket",
		[EDESTADDRREQ] = "Destination address required",
		[EMSGSIZE] = "Message too long",
		[EPROTOTYPE] = "Protocol wrong type for socket",
		[ENOPROTOOPT] = "Protocol not available",
		[EPROTONOSUPPORT] = "Protocol not supported",
		[ESOCKTNOSUPPORT] = "Socket type not supported",
		[EOPNOTSUPP] = "Operation not supported",
		[EAFNOSUPPORT] = "Address family not supported by protocol",
		[EADDRINUSE] = "Address already in use",
		[EADDRNOTAVAIL] = "Cannot assign requested address",
		[ENETDOWN] = "Network is down",
		[ENETUNREACH] = "Network is unreachable",
		[ECONNABORTED] = "Software caused connection abort",
		[ECONNRESET] = "Connection reset by peer",
		[ENOBUFS] = "No buffer space available",
		[EISCONN] = "Transport endpoint is already connected",
		[ENOTCONN] = "Transport endpoint is not connected",
		[ETIMEDOUT] = "Connection timed out",
		[ECONNREFUSED] = "Connection refused",
		[EHOSTDOWN] = "Host is down",
		[EHOSTUNREACH] = "No route to host",
		[EALREADY] = "Operation already in progress",
		[EINPROGRESS] = "Operation now in progress",
	};
	static char unknown[] = "Unknown error";

	if (err < 0 || err >= (int)ARRAY_SIZE(texts) || !texts[err])
		return unknown;
	return (char *)(__UINTPTR_TYPE__)texts[err];
}
