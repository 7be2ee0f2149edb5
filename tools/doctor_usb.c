/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: our tokens on USB, one by one, from what the kernel and udev show of them. Each has two roads, pcscd with
 * libccid and its USB device itself; what keeps a token from either is told with the command that mends it.
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tools/doctor.h"
#include "tools/setup.h"

#define DEVICES "/sys/bus/usb/devices"
#define RULES   "70-openukey.rules"

struct device {
	char place[32]; /* 1-1.4 */
	unsigned vendor, product, bus, address;
	char serial[17];
	const char *model;
};

static bool read_text(const char *device, const char *attribute, char *out, size_t cap)
{
	char path[DOCTOR_PATH];
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, attribute);
	f = fopen(path, "re");
	good = f != NULL && fgets(out, (int)cap, f) != NULL;
	if (f != NULL)
		fclose(f);
	if (good)
		out[strcspn(out, "\n")] = '\0';
	return good;
}

static bool read_number(const char *device, const char *attribute, int base, unsigned *out)
{
	char text[32], *end;

	if (!read_text(device, attribute, text, sizeof(text)))
		return false;
	*out = (unsigned)strtoul(text, &end, base);
	return end != text && *end == '\0';
}

static const char *model(unsigned vendor, unsigned product)
{
	const struct ukey_usb_id *ids;
	const size_t count = ukey_usb_ids(&ids);

	for (size_t i = 0; i < count; i++)
		if (ids[i].vendor == vendor && ids[i].product == product)
			return ids[i].name;
	return NULL;
}

/* Interfaces have a colon. The class is the driver's condition, too: the numbers alone are shared with test devices. */
static bool has_ccid(const char *place)
{
	const size_t len = strlen(place);
	char path[DOCTOR_PATH];
	const struct dirent *entry;
	unsigned class = 0;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s", place);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, place, len) == 0 && entry->d_name[len] == ':') {
			snprintf(path, sizeof(path), "%s/%.64s", place, entry->d_name);
			found = read_number(path, "bInterfaceClass", 16, &class) && class == 0x0B;
		}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static bool look(const char *place, struct device *out)
{
	memset(out, 0, sizeof(*out));
	if (!isdigit((unsigned char)place[0]) || strchr(place, ':') != NULL || strlen(place) >= sizeof(out->place) ||
		!read_number(place, "idVendor", 16, &out->vendor) ||
		!read_number(place, "idProduct", 16, &out->product) || !read_number(place, "busnum", 10, &out->bus) ||
		!read_number(place, "devnum", 10, &out->address))
		return false;
	out->model = model(out->vendor, out->product);
	snprintf(out->place, sizeof(out->place), "%s", place);
	if (!read_text(place, "serial", out->serial, sizeof(out->serial)))
		out->serial[0] = '\0';
	return out->model != NULL && has_ccid(place);
}

/* ---- permission ---------------------------------------------------------------------------------------------------
 */

static bool rule_installed(void)
{
	static const char *const folders[] = {UDEVRULESDIR, "/usr/lib/udev/rules.d", "/lib/udev/rules.d",
		"/usr/local/lib/udev/rules.d", "/run/udev/rules.d", "/etc/udev/rules.d"};
	char path[DOCTOR_PATH];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/" RULES, folders[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* udev has marked the device for whoever sits at the machine. The kernel numbers USB devices so (USB_DEVICE_MAJOR). */
static bool tagged(const struct device *usb)
{
	char path[128];

	snprintf(path, sizeof(path), "/run/udev/tags/uaccess/c189:%u", (usb->bus - 1) * 128 + usb->address - 1);
	return access(path, F_OK) == 0;
}

static void tell_denied(struct doctor *d, const struct device *usb)
{
	char mend[400], again[200];

	snprintf(again, sizeof(again),
		"sudo udevadm control --reload && sudo udevadm trigger --action=add " DEVICES "/%s", usb->place);
	if (access("/run/udev", F_OK) != 0) {
		snprintf(mend, sizeof(mend),
			_("let this user have it: sudo setfacl -m u:%lu:rw /dev/bus/usb/%03u/%03u"),
			(unsigned long)getuid(), usb->bus, usb->address);
		doctor_add(d, DOCTOR_PROBLEM, "usb-permission", mend,
			_("USB %s, %s: this user may not open the device, and there is no udev to permit it"),
			usb->place, usb->model);
	} else if (tagged(usb)) {
		doctor_add(d, DOCTOR_PROBLEM, "usb-seat",
			_("log in at the machine itself, at its screen; for ssh and services use pcscd: apt install "
			  "pcscd, "
			  "then sudo ukey setup libccid"),
			_("USB %s, %s: only who sits at the machine may open the device, and this user does not"),
			usb->place, usb->model);
	} else if (rule_installed()) {
		doctor_add(d, DOCTOR_PROBLEM, "usb-rule-unused", again,
			_("USB %s, %s: this user may not open the device; the udev rule for it came later than the "
			  "device"),
			usb->place, usb->model);
	} else {
		snprintf(mend, sizeof(mend), _("install it: apt install openukey-common, or make install; then %s"),
			again);
		doctor_add(d, DOCTOR_PROBLEM, "usb-rule-missing", mend,
			_("USB %s, %s: this user may not open the device; the udev rule for it (%s) is not installed"),
			usb->place, usb->model, RULES);
	}
}

/* ---- roads --------------------------------------------------------------------------------------------------------
 */

/* libccid and its list. True when nothing is wrong there. */
static bool check_libccid(struct doctor *d, const struct device *usb, enum doctor_level level)
{
	const char *list = setup_libccid_list();

	if (list == NULL)
		doctor_add(d, level, "libccid",
			_("install it: apt install pcscd libccid; then: sudo ukey setup libccid"),
			_("USB %s, %s: pcscd has no driver for it: libccid is not installed"), usb->place, usb->model);
	else if (!setup_libccid_knows(list, usb->vendor, usb->product))
		doctor_add(d, level, "libccid", _("sudo ukey setup libccid, and restart pcscd as it says"),
			_("USB %s, %s: pcscd does not know the device: libccid's list %s does not name it"), usb->place,
			usb->model, list);
	else
		return true;
	return false;
}

static bool pcscd_runs(void)
{
	return access("/run/pcscd/pcscd.comm", F_OK) == 0;
}

static void tell_busy(struct doctor *d, const struct device *usb, const struct ukey_reader_info *r)
{
	struct ukey_holder holder;

	if (!ukey_reader_holder(d->t->library, r->name, &holder) || strcmp(holder.name, "pcscd") != 0)
		return; /* told with the readers */
	doctor_add(d, DOCTOR_PROBLEM, "usb-busy", _("restart pcscd: systemctl restart pcscd.socket pcscd.service"),
		_("USB %s, %s: pcscd has the device, and shows no reader for it"), usb->place, usb->model);
}

static void tell_direct(struct doctor *d, const struct device *usb)
{
	if (!pcscd_runs() || check_libccid(d, usb, DOCTOR_WARNING))
		doctor_add(
			d, DOCTOR_OK, "usb", "", _("USB %s, %s: used directly, without pcscd"), usb->place, usb->model);
}

/* Nobody shows it as a reader: USB is switched off here, and pcscd does not have it either. */
static void tell_unreached(struct doctor *d, const struct device *usb)
{
	if (!check_libccid(d, usb, DOCTOR_PROBLEM))
		return;
	doctor_add(d, DOCTOR_PROBLEM, "usb-unreached",
		_("start it: systemctl restart pcscd.socket pcscd.service; or let tokens be used without it: usb = "
		  "auto in "
		  "openukey.conf"),
		_("USB %s, %s: pcscd does not show it, and USB is not used directly"), usb->place, usb->model);
}

static void tell(struct doctor *d, const struct device *usb, const struct ukey_reader_info *list, size_t count)
{
	char end[64];

	snprintf(end, sizeof(end), " USB %s", usb->place);
	for (size_t i = 0; i < count; i++) {
		const size_t len = strlen(list[i].name);
		if (list[i].road == UKEY_ROAD_PCSC) {
			if (usb->serial[0] == '\0' || strcasecmp(list[i].serial, usb->serial) != 0)
				continue;
			doctor_add(
				d, DOCTOR_OK, "usb", "", _("USB %s, %s: used through pcscd"), usb->place, usb->model);
			return;
		}
		if (len < strlen(end) || strcmp(list[i].name + len - strlen(end), end) != 0)
			continue;
		if (list[i].state == UKEY_READER_DENIED)
			tell_denied(d, usb);
		else if (list[i].state == UKEY_READER_BUSY)
			tell_busy(d, usb, &list[i]);
		else
			tell_direct(d, usb);
		return;
	}
	tell_unreached(d, usb);
}

size_t doctor_usb(struct doctor *d, const struct ukey_reader_info *list, size_t count)
{
	DIR *dir = opendir(DEVICES);
	const struct dirent *entry;
	struct device usb;
	size_t found = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (look(entry->d_name, &usb)) {
			tell(d, &usb, list, count);
			found++;
		}
	if (dir != NULL)
		closedir(dir);
	return found;
}
