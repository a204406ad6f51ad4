//! Who a certificate speaks for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A Kubernetes namespace: a DNS label of at most 63 characters.
pub type Namespace = Label<63>;

/// The name of a cluster: a DNS label of at most 40 characters.
///
/// 40 is the limit that `MySQLCluster` has always had: the names derived from it must fit into
/// 63 characters. Dots are refused, because the Services named after it must be labels.
pub type ClusterName = Label<40>;

const CONTROLLER_URI: &str = "moco:controller";
const CLUSTER_URI_PREFIX: &str = "moco:cluster/";

/// A DNS label (RFC 1123, lower case) of at most `MAX` characters.
///
/// The limit is part of the type, so a namespace cannot be passed where a cluster name is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label<const MAX: usize>(String);

impl<const MAX: usize> Label<MAX> {
    /// Checks the text and keeps it.
    pub fn new(text: impl Into<String>) -> Result<Self, IdentityError> {
        let text = text.into();
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let edge = |c: Option<&u8>| c.is_some_and(|c| *c != b'-');
        let bytes = text.as_bytes();
        let good = bytes.len() <= MAX
            && bytes.iter().copied().all(inner)
            && edge(bytes.first())
            && edge(bytes.last());
        if good {
            Ok(Self(text))
        } else {
            Err(IdentityError::Label { chars_max: MAX })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Label<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> FromStr for Label<MAX> {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl<const MAX: usize> TryFrom<String> for Label<MAX> {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl<const MAX: usize> From<Label<MAX>> for String {
    fn from(label: Label<MAX>) -> Self {
        label.0
    }
}

impl<const MAX: usize> PartialEq<str> for Label<MAX> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

/// Who a certificate speaks for: the one URI name it carries.
///
/// The text form is that URI: `moco:controller` or `moco:cluster/<namespace>/<name>`. All members
/// of a cluster share one identity; which member it is follows from the address that was dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Identity {
    /// The controller: the only one whose commands an agent accepts.
    Controller,
    /// A member of this cluster.
    Cluster {
        /// Namespace of the cluster.
        namespace: Namespace,
        /// Name of the cluster.
        name: ClusterName,
    },
}

/// Why a text is not an identity. The text itself is not repeated: it came from outside and may
/// be of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// Neither of the two forms.
    #[error("not of the form moco:controller or moco:cluster/<namespace>/<name>")]
    Form,
    /// A namespace or name that cannot be one.
    #[error("a name is not 1 to {chars_max} lower-case letters, digits or inner hyphens")]
    Label {
        /// The most characters allowed.
        chars_max: usize,
    },
}

impl Identity {
    /// The identity of a cluster's members, from unchecked text.
    pub fn cluster(namespace: &str, name: &str) -> Result<Self, IdentityError> {
        Ok(Self::Cluster {
            namespace: Namespace::new(namespace)?,
            name: ClusterName::new(name)?,
        })
    }

    /// A common name for people, at most 64 characters (the X.520 bound that OpenSSL enforces).
    ///
    /// Nothing is decided by it. It holds spaces so that it can never be taken for a host name,
    /// and no namespace, which would not always fit.
    pub(crate) fn common_name(&self) -> String {
        match self {
            Self::Controller => "moco controller".to_owned(),
            Self::Cluster { name, .. } => format!("moco cluster {name}"),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str(CONTROLLER_URI),
            Self::Cluster { namespace, name } => {
                write!(f, "{CLUSTER_URI_PREFIX}{namespace}/{name}")
            }
        }
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == CONTROLLER_URI {
            return Ok(Self::Controller);
        }
        let rest = text
            .strip_prefix(CLUSTER_URI_PREFIX)
            .ok_or(IdentityError::Form)?;
        let (namespace, name) = rest.split_once('/').ok_or(IdentityError::Form)?;
        Self::cluster(namespace, name)
    }
}

impl TryFrom<String> for Identity {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_two_forms_are_read_and_written_alike() {
        for text in [
            "moco:controller",
            "moco:cluster/default/db",
            "moco:cluster/a/0",
        ] {
            assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long_name = format!("moco:cluster/ns/{}", "a".repeat(41));
        let long_namespace = format!("moco:cluster/{}/db", "a".repeat(64));
        for text in [
            "",
            "moco:",
            "moco:controller/",
            "moco:Controller",
            " moco:controller",
            "MOCO:controller",
            "moco:cluster/",
            "moco:cluster/ns",
            "moco:cluster/ns/",
            "moco:cluster//db",
            "moco:cluster/ns/db/x",
            "moco:cluster/ns/db.x",
            "moco:cluster/ns/-db",
            "moco:cluster/ns/db-",
            "moco:cluster/ns/Db",
            "moco:cluster/ns/d\u{e9}",
            "moco:cluster/ns/db\0",
            "moco:cluster/n s/db",
            "spiffe://moco/controller",
            &long_name,
            &long_namespace,
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_longest_names_fit_the_common_name() {
        let identity = Identity::cluster(&"n".repeat(63), &"c".repeat(40)).unwrap();
        assert!(identity.common_name().len() <= 64);
    }

    #[test]
    fn a_cluster_called_controller_does_not_look_like_the_controller() {
        let cluster = Identity::cluster("moco-system", "controller").unwrap();
        assert_ne!(cluster.to_string(), Identity::Controller.to_string());
        assert_ne!(cluster.common_name(), Identity::Controller.common_name());
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_written_back_unchanged(
            text in prop_oneof![
                any::<String>(),
                "moco:cluster/[a-zA-Z0-9/.-]{0,120}",
                "moco:cluster/[a-z0-9-]{0,65}/[a-z0-9-]{0,42}",
            ]
        ) {
            if let Ok(identity) = text.parse::<Identity>() {
                prop_assert_eq!(identity.to_string(), text);
            }
        }

        #[test]
        fn a_stored_identity_is_read_back(
            namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
        ) {
            let identity = Identity::cluster(&namespace, &name).unwrap();
            let json = serde_json::to_string(&identity).unwrap();
            prop_assert_eq!(serde_json::from_str::<Identity>(&json).unwrap(), identity);
        }
    }
}
