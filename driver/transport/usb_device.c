/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libusb. Each claimed device has a libusb context of its own, made when it is claimed and gone when it is given back:
 * nothing of libusb runs in a process that uses no USB token, and no device waits for another's events.
 */
#include "config.h"

#include "driver/transport/usb_device.h"

#include "driver/transport/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <libusb.h>

#define CLASS_CCID    0x0B
#define PROTOCOL_BULK 0x00 /* bInterfaceProtocol; 1 and 2 are CCIDs on the control pipe alone */

struct usb_claim {
	libusb_context *usb;
	libusb_device_handle *handle;
	int interface; /* -1: not claimed */
	struct ccid_description is;
	struct ccid_pipes pipes;
};

/* ---- outcomes ---------------------------------------------------------------------------------------------------- */

static enum ccid_io io_of(int error)
{
	switch (error) {
	case LIBUSB_SUCCESS:
		return CCID_IO_OK;
	case LIBUSB_ERROR_TIMEOUT:
		return CCID_IO_TIMEOUT;
	case LIBUSB_ERROR_PIPE:
		return CCID_IO_STALLED;
	case LIBUSB_ERROR_NO_DEVICE:
		return CCID_IO_GONE;
	default:
		return CCID_IO_FAILED;
	}
}

static enum ukey_status status_of(int error, const char **why)
{
	if (error < 0)
		*why = libusb_error_name(error);
	switch (error) {
	case LIBUSB_ERROR_ACCESS:
		return UKEY_NO_PERMISSION;
	case LIBUSB_ERROR_BUSY:
		return UKEY_TOKEN_BUSY;
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND:
		return UKEY_TOKEN_REMOVED;
	case LIBUSB_ERROR_NO_MEM:
		return UKEY_MEMORY;
	default:
		return error < 0 ? UKEY_COMMUNICATION : UKEY_OK;
	}
}

/* ---- the pipes --------------------------------------------------------------------------------------------------- */

#define CLASS_TO_INTERFACE (LIBUSB_ENDPOINT_OUT | LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE)

static enum ccid_io pipe_control(void *ctx, uint8_t request, uint16_t value, unsigned ms)
{
	struct usb_claim *c = ctx;
	int n = libusb_control_transfer(
		c->handle, CLASS_TO_INTERFACE, request, value, (uint16_t)c->interface, NULL, 0, ms);

	return io_of(n < 0 ? n : LIBUSB_SUCCESS);
}

/* For libusb no time-out is zero; for us it is the shortest. */
static enum ccid_io transfer(
	struct usb_claim *c, uint8_t endpoint, uint8_t *data, size_t len, size_t *done, unsigned ms)
{
	int n = 0, error = libusb_bulk_transfer(c->handle, endpoint, data, (int)len, &n, ms ? ms : 1);

	*done = n > 0 ? (size_t)n : 0;
	return io_of(error);
}

static enum ccid_io pipe_out(void *ctx, struct bytes data, unsigned ms)
{
	struct usb_claim *c = ctx;
	size_t done;
	/* libusb does not write there. */
	enum ccid_io io = transfer(c, c->is.out, (uint8_t *)(uintptr_t)data.data, data.len, &done, ms);

	return io == CCID_IO_OK && done != data.len ? CCID_IO_FAILED : io;
}

static enum ccid_io pipe_in(void *ctx, uint8_t *to, size_t room, size_t *got, unsigned ms)
{
	struct usb_claim *c = ctx;

	return transfer(c, c->is.in, to, room, got, ms);
}

static enum ccid_io pipe_clear(void *ctx, enum ccid_pipe pipe)
{
	struct usb_claim *c = ctx;
	const uint8_t endpoints[] = {
		[CCID_PIPE_OUT] = c->is.out, [CCID_PIPE_IN] = c->is.in, [CCID_PIPE_INTERRUPT] = c->is.interrupt};

	return io_of(libusb_clear_halt(c->handle, endpoints[pipe]));
}

static uint64_t pipe_now(void *ctx)
{
	(void)ctx;
	return clock_ms();
}

enum ccid_notice usb_claim_notice(struct usb_claim *c, unsigned ms)
{
	uint8_t data[CCID_SLOT_PACKET_MAX];
	int n = 0;

	if (!c->is.interrupt || libusb_interrupt_transfer(c->handle, c->is.interrupt, data, (int)c->is.interrupt_packet,
					&n, ms) != LIBUSB_SUCCESS)
		return CCID_NOTICE_NONE;
	return ccid_notice(BYTES(data, n > 0 ? (size_t)n : 0));
}

/* ---- claiming ---------------------------------------------------------------------------------------------------- */

/* libusb's thread shall not be the one that takes the program's signals. */
static int init_quietly(libusb_context **out)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = libusb_init(out);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static int open_at(struct usb_claim *c, unsigned bus, unsigned address)
{
	libusb_device **list = NULL;
	ssize_t n = libusb_get_device_list(c->usb, &list);
	int error = n < 0 ? (int)n : LIBUSB_ERROR_NO_DEVICE;

	for (ssize_t i = 0; i < n; i++) {
		if (libusb_get_bus_number(list[i]) != bus || libusb_get_device_address(list[i]) != address)
			continue;
		error = libusb_open(list[i], &c->handle);
		break;
	}
	if (list)
		libusb_free_device_list(list, 1);
	return error;
}

#define ENDPOINTS_MAX 16u

static struct bytes extra_of(const unsigned char *data, int len)
{
	return data && len > 0 ? BYTES(data, (size_t)len) : BYTES_NONE;
}

/* The class's descriptor stands behind the interface's; some devices put it behind the last endpoint's. */
static enum ukey_status describe(
	const struct libusb_interface_descriptor *d, struct ccid_description *is, const char **why)
{
	struct ccid_endpoint e[ENDPOINTS_MAX];
	struct bytes functional = extra_of(d->extra, d->extra_length);
	size_t n = 0;

	for (; n < d->bNumEndpoints && n < ENDPOINTS_MAX; n++) {
		const struct libusb_endpoint_descriptor *from = &d->endpoint[n];
		e[n] = (struct ccid_endpoint){from->bEndpointAddress, from->bmAttributes, from->wMaxPacketSize};
		if (functional.len == 0)
			functional = extra_of(from->extra, from->extra_length);
	}
	return ccid_describe(functional, e, n, is, why);
}

static const struct libusb_interface_descriptor *find_ccid(const struct libusb_config_descriptor *config)
{
	for (int i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface *interface = &config->interface[i];
		if (interface->num_altsetting > 0 && interface->altsetting[0].bInterfaceClass == CLASS_CCID &&
			interface->altsetting[0].bInterfaceProtocol == PROTOCOL_BULK)
			return &interface->altsetting[0];
	}
	return NULL;
}

static enum ukey_status claim(struct usb_claim *c, const char **why)
{
	struct libusb_config_descriptor *config = NULL;
	const struct libusb_interface_descriptor *d;
	enum ukey_status status =
		status_of(libusb_get_active_config_descriptor(libusb_get_device(c->handle), &config), why);

	if (status != UKEY_OK)
		return status;
	d = find_ccid(config);
	if (d) {
		status = describe(d, &c->is, why);
	} else {
		*why = "it has no CCID interface with bulk pipes";
		status = UKEY_NOT_SUPPORTED;
	}
	if (status == UKEY_OK) {
		/* Where the system cannot take drivers off there is none. */
		(void)libusb_set_auto_detach_kernel_driver(c->handle, 1);
		status = status_of(libusb_claim_interface(c->handle, d->bInterfaceNumber), why);
	}
	if (status == UKEY_OK)
		c->interface = d->bInterfaceNumber;
	libusb_free_config_descriptor(config);
	return status;
}

enum ukey_status usb_claim_new(unsigned bus, unsigned address, struct usb_claim **out, const char **why)
{
	struct usb_claim *c = calloc(1, sizeof *c);
	enum ukey_status status;

	if (!c)
		return UKEY_MEMORY;
	c->interface = -1;
	c->pipes = (struct ccid_pipes){
		.ctx = c,
		.control = pipe_control,
		.bulk_out = pipe_out,
		.bulk_in = pipe_in,
		.clear_halt = pipe_clear,
		.now = pipe_now,
	};
	status = status_of(init_quietly(&c->usb), why);
	if (status != UKEY_OK)
		c->usb = NULL;
	if (status == UKEY_OK)
		status = status_of(open_at(c, bus, address), why);
	if (status == UKEY_OK)
		status = claim(c, why);
	if (status == UKEY_OK)
		*out = c;
	else
		usb_claim_free(c);
	return status;
}

void usb_claim_free(struct usb_claim *c)
{
	if (!c)
		return;
	if (c->interface >= 0)
		(void)libusb_release_interface(c->handle, c->interface);
	if (c->handle)
		libusb_close(c->handle);
	if (c->usb)
		libusb_exit(c->usb);
	free(c);
}

const struct ccid_pipes *usb_claim_pipes(const struct usb_claim *c)
{
	return &c->pipes;
}

const struct ccid_description *usb_claim_description(const struct usb_claim *c)
{
	return &c->is;
}
