//! `kubectl moco credential`: a MySQL account's password.

use k8s_openapi::api::core::v1::Secret;
use moco_model::{Account, Password};

use crate::cli::{Credential, CredentialFormat, CredentialShow, CredentialVerb};

/// The Secret holds no password for the account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Secret {secret} has no readable {key}; the controller puts it there")]
pub(crate) struct NoPassword {
    secret: String,
    key: &'static str,
}

impl Credential {
    /// What is to be shown, with or without the word `show`.
    pub(crate) fn shown(&self) -> Option<&CredentialShow> {
        match &self.verb {
            Some(CredentialVerb::Show(show)) => Some(show),
            None => self.show.as_ref(),
        }
    }
}

/// The password of an account.
pub(crate) fn password(secret: &Secret, account: Account) -> Result<Password, NoPassword> {
    let key = account.secret_key();
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
    text.map(Password::new).ok_or_else(|| NoPassword {
        secret: secret.metadata.name.clone().unwrap_or_default(),
        key,
    })
}

/// What is printed.
pub(crate) fn text(account: Account, password: &Password, format: CredentialFormat) -> String {
    let (user, password) = (account.user(), password.reveal());
    match format {
        CredentialFormat::Plain => format!("{password}\n"),
        CredentialFormat::Mycnf => format!("[client]\nuser={user}\npassword=\"{password}\"\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret() -> Secret {
        // "hush", as Kubernetes writes it
        let data = json!({ "WRITABLE_PASSWORD": "aHVzaA==", "ADMIN_PASSWORD": "/w==" });
        serde_json::from_value(json!({ "metadata": { "name": "moco-orders" }, "data": data }))
            .unwrap()
    }

    #[test]
    fn the_password_is_printed_alone_or_as_an_option_file() {
        let password = password(&secret(), Account::Writable).unwrap();
        let text = |format| text(Account::Writable, &password, format);
        assert_eq!(text(CredentialFormat::Plain), "hush\n");
        assert_eq!(
            text(CredentialFormat::Mycnf),
            "[client]\nuser=moco-writable\npassword=\"hush\"\n"
        );
    }

    #[test]
    fn a_password_that_is_missing_or_no_text_is_named() {
        let missing = password(&secret(), Account::Readonly).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "Secret moco-orders has no readable READONLY_PASSWORD; the controller puts it there"
        );
        assert!(password(&secret(), Account::Admin).is_err());
    }
}
