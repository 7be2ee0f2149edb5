/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/transport/usb_list.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "driver/ukey.h"

#define DEVICES "/sys/bus/usb/devices"
#define CCID    0x0B /* bInterfaceClass */

/* What the file says, without the newline; false when it cannot be read. */
static bool read_text(const char *device, const char *attribute, char *out, size_t size)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, DEVICES "/%s/%s", device, attribute);
	f = fopen(path, "re");
	if (!f)
		return false;
	bool ok = fgets(out, (int)size, f);
	fclose(f);
	if (ok)
		out[strcspn(out, "\n")] = '\0';
	return ok;
}

static bool read_number(const char *device, const char *attribute, int base, unsigned *out)
{
	char text[32], *end;

	if (!read_text(device, attribute, text, sizeof text))
		return false;
	unsigned long v = strtoul(text, &end, base);
	*out = (unsigned)v;
	return end != text && *end == '\0' && v <= 0xFFFF;
}

static const char *known_name(const char *device)
{
	const struct ukey_usb_id *known;
	const size_t count = ukey_usb_ids(&known);
	unsigned vendor, product;

	if (!read_number(device, "idVendor", 16, &vendor) || !read_number(device, "idProduct", 16, &product))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (known[i].vendor == vendor && known[i].product == product)
			return known[i].name;
	return NULL;
}

/* One of its interfaces is a CCID's. */
static bool is_ccid(const char *device)
{
	const size_t n = strlen(device);
	char path[512], interface[512];
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof path, DEVICES "/%s", device);
	DIR *dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		unsigned class;
		if (strncmp(entry->d_name, device, n) != 0 || entry->d_name[n] != ':')
			continue;
		snprintf(interface, sizeof interface, "%s/%.64s", device, entry->d_name);
		found = read_number(interface, "bInterfaceClass", 16, &class) && class == CCID;
	}
	if (dir)
		closedir(dir);
	return found;
}

void usb_list_node(unsigned bus, unsigned address, char *out, size_t size)
{
	snprintf(out, size, "/dev/bus/usb/%03u/%03u", bus, address);
}

/* The node came with the device. */
static bool is_fresh(const char *node)
{
	struct stat st;
	struct timespec now;

	if (stat(node, &st) != 0)
		return true; /* not there yet */
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = ((int64_t)now.tv_sec - st.st_ctim.tv_sec) * 1000 + (now.tv_nsec - st.st_ctim.tv_nsec) / 1000000;
	return age >= 0 && age < USB_LIST_FRESH;
}

/* A token's number is what people read and compare: nothing else may look like one. */
static void take_serial(const char *device, char serial[17])
{
	char text[128];
	size_t n = 0;

	serial[0] = '\0';
	if (!read_text(device, "serial", text, sizeof text))
		return;
	for (const char *p = text; *p && n < 16; p++)
		if (isalnum((unsigned char)*p))
			serial[n++] = *p;
	serial[n] = '\0';
}

static bool look(const char *device, struct usb_found *out)
{
	*out = (struct usb_found){.maker = known_name(device)};
	if (!out->maker || !is_ccid(device))
		return false;
	if (!read_number(device, "busnum", 10, &out->bus) || !read_number(device, "devnum", 10, &out->address))
		return false;
	snprintf(out->path, sizeof out->path, "%s", device);
	take_serial(device, out->serial);
	char node[64];
	usb_list_node(out->bus, out->address, node, sizeof node);
	out->denied = access(node, R_OK | W_OK) != 0;
	out->fresh = is_fresh(node);
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct usb_found *)a)->path, ((const struct usb_found *)b)->path);
}

size_t usb_list(struct usb_found list[USB_LIST_MAX])
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;
	size_t n = 0;

	if (!dir)
		return 0;
	while (n < USB_LIST_MAX && (entry = readdir(dir))) {
		/* Interfaces have a colon; "usb1" is the bus itself. */
		const char *name = entry->d_name;
		if (!isdigit((unsigned char)name[0]) || strchr(name, ':') || strlen(name) >= sizeof list[0].path)
			continue;
		if (look(name, &list[n]))
			n++;
	}
	closedir(dir);
	qsort(list, n, sizeof *list, by_path);
	return n;
}

bool usb_list_has(unsigned bus, unsigned address)
{
	struct usb_found list[USB_LIST_MAX];
	size_t n = usb_list(list);

	for (size_t i = 0; i < n; i++)
		if (list[i].bus == bus && list[i].address == address)
			return true;
	return false;
}

/* ---- who has it -------------------------------------------------------------------------------------------------- */

/* Where /dev is a sandbox's or a test's, the file's whole name is another one. */
static bool ends_with(const char *text, const char *end)
{
	const size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static bool has_open(const char *process, const char *node)
{
	char path[300], file[600], target[512];
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof path, "/proc/%.32s/fd", process);
	DIR *dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(file, sizeof file, "%s/%.255s", path, entry->d_name);
		ssize_t n = readlink(file, target, sizeof target - 1);
		target[n > 0 ? n : 0] = '\0';
		found = ends_with(target, node);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void name_of(long process, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%ld/comm", process);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(out, (int)size, f))
		out[0] = '\0';
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = '\0';
	for (char *p = out; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}

/* Other users' programs cannot be looked into; pcscd is one of them on most machines. */
bool usb_list_holder(unsigned bus, unsigned address, struct ukey_holder *out)
{
	const long self = (long)getpid();
	char node[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	*out = (struct ukey_holder){0};
	usb_list_node(bus, address, node, sizeof node);
	/* Something else in this process may have it; but rather somebody else. */
	while (dir && (out->process == 0 || out->process == self) && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && has_open(entry->d_name, node))
			out->process = strtol(entry->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	if (out->process)
		name_of(out->process, out->name, sizeof out->name);
	return out->process != 0;
}
