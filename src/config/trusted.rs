//! Headers of proxies that are believed (WSGITrustedProxyHeaders), and the proxies that are (WSGITrustedProxies).

use std::net::IpAddr;

use super::error::ConfigError;
use super::options::nearest;
use super::values::Value;
use super::words::printable;

/// What a header of a proxy speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    /// REMOTE_ADDR
    Client,
    /// HTTP_HOST
    Host,
    /// SERVER_PORT
    Port,
    /// `wsgi.url_scheme`
    Scheme,
    /// SCRIPT_NAME
    ScriptName,
    /// SERVER_NAME
    Server,
}

/// A header that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrustedHeader {
    /// The variable it becomes, as `HTTP_X_FORWARDED_FOR`.
    pub(crate) variable: &'static str,
    pub(crate) category: Category,
}

/// All that are understood, by the name of the header.
const KNOWN: [(&str, TrustedHeader); 15] = [
    ("X-Client-IP", header("HTTP_X_CLIENT_IP", Category::Client)),
    ("X-Forwarded-For", header(FORWARDED_FOR, Category::Client)),
    ("X-Forwarded-HTTPS", header("HTTP_X_FORWARDED_HTTPS", Category::Scheme)),
    ("X-Forwarded-Host", header("HTTP_X_FORWARDED_HOST", Category::Host)),
    ("X-Forwarded-Port", header("HTTP_X_FORWARDED_PORT", Category::Port)),
    ("X-Forwarded-Proto", header("HTTP_X_FORWARDED_PROTO", Category::Scheme)),
    ("X-Forwarded-SSL", header("HTTP_X_FORWARDED_SSL", Category::Scheme)),
    ("X-Forwarded-Scheme", header("HTTP_X_FORWARDED_SCHEME", Category::Scheme)),
    ("X-Forwarded-Script-Name", header("HTTP_X_FORWARDED_SCRIPT_NAME", Category::ScriptName)),
    ("X-Forwarded-Server", header("HTTP_X_FORWARDED_SERVER", Category::Server)),
    ("X-HTTPS", header("HTTP_X_HTTPS", Category::Scheme)),
    ("X-Host", header("HTTP_X_HOST", Category::Host)),
    ("X-Real-IP", header("HTTP_X_REAL_IP", Category::Client)),
    ("X-Scheme", header("HTTP_X_SCHEME", Category::Scheme)),
    ("X-Script-Name", header("HTTP_X_SCRIPT_NAME", Category::ScriptName)),
];

/// The variable of X-Forwarded-For, the one header with several items.
pub(crate) const FORWARDED_FOR: &str = "HTTP_X_FORWARDED_FOR";

const fn header(variable: &'static str, category: Category) -> TrustedHeader {
    TrustedHeader { variable, category }
}

impl TrustedHeader {
    /// All headers of a category.
    pub(crate) fn of(category: Category) -> impl Iterator<Item = Self> {
        KNOWN.into_iter().map(|(_, header)| header).filter(move |header| header.category == category)
    }
}

impl Value for TrustedHeader {
    const EXPECTED: &'static str = "known are X-Client-IP, X-Forwarded-For, X-Forwarded-HTTPS, X-Forwarded-Host, \
         X-Forwarded-Port, X-Forwarded-Proto, X-Forwarded-SSL, X-Forwarded-Scheme, X-Forwarded-Script-Name, \
         X-Forwarded-Server, X-HTTPS, X-Host, X-Real-IP, X-Scheme and X-Script-Name";

    fn parse(word: &[u8]) -> Option<Self> {
        let found = KNOWN.into_iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        found.map(|(_, header)| header)
    }

    fn read(word: &[u8], what: &'static str) -> Result<Self, ConfigError> {
        let (name, expected) = (printable(word), Self::EXPECTED);
        Self::parse(word).ok_or_else(|| match nearest(&name, KNOWN.into_iter().map(|(name, _)| name)) {
            Some(near) => ConfigError::UnknownOption { nearest: Some(near.to_owned()), name },
            None => ConfigError::BadValue { what, value: name, expected },
        })
    }
}

/// An address, or all addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` belongs to it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl Value for Network {
    const EXPECTED: &'static str = "it is an IP address, address/bits or address/netmask";

    fn parse(word: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(word).ok()?;
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let given: IpAddr = address.parse().ok()?;
        let address = given.to_canonical(); // as those that it is compared with
        let mapped = if given == address { 0 } else { 96 };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match mask {
            None => most,
            Some(mask) if given.is_ipv4() && mask.contains('.') => netmask(mask.parse().ok()?)?,
            Some(bits) => bits.parse::<u8>().ok()?.checked_sub(mapped)?,
        };
        (bits <= most).then_some(Self { address, bits })
    }
}

/// The number of leading ones, if nothing but zeros follows.
fn netmask(mask: std::net::Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then(|| u8::try_from(ones).ok())?
}

/// Who the client is by X-Forwarded-For: the client, and the header's value from the client onward (`None`: as it is).
///
/// Without `proxies` the first item; else, from the right, the first that is not a trusted proxy. An item that is
/// not an address ends the walk; no name is looked up.
pub(crate) fn forwarded_for<'v>(
    value: &'v [u8],
    proxies: Option<&[Network]>,
) -> Option<(&'v [u8], Option<Vec<u8>>)> {
    let items: Vec<&[u8]> =
        value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty()).collect();
    let Some(proxies) = proxies else { return Some((items.first()?, None)) };
    let trusted = |item: &[u8]| is_trusted(item, proxies);
    let from = items.iter().rposition(|item| !trusted(item)).unwrap_or(0);
    let rest = items.get(from..)?;
    Some((rest.first()?, Some(rest.join(b", ".as_slice()))))
}

/// Whether `address` is that of a trusted proxy.
pub(crate) fn is_trusted(address: &[u8], proxies: &[Network]) -> bool {
    let address = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
    address.is_some_and(|address| proxies.iter().any(|network| network.contains(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(words: &[&str]) -> Vec<Network> {
        words.iter().map(|word| Network::parse(word.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn networks_contain() {
        let trusted = networks(&["10.0.0.0/8", "192.168.1.7", "fd00::/16", "172.16.0.0/255.240.0.0"]);
        for address in ["10.1.2.3", "192.168.1.7", "fd00::1", "::ffff:10.0.0.1", "172.31.0.1"] {
            assert!(is_trusted(address.as_bytes(), &trusted), "{address}");
        }
        for address in ["11.0.0.1", "192.168.1.8", "fe80::1", "172.32.0.1", "host", ""] {
            assert!(!is_trusted(address.as_bytes(), &trusted), "{address}");
        }
        assert!(is_trusted(b"1.2.3.4", &networks(&["0.0.0.0/0"])));
        let mapped = networks(&["::ffff:10.0.0.0/104", "::ffff:1.2.3.4"]);
        assert!(is_trusted(b"10.9.9.9", &mapped) && is_trusted(b"::ffff:1.2.3.4", &mapped));
        assert!(!is_trusted(b"11.0.0.1", &mapped));
        for junk in [
            "::ffff:1.2.3.4/64",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/255.0.255.0",
            "fd00::1/255.255.0.0",
            "",
        ] {
            assert!(Network::parse(junk.as_bytes()).is_none(), "{junk}");
        }
    }

    #[test]
    fn walks_from_the_right() {
        let trusted = networks(&["10.0.0.0/8"]);
        let walk = |value: &'static str| {
            let (client, rest) = forwarded_for(value.as_bytes(), Some(&trusted)).unwrap();
            (String::from_utf8_lossy(client).into_owned(), String::from_utf8(rest.unwrap()).unwrap())
        };
        assert_eq!(walk("1.1.1.1, 2.2.2.2,10.0.0.1"), ("2.2.2.2".into(), "2.2.2.2, 10.0.0.1".into()));
        assert_eq!(walk("10.0.0.2, 10.0.0.1"), ("10.0.0.2".into(), "10.0.0.2, 10.0.0.1".into()));
        assert_eq!(walk("1.1.1.1"), ("1.1.1.1".into(), "1.1.1.1".into()));
        assert_eq!(walk("1.1.1.1, name, 10.0.0.1").0, "name");
        assert_eq!(forwarded_for(b" , 3.3.3.3, 4.4.4.4", None), Some((&b"3.3.3.3"[..], None)));
        assert_eq!(forwarded_for(b" , ", None), None);
    }

    #[test]
    fn headers_are_known() {
        assert_eq!(TrustedHeader::parse(b"x-forwarded-for").unwrap().variable, FORWARDED_FOR);
        assert!(TrustedHeader::parse(b"X_Forwarded_For").is_none());
        for (name, header) in KNOWN {
            assert_eq!(header.variable, format!("HTTP_{}", name.to_uppercase().replace('-', "_")));
            assert!(TrustedHeader::EXPECTED.contains(name));
        }
    }
}
