/* SPDX-License-Identifier: MIT */
/* Interface names and indexes. Thread context. */
#include <net/if.h>

#include <errno.h>
#include <lib/string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One request on a socket made for it: 0, or -1 with errno. */
static int request(unsigned long cmd, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;

	if (fd < 0)
		return -1;
	err = ioctl(fd, cmd, ifr);
	close(fd);
	return err;
}

unsigned int if_nametoindex(const char *name)
{
	struct ifreq ifr = {0};

	if (strscpy(ifr.ifr_name, name, sizeof(ifr.ifr_name)) < 0) {
		errno = ENODEV;
		return 0;
	}
	return request(SIOCGIFINDEX, &ifr) ? 0 : (unsigned)ifr.ifr_ifindex;
}

char *if_indextoname(unsigned int index, char name[IF_NAMESIZE])
{
	struct ifreq ifr = {.ifr_ifindex = (int)index};

	if (request(SIOCGIFNAME, &ifr)) {
		if (errno == ENODEV)
			errno = ENXIO;
		return NULL;
	}
	strscpy(name, ifr.ifr_name, IF_NAMESIZE);
	return name;
}
