//! Rust source, split into what is compiled into the product, its text literals, and the rest.
//!
//! A lexer of what matters here: comments, literals, and the items under `#[cfg(test)]`. It need not know the
//! language further.

use std::collections::BTreeMap;

use crate::checkout;

/// A source file.
pub struct Source {
    /// Its text, in which comments, the insides of literals, and items under `#[cfg(test)]` are blanks. Lines
    /// are as in the file.
    pub code: String,
    /// Text literals outside of tests, with the number of the line they begin in.
    pub literals: Vec<(usize, String)>,
    /// Lines that are part of the product: all but those of tests.
    pub lines: usize,
}

struct Lexer {
    chars: Vec<char>,
    code: Vec<char>,
    literals: Vec<(usize, String)>,
    at: usize,
}

impl Lexer {
    fn run(text: &str) -> Self {
        let chars: Vec<_> = text.chars().collect();
        let mut lexer = Self {
            code: chars.clone(),
            chars,
            literals: Vec::new(),
            at: 0,
        };
        while lexer.at < lexer.chars.len() {
            lexer.step();
        }
        lexer
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.blank_until(|lexer| lexer.peek(0) == '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.literal(),
            ('\'', _) => self.quote(),
            ('r', '"' | '#') if self.raw_begins() => self.raw_literal(),
            (c, _) if c == '_' || c.is_alphanumeric() => {
                while self.peek(0) == '_' || self.peek(0).is_alphanumeric() {
                    if self.peek(0) == 'r' && matches!(self.peek(1), '"' | '#') && self.raw_begins()
                    {
                        return;
                    }
                    self.at += 1;
                }
            }
            _ => self.at += 1,
        }
    }

    fn blank(&mut self) {
        if self.code[self.at] != '\n' {
            self.code[self.at] = ' ';
        }
        self.at += 1;
    }

    fn blank_until(&mut self, end: fn(&Self) -> bool) {
        while self.at < self.chars.len() && !end(self) {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            let (enter, leave) = (
                (self.peek(0), self.peek(1)) == ('/', '*'),
                (self.peek(0), self.peek(1)) == ('*', '/'),
            );
            if enter || leave {
                self.blank();
                depth = if enter { depth + 1 } else { depth - 1 };
            }
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn literal(&mut self) {
        let (start, mut text) = (self.at, String::new());
        self.at += 1;
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                self.blank();
            }
            text.push(self.peek(0));
            self.blank();
        }
        self.at += 1;
        self.literals.push((start, text));
    }

    /// How many `#` follow.
    fn marks(&self) -> usize {
        let behind = self.chars.iter().skip(self.at + 1);
        behind.take_while(|c| **c == '#').count()
    }

    /// At the `r` of `r"…"` or `r#"…"#`, and not of an identifier such as `r#type`.
    fn raw_begins(&self) -> bool {
        let marks = self.marks();
        self.peek(marks + 1) == '"'
    }

    fn raw_literal(&mut self) {
        let (start, mut text) = (self.at, String::new());
        let marks = self.marks();
        self.at += marks + 2;
        let end = |lexer: &Self| {
            lexer.peek(0) == '"' && (1..=marks).all(|ahead| lexer.peek(ahead) == '#')
        };
        while self.at < self.chars.len() && !end(self) {
            text.push(self.peek(0));
            self.blank();
        }
        self.at += marks + 1;
        self.literals.push((start, text));
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.at += 1;
            self.blank();
            self.blank();
            self.blank_until(|lexer| lexer.peek(0) == '\'');
        } else if self.peek(2) == '\'' {
            self.at += 1;
            self.blank();
        }
        self.at += 1;
    }
}

/// Where an item ends that begins at `from`: behind its `;`, or behind the bracket that closes its body.
fn end_of_item(code: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.iter().enumerate().skip(from) {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *c == '}' {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

const TEST_ITEM: &str = "#[cfg(test)]";

/// The ranges of items under `#[cfg(test)]`, and the names of modules declared there whose code is in another file.
fn test_items(code: &[char]) -> (Vec<(usize, usize)>, Vec<String>) {
    let mark: Vec<_> = TEST_ITEM.chars().collect();
    let (mut ranges, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at + mark.len() <= code.len() {
        if code[at..at + mark.len()] != mark[..] {
            at += 1;
            continue;
        }
        let end = end_of_item(code, at + mark.len());
        let item: String = code[at + mark.len()..end].iter().collect();
        let words: Vec<_> = item
            .trim()
            .trim_end_matches(';')
            .split_whitespace()
            .collect();
        if let [.., "mod", name] = words.as_slice() {
            modules.push((*name).to_owned());
        }
        ranges.push((at, end));
        at = end;
    }
    (ranges, modules)
}

fn parse(text: &str) -> (Source, Vec<String>) {
    let mut lexer = Lexer::run(text);
    let (ranges, modules) = test_items(&lexer.code);
    let inside = |at: usize| ranges.iter().any(|(from, to)| (*from..*to).contains(&at));
    let line_of = |at: usize| 1 + lexer.chars[..at].iter().filter(|c| **c == '\n').count();
    let literals = lexer.literals.iter().filter(|(at, _)| !inside(*at));
    let literals = literals
        .map(|(at, text)| (line_of(*at), text.clone()))
        .collect();
    let tests: usize = ranges
        .iter()
        .map(|(from, to)| 1 + line_of(to - 1) - line_of(*from))
        .sum();
    for (from, to) in &ranges {
        for c in &mut lexer.code[*from..*to] {
            *c = if *c == '\n' { '\n' } else { ' ' };
        }
    }
    let code: String = lexer.code.into_iter().collect();
    (
        Source {
            code,
            literals,
            lines: text.lines().count() - tests,
        },
        modules,
    )
}

/// The product's source files of a crate (`src/` without tests), by path from the root.
pub fn product(name: &str) -> BTreeMap<String, Source> {
    let prefix = format!("crates/{name}/src/");
    let files = checkout::texts();
    let files = files
        .iter()
        .filter(|(path, _)| path.starts_with(&prefix) && checkout::is_kind(path, "rs"));
    let (mut sources, mut tests) = (BTreeMap::new(), Vec::new());
    for (path, text) in files {
        let (source, modules) = parse(text);
        let stem = path.trim_end_matches(".rs");
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        tests.extend(modules.iter().map(|module| format!("{folder}/{module}")));
        sources.insert(path.clone(), source);
    }
    let is_test = |path: &str| {
        tests
            .iter()
            .any(|test| path == format!("{test}.rs") || path.starts_with(&format!("{test}/")))
    };
    sources.retain(|path, _| !is_test(path));
    sources
}

/// Whether `code` holds `word` as a whole word; `::` and `.` count as parts of `word` only.
pub fn has_word(code: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c == '_' || c.is_alphanumeric());
    code.match_indices(word).any(|(at, _)| {
        !part(code[..at].chars().next_back()) && !part(code[at + word.len()..].chars().next())
    })
}

#[test]
fn comments_literals_and_tests_are_told_from_code() {
    let text = "//! unsafe\nfn a<'x>() -> &'x str { let c = '\"'; /* unsafe /* twice */ */ \"SELECT \\\" 1\" }\n\
                #[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more {\n    fn b() { \"DROP\"; }\n}\n\
                fn d() { r#\"a \"q\" b\"#; }\n";
    let (source, modules) = parse(text);
    assert!(
        !source.code.contains("unsafe") && !source.code.contains("fn b"),
        "{}",
        source.code
    );
    assert!(source.code.contains("fn d()") && has_word(&source.code, "fn"));
    assert_eq!(
        source.literals,
        [(2, "SELECT \" 1".to_owned()), (9, "a \"q\" b".to_owned())]
    );
    assert_eq!(modules, ["tests"]);
    assert_eq!(source.lines, 3);
    assert!(!has_word("unsafe_member", "unsafe") && has_word("{ unsafe }", "unsafe"));
}
