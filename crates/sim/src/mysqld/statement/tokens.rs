//! The words, literals and signs of a statement.

use std::collections::VecDeque;

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A keyword, a name with dots, a variable or a number.
    Word(String),
    /// A string literal, as it is meant.
    Text(String),
    /// One other sign.
    Symbol(char),
}

/// What is left of a statement.
pub(super) struct Tokens(VecDeque<Token>);

impl Tokens {
    /// Takes a statement apart; none when a literal does not end.
    pub(super) fn of(sql: &str) -> Option<Self> {
        let mut tokens = VecDeque::new();
        let mut rest = sql.chars().peekable();
        while let Some(first) = rest.next() {
            if first.is_whitespace() || first == '`' {
                continue;
            }
            if first == '\'' {
                tokens.push_back(Token::Text(literal(&mut rest)?));
            } else if is_word(first) {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|next| is_word(*next) || *next == '`') {
                    word.extend((next != '`').then_some(next));
                }
                tokens.push_back(Token::Word(word));
            } else {
                tokens.push_back(Token::Symbol(first));
            }
        }
        Some(Self(tokens))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The next keyword, in capitals.
    pub(super) fn word(&mut self) -> Option<String> {
        self.name().map(|word| word.to_ascii_uppercase())
    }

    /// The next name, as it is written.
    pub(super) fn name(&mut self) -> Option<String> {
        match self.0.front() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.0.pop_front();
                Some(word)
            }
            _ => None,
        }
    }

    /// The next literal.
    pub(super) fn text(&mut self) -> Option<String> {
        match self.0.front() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.0.pop_front();
                Some(text)
            }
            _ => None,
        }
    }

    /// The next literal, word or number.
    pub(super) fn value(&mut self) -> Option<String> {
        self.text().or_else(|| self.name())
    }

    /// The next number; a sign may stand before it.
    pub(super) fn number(&mut self) -> Option<i64> {
        let sign = if self.symbol('-') { -1 } else { 1 };
        let number: i64 = self.name()?.parse().ok()?;
        Some(sign * number)
    }

    /// Takes this keyword if it is next.
    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        self.eat_all(&[wanted])
    }

    /// Takes these keywords if they are next, all or none.
    pub(super) fn eat_all(&mut self, wanted: &[&str]) -> bool {
        let same = |(wanted, token): (&&str, &Token)| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        let all = self.0.len() >= wanted.len() && wanted.iter().zip(&self.0).all(same);
        if all {
            self.0.drain(..wanted.len());
        }
        all
    }

    /// Takes this sign if it is next.
    pub(super) fn symbol(&mut self, wanted: char) -> bool {
        let next = self.0.front() == Some(&Token::Symbol(wanted));
        if next {
            self.0.pop_front();
        }
        next
    }

    /// `'user'@'host'`; gives the user.
    pub(super) fn account(&mut self) -> Option<String> {
        let user = self.text()?;
        if self.eat("@") {
            self.text()?;
        }
        Some(user)
    }

    /// The keywords before `end`, which is taken too.
    pub(super) fn words_until(&mut self, end: &str) -> Option<Vec<String>> {
        let mut words = Vec::new();
        while let Some(token) = self.0.pop_front() {
            match token {
                Token::Word(word) if word.eq_ignore_ascii_case(end) => return Some(words),
                Token::Word(word) => words.push(word.to_ascii_uppercase()),
                Token::Text(_) | Token::Symbol(_) => {}
            }
        }
        None
    }

    pub(super) fn skip_past_word(&mut self, end: &str) -> Option<()> {
        self.words_until(end).map(|_| ())
    }

    /// Skips to behind this sign.
    pub(super) fn skip_past(&mut self, end: char) -> Option<()> {
        while let Some(token) = self.0.pop_front() {
            if token == Token::Symbol(end) {
                return Some(());
            }
        }
        None
    }

    pub(super) fn skip_rest(&mut self) {
        self.0.clear();
    }
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | '*' | '$')
}

/// The rest of a literal whose quote was taken, under an empty `sql_mode`.
fn literal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' => match rest.next_if_eq(&'\'') {
                Some(quote) => text.push(quote),
                None => return Some(text),
            },
            '\\' => match rest.next()? {
                '0' => text.push('\0'),
                // As in a pattern of LIKE.
                escaped @ ('_' | '%') => text.extend(['\\', escaped]),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_read_as_it_is_meant() {
        let mut tokens = Tokens::of(r"'a''b' 'c\\d' 'rpl\_x' word.x `q`.`r` 0.250 -7").unwrap();
        assert_eq!(tokens.text().unwrap(), "a'b");
        assert_eq!(tokens.text().unwrap(), r"c\d");
        assert_eq!(tokens.text().unwrap(), r"rpl\_x");
        assert_eq!(tokens.name().unwrap(), "word.x");
        assert_eq!(tokens.name().unwrap(), "q.r");
        assert_eq!(tokens.value().unwrap(), "0.250");
        assert_eq!(tokens.number().unwrap(), -7);
        assert!(tokens.is_at_end());
        assert!(Tokens::of("'no end").is_none());
    }
}
