//! Which addresses a request may go to. Only the public internet, unless the configuration says more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::config::Allowed;

/// IPv4 networks that are not the public internet, and what they are (RFC 6890 and its registry).
const CLOSED_V4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), "the unspecified address, which is this machine"),
    (v4([10, 0, 0, 0], 8), "a private address"),
    (v4([100, 64, 0, 0], 10), "an address behind a carrier's NAT"),
    (v4([127, 0, 0, 0], 8), "a loopback address"),
    // Holds the metadata service of most clouds.
    (v4([169, 254, 0, 0], 16), "a link-local address"),
    (v4([172, 16, 0, 0], 12), "a private address"),
    (v4([192, 0, 0, 0], 24), "an address for protocols"),
    (v4([192, 0, 2, 0], 24), "an address for documentation"),
    (v4([192, 88, 99, 0], 24), "an address of 6to4 relays"),
    (v4([192, 168, 0, 0], 16), "a private address"),
    (v4([198, 18, 0, 0], 15), "an address for benchmarks"),
    (v4([198, 51, 100, 0], 24), "an address for documentation"),
    (v4([203, 0, 113, 0], 24), "an address for documentation"),
    (v4([224, 0, 0, 0], 4), "a multicast address"),
    (v4([240, 0, 0, 0], 4), "a reserved address"),
    // Public by its number, and answered inside each virtual machine of one cloud.
    (v4([168, 63, 129, 16], 32), "a cloud's metadata address"),
];

/// IPv6 networks inside the public ones that lead elsewhere. All outside of `2000::/3` is closed anyway.
const CLOSED_V6: &[(Ipv6Net, &str)] = &[
    // Teredo, benchmarks and identifiers that are no addresses.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "an address for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "an address for documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "a 6to4 address, which carries an IPv4 one"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "an address for documentation"),
];

/// Names for the rest of what is not public.
const NAMED_V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "the unspecified address, which is this machine"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a private address"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
];

const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// The well-known prefix behind which a NAT64 gateway reaches IPv4 (RFC 6052).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6(parts: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(parts), prefix)
}

/// Why a request must not go to the address; `None` where it may.
///
/// An address that another one is carried in is judged by what it leads to: the machine connects to `::ffff:10.0.0.1`
/// by IPv4, and a NAT64 gateway does the same for its prefix.
pub(super) fn closed(address: IpAddr, allowed: &Allowed) -> Option<&'static str> {
    if allowed.has_address(address) {
        return None;
    }
    match address {
        IpAddr::V4(address) => closed_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped().or_else(|| behind_nat64(address)) {
            Some(inner) => closed(IpAddr::V4(inner), allowed),
            None => closed_v6(address),
        },
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<&'static str> {
    CLOSED_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, what)| *what)
}

fn closed_v6(address: Ipv6Addr) -> Option<&'static str> {
    let among = |networks: &[(Ipv6Net, &'static str)]| {
        networks.iter().find(|(network, _)| network.contains(&address)).map(|(_, what)| *what)
    };
    if PUBLIC_V6.contains(&address) {
        return among(CLOSED_V6);
    }
    Some(among(NAMED_V6).unwrap_or("outside of the public addresses"))
}

fn behind_nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    NAT64.contains(&address).then_some(Ipv4Addr::new(a, b, c, d))
}
