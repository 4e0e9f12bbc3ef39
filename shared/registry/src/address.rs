//! Which network addresses a registry may send this client to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address that came from a registry is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anywhere: the registry was named by the user.
    Anywhere,
    /// Not this machine and not the network's own services (link-local, instance metadata). Private
    /// networks are fine by name: a blob store behind a VPC endpoint has private addresses.
    NotThisMachine,
    /// Only addresses of the public internet.
    Public,
}

impl Reach {
    /// Whether a connection to this address is allowed.
    pub(crate) fn allows(self, ip: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::NotThisMachine => !is_own(ip),
            Self::Public => !is_own(ip) && !is_private(ip),
        }
    }
}

/// The address behind IPv6 spellings of IPv4 addresses: mapped, compatible, NAT64, 6to4.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [s0, s1, s2, s3, s4, s5, s6, s7] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match (s0, s1, s2, s3, s4, s5) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(s6, s7),
        // `::1` and `::` themselves are not spellings of an IPv4 address.
        (0, 0, 0, 0, 0, 0) if s6 != 0 || s7 > 1 => v4(s6, s7),
        (0x2002, ..) => v4(s1, s2),
        _ => ip,
    }
}

pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    plain(ip).is_loopback()
}

/// This machine, "any" address, multicast, link-local and the metadata services of clouds.
fn is_own(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.octets().first() == Some(&0)
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                // Alibaba's metadata service lives in shared address space.
                || v4 == Ipv4Addr::new(100, 100, 100, 200)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                // EC2's metadata service on IPv6.
                || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Addresses that mean something inside one network only (RFC 6890 and the registries behind it).
fn is_private(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b))
                || v4.is_documentation()
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let [s0, s1, ..] = v6.segments();
            v6.is_unique_local()
                // Site-local, long withdrawn and still routed here and there.
                || (s0 & 0xffc0) == 0xfec0
                // Documentation and the discard prefix.
                || (s0 == 0x2001 && s1 == 0x0db8)
                || s0 == 0x0100
                // Local-use NAT64 leads into private networks.
                || (s0 == 0x64 && s1 == 0xff9b)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::{Host, Url};

    fn ip(text: &str) -> IpAddr {
        match Url::parse(&format!("http://{text}/")).unwrap().host() {
            Some(Host::Ipv4(v4)) => v4.into(),
            Some(Host::Ipv6(v6)) => v6.into(),
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn this_machine_and_metadata_are_refused_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "0.0.0.0",
            "0",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::169.254.169.254]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
        ] {
            assert!(!Reach::Public.allows(ip(text)), "{text}");
            assert!(!Reach::NotThisMachine.allows(ip(text)), "{text}");
            assert!(Reach::Anywhere.allows(ip(text)), "{text}");
        }
    }

    #[test]
    fn private_networks_are_not_public() {
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "[fc00::1]",
            "[fd12::1]",
            "[fec0::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b:1::1]",
            "[2001:db8::1]",
        ] {
            assert!(!Reach::Public.allows(ip(text)), "{text}");
            assert!(Reach::NotThisMachine.allows(ip(text)), "{text}");
        }
    }

    #[test]
    fn the_public_internet_is_public() {
        for text in [
            "52.216.0.1",
            "1.1.1.1",
            "[2600:1f18::1]",
            "[64:ff9b::1.1.1.1]",
        ] {
            assert!(Reach::Public.allows(ip(text)), "{text}");
        }
    }
}
