/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `ports`: devices, addresses, static neighbours, and that no two ports contradict. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_priv.h"

#define MIN_MTU 68	  /* RFC 791 */
#define MIN_MTU_V6 1280	  /* RFC 8200 5 */
#define MAX_MTU 9216
#define DEFAULT_MTU 1500

struct ip_prefix address_prefix(const struct config_address *a)
{
	struct ip_prefix p = {.addr = a->addr, .len = a->len};

	ip_prefix_canonicalise(&p);
	return p;
}

static bool port_connects(const struct config_port *p, const struct ip_addr *addr)
{
	for (size_t i = 0; i < p->n_addresses; i++) {
		struct ip_prefix prefix = address_prefix(&p->addresses[i]);

		if (ip_prefix_contains(&prefix, addr))
			return true;
	}
	return false;
}

const struct config_port *port_connected(const struct config *c, const struct ip_addr *addr)
{
	for (size_t i = 0; i < c->n_ports; i++)
		if (port_connects(&c->ports[i], addr))
			return &c->ports[i];
	return NULL;
}

const struct config_port *port_owning(const struct config *c, const struct ip_addr *addr)
{
	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++)
			if (ip_addr_equal(&c->ports[i].addresses[k].addr, addr))
				return &c->ports[i];
	return NULL;
}

/* --- device --- */

static const char *const kind_names[] = {
	[CONFIG_DEVICE_TAP] = "tap",
	[CONFIG_DEVICE_AF_PACKET] = "af_packet",
	[CONFIG_DEVICE_AF_XDP] = "af_xdp",
	[CONFIG_DEVICE_MEMIF] = "memif",
	[CONFIG_DEVICE_PCAP] = "pcap",
	[CONFIG_DEVICE_NULL] = "null",
	[CONFIG_DEVICE_RING] = "ring",
	[CONFIG_DEVICE_PCI] = "pci",
	[CONFIG_DEVICE_VMBUS] = "vmbus",
	NULL,
};

static const char *const role_names[] = {"client", "server", NULL};

/* Which kinds a key belongs to, and what a kind cannot do without: one key of `either`. */
#define K(kind) (1u << CONFIG_DEVICE_##kind)
static const struct {
	const char *key;
	unsigned int kinds;
} device_uses[] = {
	{"interface", K(TAP) | K(AF_PACKET) | K(AF_XDP)},
	{"address", K(PCI) | K(VMBUS)},
	{"mac", K(PCI) | K(VMBUS) | K(TAP) | K(MEMIF)},
	{"socket", K(MEMIF)},
	{"role", K(MEMIF)},
	{"id", K(MEMIF)},
	{"rx_file", K(PCAP)},
	{"tx_file", K(PCAP)},
};

static const struct {
	unsigned int kinds;
	const char *key, *or_key;
} device_needs[] = {
	{K(TAP) | K(AF_PACKET) | K(AF_XDP), "interface", NULL},
	{K(PCI) | K(VMBUS), "address", "mac"},
	{K(MEMIF), "socket", NULL},
	{K(PCAP), "rx_file", "tx_file"},
};
#undef K

static int load_interface(struct loader *l, const struct yaml_node *node, void *field)
{
	if (load_want_scalar(l, node, "eth1") < 0)
		return -1;
	/* As dev_valid_name() in the kernel. */
	if (strlen(node->text) >= 16 || node->text[0] == '\0' || strcmp(node->text, ".") == 0 ||
		strcmp(node->text, "..") == 0)
		goto fail;
	for (const char *p = node->text; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p) || *p == '/' || *p == ':' || *p == ',')
			goto fail;
	strcpy(field, node->text);
	return 0;
fail:
	load_fail(l, node, "'%.64s' cannot be the name of a kernel interface", node->text);
	return load_hint(l, "1 to 15 characters, none of them blank, '/', ':' or ',', as in eth1");
}

/* "xxxx:xx:xx.x", the domain being optional: each 'x' a hexadecimal digit. */
static bool matches(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, text++)
		if (*pattern == 'x' ? !isxdigit((unsigned char)*text) : *text != *pattern)
			return false;
	return *text == '\0';
}

static int load_bus_address(struct loader *l, const struct yaml_node *node, void *field)
{
	if (load_want_scalar(l, node, "0000:03:00.0") < 0)
		return -1;
	if (!matches(node->text, "xxxx:xx:xx.x") && !matches(node->text, "xx:xx.x") &&
		!matches(node->text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")) {
		load_fail(l, node, "'%.64s' is not the address of a device", node->text);
		return load_hint(l, "for pci as in 0000:03:00.0 (lspci -D); for vmbus the device's UUID");
	}
	strcpy(field, node->text);
	return 0;
}

/* The role is an enumeration in the file and a bool in the struct. */
struct device_draft {
	struct config_device d;
	unsigned int role;
};

#define FIELD(f) offsetof(struct device_draft, d.f)
#define SIZE(f) sizeof(((struct config_device *)0)->f)
static const struct key device_keys[] = {
	{"kind", KEY_ENUM, .required = true, .offset = FIELD(kind), .names = kind_names},
	{"interface", KEY_CUSTOM, .offset = FIELD(interface), .load = load_interface},
	{"address", KEY_CUSTOM, .offset = FIELD(address), .load = load_bus_address},
	{"mac", KEY_MAC, .offset = FIELD(mac)},
	{"socket", KEY_PATH, .offset = FIELD(socket), .max = SIZE(socket)},
	{"role", KEY_ENUM, .offset = offsetof(struct device_draft, role), .names = role_names},
	{"id", KEY_U32, .offset = FIELD(memif_id), .max = UINT32_MAX},
	{"rx_file", KEY_TEXT, .offset = FIELD(rx_file), .max = SIZE(rx_file)},
	{"tx_file", KEY_TEXT, .offset = FIELD(tx_file), .max = SIZE(tx_file)},
	{"devargs", KEY_TEXT, .offset = FIELD(devargs), .max = SIZE(devargs)},
};
#undef SIZE
#undef FIELD

/* Text that ends up between the commas of a DPDK device argument. */
static int check_devarg_text(struct loader *l, const struct yaml_node *node)
{
	if (node == NULL || strpbrk(node->text, ",=") == NULL)
		return 0;
	load_fail(l, node, "'%.64s' holds ',' or '='", node->text);
	return load_hint(l, "DPDK separates device arguments by these: choose another path");
}

static int check_device(struct loader *l, const struct yaml_node *node, const struct config_device *d)
{
	const char *kind = kind_names[d->kind];
	const struct yaml_node *v;

	for (size_t i = 0; i < RTE_DIM(device_uses); i++) {
		v = yaml_get(node, device_uses[i].key);
		if (v == NULL || (device_uses[i].kinds & 1u << d->kind) != 0)
			continue;
		load_fail(l, v->key, "'%s' means nothing for a device of kind %s", v->key->text, kind);
		return load_hint(l, "delete it, or is the kind another?");
	}
	for (size_t i = 0; i < RTE_DIM(device_needs); i++) {
		const char *or_key = device_needs[i].or_key;

		if ((device_needs[i].kinds & 1u << d->kind) == 0 ||
			yaml_get(node, device_needs[i].key) != NULL ||
			(or_key != NULL && yaml_get(node, or_key) != NULL))
			continue;
		load_fail(l, yaml_get(node, "kind"), "a device of kind %s needs '%s'%s%s%s", kind,
			device_needs[i].key, or_key != NULL ? " or '" : "",
			or_key != NULL ? or_key : "", or_key != NULL ? "'" : "");
		return load_hint(l, "add '%s: ...' beside the kind", device_needs[i].key);
	}
	v = yaml_get(node, "address");
	if (v != NULL && (strchr(d->address, '-') != NULL) != (d->kind == CONFIG_DEVICE_VMBUS)) {
		load_fail(l, v, "%s is no address on the bus of kind %s", v->text, kind);
		return load_hint(l, d->kind == CONFIG_DEVICE_VMBUS
			? "the device's UUID, from /sys/bus/vmbus/devices" : "as in 0000:03:00.0 (lspci -D)");
	}
	if (check_devarg_text(l, yaml_get(node, "socket")) < 0 ||
		check_devarg_text(l, yaml_get(node, "rx_file")) < 0 ||
		check_devarg_text(l, yaml_get(node, "tx_file")) < 0)
		return -1;
	return 0;
}

static int load_device(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_port *p = object;
	struct device_draft loaded = {.role = 0};

	static_assert(sizeof(loaded.d.kind) == sizeof(unsigned int), "KEY_ENUM stores an unsigned int");
	if (load_mapping(l, node, device_keys, RTE_DIM(device_keys), &loaded) < 0)
		return -1;
	p->device = loaded.d;
	p->device.server = loaded.role == 1;
	p->device.has_mac = yaml_get(node, "mac") != NULL;
	return check_device(l, node, &p->device);
}

/* --- addresses and neighbours --- */

static int check_address(struct loader *l, const struct yaml_node *node, const struct config_port *p,
	const struct config_address *a)
{
	struct ip_prefix net = address_prefix(a);
	const struct config_port *other;
	bool host_bits = !ip_addr_equal(&net.addr, &a->addr);

	if (a->len == 0) {
		load_fail(l, node, "a connected prefix of length 0 would hold every address");
		return load_hint(l, "give the subnet's length, as in 10.0.1.4/24");
	}
	if (load_unicast(l, node, &a->addr) < 0)
		return -1;
	/* RFC 3021 and RFC 6164: /31 and /127 have no network address. */
	if (!host_bits && a->len + 1u < ip_family_bits(a->addr.family)) {
		load_fail(l, node, "%s is the address of the subnet, not of a host in it", node->text);
		return load_hint(l, "give the port's own address with the subnet's length");
	}
	if (a->addr.family == IP_V4 && a->len < 31) {
		uint32_t host = rte_be_to_cpu_32(ip_addr_be32(&a->addr)) & (UINT32_MAX >> a->len);

		if (host == UINT32_MAX >> a->len) {
			load_fail(l, node, "%s is the subnet's broadcast address", node->text);
			return load_hint(l, "give the port's own address");
		}
	}
	other = port_owning(l->c, &a->addr);
	if (other != NULL) {
		load_fail(l, node, "%s is also an address of port '%s'", IP_ADDR_TEXT(&a->addr),
			other->name);
		return load_hint(l, "each address belongs to one port, once");
	}
	for (size_t i = 0; i < l->c->n_ports; i++) {
		const struct config_port *q = &l->c->ports[i];

		if (q == p || ip_addr_is_link_local(&a->addr))
			continue;
		for (size_t k = 0; k < q->n_addresses; k++) {
			struct ip_prefix theirs = address_prefix(&q->addresses[k]);

			if (!ip_prefix_covers(&theirs, &net) && !ip_prefix_covers(&net, &theirs))
				continue;
			load_fail(l, node, "%s overlaps %s on port '%s'", IP_PREFIX_TEXT(&net),
				IP_PREFIX_TEXT(&theirs), q->name);
			return load_hint(l, "a subnet is connected through one port only");
		}
	}
	return 0;
}

static int load_addresses(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_port *p = object;

	if (load_list(l, node, "addresses", CONFIG_ADDRESSES_MAX) < 0)
		return -1;
	p->addresses = load_array(l, node, sizeof(*p->addresses));
	if (p->addresses == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_address a;
		struct ip_prefix host;
		char text[IP_PREFIX_STRLEN];
		char *slash;

		if (load_want_scalar(l, v, "10.0.1.4/24") < 0)
			return -1;
		snprintf(text, sizeof(text), "%s", v->text);
		slash = strchr(text, '/');
		/* -EDOM, host bits set, is the rule here and the address is read by itself. */
		if (slash == NULL || ip_prefix_parse(v->text, &host) == -EINVAL) {
			load_fail(l, v, "'%.64s' is not an address with its prefix length", v->text);
			return load_hint(l, "as in 10.0.1.4/24 or fd00:1::4/64");
		}
		*slash = '\0';
		a.len = host.len;
		if (ip_addr_parse(text, &a.addr) < 0) {
			load_fail(l, v, "'%.64s' is not an address with its prefix length", v->text);
			return load_hint(l, "as in 10.0.1.4/24 or fd00:1::4/64");
		}
		if (check_address(l, v, p, &a) < 0)
			return -1;
		p->addresses[p->n_addresses++] = a;
	}
	return 0;
}

static const struct key neighbour_keys[] = {
	{"address", KEY_ADDR, .required = true, .offset = offsetof(struct config_neighbour, addr)},
	{"mac", KEY_MAC, .required = true, .offset = offsetof(struct config_neighbour, mac)},
};

static int load_neighbours(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_port *p = object;

	if (load_list(l, node, "neighbours", CONFIG_NEIGHBOURS_MAX) < 0)
		return -1;
	p->neighbours = load_array(l, node, sizeof(*p->neighbours));
	if (p->neighbours == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_neighbour *n = &p->neighbours[p->n_neighbours];
		const struct yaml_node *at;

		if (load_mapping(l, v, neighbour_keys, RTE_DIM(neighbour_keys), n) < 0)
			return -1;
		at = yaml_get(v, "address");
		if (load_unicast(l, at, &n->addr) < 0)
			return -1;
		if (!port_connects(p, &n->addr)) {
			load_fail(l, at, "%s is on no connected prefix of port '%s'", at->text, p->name);
			return load_hint(l, "a neighbour lies in the prefix of one of the port's addresses");
		}
		if (port_owning(l->c, &n->addr) != NULL) {
			load_fail(l, at, "%s is the port's own address", at->text);
			return load_hint(l, "name the neighbour's, for example the subnet gateway's");
		}
		for (size_t i = 0; i < p->n_neighbours; i++)
			if (ip_addr_equal(&p->neighbours[i].addr, &n->addr)) {
				load_fail(l, at, "duplicate neighbour %s", at->text);
				return load_hint(l, "an address has one MAC");
			}
		p->n_neighbours++;
	}
	return 0;
}

/* --- port --- */

#define FIELD(f) offsetof(struct config_port, f)
static const struct key port_keys[] = {
	{"name", KEY_NAME, .required = true, .offset = FIELD(name), .max = CONFIG_NAME_LEN},
	{"device", KEY_CUSTOM, .required = true, .load = load_device},
	{"mtu", KEY_U16, .offset = FIELD(mtu_bytes), .min = MIN_MTU, .max = MAX_MTU},
	{"addresses", KEY_CUSTOM, .load = load_addresses},
	{"neighbours", KEY_CUSTOM, .load = load_neighbours},
	{"stateful", KEY_BOOL, .offset = FIELD(stateful)},
	{"punt", KEY_BOOL, .offset = FIELD(punt)},
	{"punt_interface", KEY_CUSTOM, .offset = FIELD(punt_interface), .load = load_interface},
};
#undef FIELD

static bool same_device(const struct config_device *a, const struct config_device *b)
{
	if (a->interface[0] != '\0' && strcmp(a->interface, b->interface) == 0)
		return true;
	if (a->kind != b->kind)
		return false;
	if (a->kind == CONFIG_DEVICE_MEMIF)
		return strcmp(a->socket, b->socket) == 0 && a->memif_id == b->memif_id;
	if (a->kind != CONFIG_DEVICE_PCI && a->kind != CONFIG_DEVICE_VMBUS)
		return false;
	return (a->address[0] != '\0' && strcasecmp(a->address, b->address) == 0) ||
		(a->has_mac && b->has_mac && rte_is_same_ether_addr(&a->mac, &b->mac));
}

static int check_port(struct loader *l, const struct yaml_node *node, struct config_port *p)
{
	const struct yaml_node *punt = yaml_get(node, "punt");
	const struct yaml_node *punt_interface = yaml_get(node, "punt_interface");
	const struct yaml_node *mtu = yaml_get(node, "mtu");

	for (size_t i = 0; i < p->n_addresses; i++)
		if (p->addresses[i].addr.family == IP_V6 && p->mtu_bytes < MIN_MTU_V6) {
			load_fail(l, mtu, "an MTU of %u is too small for IPv6", p->mtu_bytes);
			return load_hint(l, "at least 1280 (RFC 8200 5) on a port with IPv6 addresses");
		}
	if (p->device.kind == CONFIG_DEVICE_AF_XDP) {
		if (punt_interface != NULL || (punt != NULL && p->punt)) {
			load_fail(l, punt_interface != NULL ? punt_interface->key : punt,
				"a port over af_xdp has no punt interface");
			return load_hint(l, "the kernel keeps the device: XDP passes its traffic to it");
		}
		p->punt = false;
		p->punt_interface[0] = '\0';
	} else if (p->punt && punt_interface == NULL) {
		/* The first 12 characters of the name: an interface's has at most 15. */
		snprintf(p->punt_interface, sizeof(p->punt_interface), "nv-%.12s", p->name);
	}
	for (size_t i = 0; i + 1 < l->c->n_ports; i++) {
		const struct config_port *q = &l->c->ports[i];

		if (strcmp(q->name, p->name) == 0) {
			load_fail(l, yaml_get(node, "name"), "duplicate port name '%s'", p->name);
			return load_hint(l, "each port needs a name of its own");
		}
		if (same_device(&q->device, &p->device)) {
			load_fail(l, yaml_get(node, "device"), "port '%s' uses the same device", q->name);
			return load_hint(l, "a device belongs to one port");
		}
		if (p->punt && q->punt && strcmp(q->punt_interface, p->punt_interface) == 0) {
			load_fail(l, punt_interface != NULL ? punt_interface : yaml_get(node, "name"),
				"the punt interface would be '%s', which is port '%s's", p->punt_interface,
				q->name);
			return load_hint(l, "set 'punt_interface' to a name of its own");
		}
	}
	return 0;
}

int load_ports(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	if (load_list(l, node, "ports", CONFIG_PORTS_MAX) < 0)
		return -1;
	if (node->n_children == 0) {
		load_fail(l, node, "no port");
		return load_hint(l, "a forwarder needs at least one");
	}
	c->ports = load_array(l, node, sizeof(*c->ports));
	if (c->ports == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_port *p = &c->ports[c->n_ports++];

		p->mtu_bytes = DEFAULT_MTU;
		p->punt = true;
		if (load_mapping(l, v, port_keys, RTE_DIM(port_keys), p) < 0 ||
			check_port(l, v, p) < 0)
			return -1;
	}
	return 0;
}
