//! What must not be shown, told by its name. `report` and `plan` show nothing of an object but through this.

use serde_json::Value;

use crate::annotate::LAST_APPLIED;

/// Parts of names of what is secret, in lower case.
const SECRET: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private_key",
    "private-key",
    "identified by",
    "authentication_string",
];

/// The configuration of fluent-bit, as a field of the manifest and as a file: it has passwords in too many forms
/// to be told from the rest.
const CONFIGURATION: [&str; 2] = ["slowQueryLogConfigTmpl", "fluent-bit.conf"];

/// In place of what is not shown.
pub(crate) const REDACTED: &str = "(redacted)";

/// How blocks of key text begin and end (RFC 7468).
const KEY_BEGINS: &str = "-----BEGIN ";
const KEY_ENDS: &str = "-----END ";

/// Whether what has this name may be secret. The name of a Secret is none.
pub(crate) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let sounds = SECRET.iter().any(|part| lower.contains(part));
    let is_name = lower == "secret" || name.ends_with("Name");
    CONFIGURATION.contains(&name) || (sounds && !is_name)
}

/// A text of many lines without what may be secret in it: what follows the name of a secret thing and
/// one of `=`, `:`, a quote or, in a statement, a blank; and key text.
pub(crate) fn text(text: &str) -> String {
    let mut inside_key = false;
    let mut shown = String::with_capacity(text.len());
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches('\n');
        if let Some(at) = line
            .find(KEY_BEGINS)
            .filter(|_| line.contains("PRIVATE KEY"))
        {
            inside_key = !line.contains(KEY_ENDS);
            shown.extend([line.split_at(at).0, REDACTED]);
        } else if inside_key {
            inside_key = !line.contains(KEY_ENDS);
            continue;
        } else {
            shown.push_str(&self::line(line));
        }
        if whole.ends_with('\n') {
            shown.push('\n');
        }
    }
    shown
}

/// Whether a field of this name holds what is given to a program: often secret, whatever it is called.
pub(crate) fn is_given(name: &str) -> bool {
    matches!(name, "env" | "httpHeaders" | "command" | "args")
}

/// Takes out of an object what may be secret in it.
pub(crate) fn value(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::Object(fields) => {
            for (name, inner) in fields {
                field(name, inner);
            }
        }
        _ => {}
    }
}

/// Takes out of what a field of this name holds what may be secret in it.
pub(crate) fn field(name: &str, value: &mut Value) {
    match value {
        Value::Array(items) if matches!(name, "command" | "args") => {
            let words: Vec<_> = items
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect();
            *items = self::words(&words).into_iter().map(Value::from).collect();
        }
        Value::Array(items) if is_given(name) => {
            let fields = items.iter_mut().filter_map(Value::as_object_mut);
            let values = fields.filter_map(|fields| fields.get_mut("value"));
            values.for_each(|value| *value = Value::from(REDACTED));
        }
        // Of a ConfigMap: options by name, and files such as my.cnf.
        Value::Object(texts) if matches!(name, "annotations" | "data") => {
            for (key, inner) in texts {
                match inner {
                    Value::String(text) if key == LAST_APPLIED => REDACTED.clone_into(text),
                    Value::String(text) if !is_secret(key) => *text = self::text(text),
                    _ => field(key, inner),
                }
            }
        }
        Value::String(text) if is_secret(name) => REDACTED.clone_into(text),
        _ => self::value(value),
    }
}

/// One line without what may be secret in it.
fn line(line: &str) -> String {
    after_names(&without_logins(line))
}

/// A line whose addresses of the form `scheme://user:password@host` have no user and no password.
fn without_logins(line: &str) -> String {
    let mut parts = line.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let host = part.find(|c: char| c == '/' || c.is_whitespace());
        let (login, rest) = part.split_at(host.unwrap_or(part.len()));
        match login.rsplit_once('@') {
            Some((_, host)) => shown.extend([REDACTED, "@", host, rest]),
            None => shown.push_str(part),
        }
    }
    shown
}

fn after_names(line: &str) -> String {
    let lower = line.to_ascii_lowercase(); // of the same length in bytes
    let first = SECRET
        .iter()
        .filter_map(|part| lower.find(part).map(|at| at + part.len()));
    let Some(end) = first.min() else {
        return line.to_owned();
    };
    let (name, rest) = line.split_at(end);
    let begins = |c: char| matches!(c, '=' | ':' | '\'' | '"' | '`');
    match rest.find(begins) {
        Some(at) => format!("{name}{}{REDACTED}", rest.split_at(at + 1).0),
        None => line.to_owned(),
    }
}

/// Words of a command line without secret values: `--password=…`, the word after `--password`, and `-p…`, as MySQL's
/// programs take it.
pub(crate) fn words(words: &[String]) -> Vec<String> {
    let mut next = false;
    let shown = |word: &String| {
        let was = std::mem::replace(&mut next, false);
        let Some((name, _)) = word.split_once('=') else {
            if was && !word.starts_with('-') {
                return REDACTED.to_owned();
            }
            next = word.starts_with('-') && is_secret(word);
            return line(&without_short(word));
        };
        if is_secret(name) {
            format!("{name}={REDACTED}")
        } else {
            line(&without_short(word))
        }
    };
    words.iter().map(shown).collect()
}

/// A word, or a script, without what follows `-p` at once.
fn without_short(word: &str) -> String {
    let shown = |part: &str| match part.strip_prefix("-p") {
        Some(rest) if !rest.trim_end().is_empty() => {
            let (_, blank) = part.split_at(part.trim_end().len());
            format!("-p{REDACTED}{blank}")
        }
        _ => part.to_owned(),
    };
    word.split_inclusive(char::is_whitespace)
        .map(shown)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_name_of_a_secret_is_not_shown() {
        for (given, shown) in [
            ("port = 3306", "port = 3306"),
            ("report_password = hunter2", "report_password =(redacted)"),
            (
                "CREATE USER a IDENTIFIED BY 'hunter2'",
                "CREATE USER a IDENTIFIED BY '(redacted)",
            ),
            (
                "A temporary password is generated for root@localhost: hunter2",
                "A temporary password is generated for root@localhost:(redacted)",
            ),
            ("applied Secret moco-orders", "applied Secret moco-orders"),
            (
                "to mysql://a:hunter2@db:3306/x now",
                "to mysql://(redacted)@db:3306/x now",
            ),
            ("see https://example.org/a@b", "see https://example.org/a@b"),
        ] {
            assert_eq!(line(given), shown);
        }
    }

    #[test]
    fn key_text_is_left_out_and_what_stands_around_it_stays() {
        let pem = "before\n-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----\nafter\n";
        assert_eq!(text(pem), "before\n(redacted)\nafter\n");
        let cut = "-----BEGIN PRIVATE KEY-----\nhunter2";
        assert_eq!(text(cut), "(redacted)\n");
        let public = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
        assert_eq!(text(public), public);
    }

    #[test]
    fn secrets_of_a_command_line_are_not_shown() {
        let given = [
            "mysql",
            "--password=hunter2",
            "--token",
            "hunter2",
            "--port=1",
            "x",
            "-phunter2",
            "mysql -phunter2 -e x",
        ];
        let given = given.map(str::to_owned);
        assert_eq!(
            words(&given),
            [
                "mysql",
                "--password=(redacted)",
                "--token",
                "(redacted)",
                "--port=1",
                "x",
                "-p(redacted)",
                "mysql -p(redacted) -e x",
            ]
        );
    }
}
