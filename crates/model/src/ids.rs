//! Names and numbers that must not be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The ordinal of a member within its cluster: the number at the end of its pod's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Namespace and name of a cluster. Both are DNS labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId {
    /// The namespace, 1 to 63 characters.
    pub namespace: String,
    /// The name of the `MySQLCluster`, 1 to 40 characters.
    pub name: String,
}

/// Why a namespace or a cluster name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a DNS label (RFC 1123, section 2.1).
    #[error(
        "{what} {value:?} is not a DNS label: use lower-case letters, digits and '-', beginning and ending with a letter or digit"
    )]
    NotALabel {
        /// Which of the two names.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// Longer than allowed.
    #[error("{what} {value:?} has {length} characters; at most {max} are allowed")]
    TooLong {
        /// Which of the two names.
        what: &'static str,
        /// What was given.
        value: String,
        /// Its length.
        length: usize,
        /// The limit.
        max: usize,
    },
}

/// Longest name of a cluster. The names of its objects are made from it, and must stay DNS labels.
pub const CLUSTER_NAME_MAX: usize = 40;
/// Longest name of a namespace: a DNS label (RFC 1123).
pub const NAMESPACE_MAX: usize = 63;

impl ClusterId {
    /// Checks both names.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        label("namespace", namespace, NAMESPACE_MAX)?;
        label("cluster name", name, CLUSTER_NAME_MAX)?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// `moco-NAME`: the name of the `StatefulSet`, the headless Service and most other objects.
    pub fn prefixed_name(&self) -> String {
        format!("moco-{}", self.name)
    }

    /// The name of a member's pod.
    pub fn pod_name(&self, member: MemberId) -> String {
        format!("moco-{}-{}", self.name, member)
    }

    /// The member whose pod has exactly this name; none for any other name.
    pub fn member_of(&self, pod_name: &str) -> Option<MemberId> {
        let number = pod_name
            .strip_prefix(&self.prefixed_name())?
            .strip_prefix('-')?;
        let member = MemberId(number.parse().ok()?);
        // A number has other spellings: `01`, `+1`.
        (self.pod_name(member) == pod_name).then_some(member)
    }

    /// The host name under which a member is known to the others, as the headless Service serves it.
    pub fn pod_host(&self, member: MemberId) -> String {
        format!(
            "moco-{0}-{1}.moco-{0}.{2}.svc",
            self.name, member, self.namespace
        )
    }
}

fn label(what: &'static str, value: &str, max: usize) -> Result<(), NameError> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if value.is_empty()
        || !value.chars().all(inner)
        || value.starts_with('-')
        || value.ends_with('-')
    {
        return Err(NameError::NotALabel {
            what,
            value: value.to_owned(),
        });
    }
    if value.len() > max {
        return Err(NameError::TooLong {
            what,
            value: value.to_owned(),
            length: value.len(),
            max,
        });
    }
    Ok(())
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The `uid` of the `MySQLCluster` object. A cluster deleted and made again has another one, so a
/// volume that carries the old one is recognised as foreign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterUid(pub String);

impl fmt::Display for ClusterUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server's identity as MySQL knows it (`server_uuid`, the first part of its GTIDs).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUuid(u128);

/// The text was no UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct UuidError(pub String);

impl ServerUuid {
    /// Makes one from its 128 bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }
}

impl FromStr for ServerUuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let refused = || UuidError(text.to_owned());
        if text.len() != 36 || !text.is_ascii() {
            return Err(refused());
        }
        let mut bits: u128 = 0;
        for (at, byte) in text.bytes().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return Err(refused());
                }
            } else {
                let digit = char::from(byte).to_digit(16).ok_or_else(refused)?;
                bits = bits << 4 | u128::from(digit);
            }
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            b >> 96,
            (b >> 80) & 0xffff,
            (b >> 64) & 0xffff,
            (b >> 48) & 0xffff,
            b & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for ServerUuid {
    type Error = UuidError;

    fn try_from(text: String) -> Result<Self, UuidError> {
        text.parse()
    }
}

impl From<ServerUuid> for String {
    fn from(uuid: ServerUuid) -> Self {
        uuid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_printed_as_it_was_read() {
        let text = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        assert_eq!(text.parse::<ServerUuid>().unwrap().to_string(), text);
        assert!(
            "3e11fa47-71ca-11e1-9e33-c80aa942956"
                .parse::<ServerUuid>()
                .is_err()
        );
        assert!(
            "3e11fa47x71ca-11e1-9e33-c80aa9429562"
                .parse::<ServerUuid>()
                .is_err()
        );
    }

    #[test]
    fn names_that_are_no_dns_labels_are_refused_by_name() {
        assert!(ClusterId::new("default", "a").is_ok());
        assert!(ClusterId::new("default", &"a".repeat(40)).is_ok());
        let long = ClusterId::new("default", &"a".repeat(41)).unwrap_err();
        assert!(long.to_string().contains("at most 40"), "{long}");
        for bad in ["", "-a", "a-", "A", "a.b", "a/b"] {
            assert!(ClusterId::new("default", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pod_is_a_member_only_under_the_exact_name() {
        let id = ClusterId::new("shop", "a").unwrap();
        for member in [MemberId(0), MemberId(12)] {
            assert_eq!(id.member_of(&id.pod_name(member)), Some(member));
        }
        for other in ["moco-a-b-0", "moco-a-", "moco-a-01", "moco-a-+1", "x"] {
            assert_eq!(id.member_of(other), None, "{other}");
        }
    }

    #[test]
    fn hosts_are_named_as_the_headless_service_serves_them() {
        let id = ClusterId::new("prod", "orders").unwrap();
        assert_eq!(
            id.pod_host(MemberId(2)),
            "moco-orders-2.moco-orders.prod.svc"
        );
    }
}
