//! Reads just enough SQL to tell a statement from the data behind it.
//!
//! Takes the bytes of a request, gives back where an `INSERT`'s data begin and in which format, or which `FORMAT` a query
//! asks for. Pure; never fails on any input; what it does not understand goes to the engine unchanged, whose parser has
//! the last word. It must never take data for SQL: data inside a statement reach the engine's text parser, which splits
//! binary rows in the wrong places.

use std::collections::HashMap;
use std::rc::Rc;

/// What a request's text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    /// An `INSERT` whose data follow.
    Insert(Insert<'a>),
    /// An `INSERT` that reads or writes files on the server, or a query into one: never served over HTTP.
    OnServerFiles,
    /// Anything else: the engine gets the text as it is.
    Other {
        /// The format that the text itself asks for.
        format: Option<&'a str>,
        opens: Opens,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Insert<'a> {
    /// The statement without `FORMAT …` or `VALUES`.
    pub(crate) head: &'a str,
    /// The format of the data; `Values` after the word `VALUES`.
    pub(crate) format: &'a str,
    /// Where in the same text the data begin; more may follow from elsewhere.
    pub(crate) data_at: usize,
}

/// What the first word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// `SELECT` or `WITH`: the result may come in pieces.
    Select,
    /// `SHOW`, `DESCRIBE` and their like.
    Look,
    /// Anything else, which may change something.
    Change,
}

/// Looks at a text (a statement, perhaps with data behind it).
pub(crate) fn shape(text: &[u8]) -> Shape<'_> {
    let mut words = Tokens::new(text);
    let Some(first) = words.find(|token| !token.is("(")) else {
        return Shape::Other { format: None, opens: Opens::Change };
    };
    if first.is("INSERT") {
        return insert(text, words);
    }
    let one_of = |list: &[&str]| list.iter().any(|word| first.is(word));
    let opens = if one_of(&["SELECT", "WITH"]) {
        Opens::Select
    } else if one_of(&["SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"]) {
        Opens::Look
    } else {
        Opens::Change
    };
    query(text, opens)
}

/// Whether something follows the `;` that ends the rows of a `VALUES` insert. A server refuses that; the embedded engine
/// would drop it without a word.
///
/// Data with several heredocs that are never closed are refused too: rows are no place for them, and each costs a pass.
pub(crate) fn goes_on_after_values(data: &[u8]) -> bool {
    let mut tokens = Tokens::new(data);
    let mut ended = false;
    while let Some(token) = tokens.next() {
        let semicolon = token.is(";");
        if (ended && !semicolon) || tokens.open_heredocs >= OPEN_HEREDOCS_MAX {
            return true;
        }
        ended |= semicolon && token.depth == 0;
    }
    false
}

/// Why a user who may only read may not run this, although `readonly=1` would let it pass.
///
/// The engine's `readonly` stops table functions and writes, but three doors stay open when it is embedded: the scalar
/// function `file`, which returns any file of the host and can be called under quoted names and through `APPLY`;
/// `DESCRIBE` of a table function, which fetches a file or a URL to learn its columns; and settings (see
/// [`setting_leaves_engine`]).
pub(crate) fn leaves_engine(text: &str) -> Option<&'static str> {
    // The depth of parentheses at which a DESCRIBE stands.
    let mut described = None;
    let mut name_before = false;
    let mut first = true;
    for token in Tokens::new(text.as_bytes()) {
        if token.kind == Kind::Name && token.text.contains(&b'\\') {
            return Some("quoted names with backslashes are not for users who may only read");
        }
        let bare = if token.kind == Kind::Name { &token.text[1..token.text.len().max(2) - 1] } else { token.text };
        if token.kind != Kind::Quoted && bare.eq_ignore_ascii_case(b"file") {
            return Some("the name `file` is not for users who may only read: as a function it reads any file");
        }
        if first && token.is("(") {
            continue;
        }
        if std::mem::take(&mut first) {
            described = (token.is("DESCRIBE") || token.is("DESC")).then_some(token.depth);
        }
        // `DESCRIBE [TABLE] name(…)` is a table function, `DESCRIBE (SELECT …)` a query that readonly watches.
        if described == Some(token.depth) && token.is("(") && name_before {
            return Some("describing a table function is not for users who may only read");
        }
        let keyword = token.is("DESCRIBE") || token.is("DESC") || token.is("TABLE");
        name_before = !keyword && (token.kind == Kind::Word || token.kind == Kind::Name);
    }
    None
}

/// Settings that name files, addresses or another language; a user who may only read cannot set them.
pub(crate) fn setting_leaves_engine(name: &str) -> bool {
    const PARTS: [&str; 9] = ["schema", "template", "path", "file", "url", "dialect", "disk", "proxy", "host"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// The text of a statement as SQL, if it is UTF-8.
fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// After `INSERT`: `[INTO] [TABLE] [FUNCTION] name[.name]… […] VALUES | FORMAT f | SELECT … | FROM INFILE …`.
fn insert<'a>(text: &'a [u8], mut words: Tokens<'a>) -> Shape<'a> {
    let other = Shape::Other { format: None, opens: Opens::Change };
    let mut token = words.next();
    if token.is_some_and(|t| t.is("INTO")) {
        token = words.next();
    }
    if token.is_some_and(|t| t.is("TABLE")) {
        token = words.next();
    }
    if token.is_some_and(|t| t.is("FUNCTION")) {
        token = words.next();
    }
    // `token` is the first part of the name, whatever it is called; the name goes on after each dot.
    if token.is_none() {
        return other;
    }
    let mut after_dot = false;
    while let Some(token) = words.next() {
        if token.depth > 0 {
            continue;
        }
        if std::mem::take(&mut after_dot) {
            continue;
        }
        if token.is(".") {
            after_dot = true;
        } else if token.is(";") || token.is("SELECT") || token.is("WITH") || token.is("WATCH") {
            return if token.is(";") { other } else { into_file_or(text, other) };
        } else if token.is("FROM") {
            let infile = words.next().is_some_and(|next| next.is("INFILE"));
            return if infile { Shape::OnServerFiles } else { other };
        } else if token.is("VALUES") {
            return data(text, token, "Values", token.end);
        } else if token.is("FORMAT") {
            let Some(name) = words.next().filter(|name| name.kind == Kind::Word) else { return other };
            return data(text, token, utf8(&text[name.start..name.end]), after_format(text, name.end));
        }
    }
    other
}

fn data<'a>(text: &'a [u8], clause: Token<'a>, format: &'a str, from: usize) -> Shape<'a> {
    match std::str::from_utf8(&text[..clause.start]) {
        Ok(head) => Shape::Insert(Insert { head, format, data_at: from }),
        Err(_) => Shape::Other { format: None, opens: Opens::Change },
    }
}

/// ClickHouse: after the format's name, blanks and at most one line end belong to the statement, all else to the data.
fn after_format(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | 0x0c)) {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

/// The last `FORMAT name` outside of parentheses.
fn query(text: &[u8], opens: Opens) -> Shape<'_> {
    let mut format = None;
    let mut words = Tokens::new(text);
    while let Some(token) = words.next() {
        if token.depth > 0 || !token.is("FORMAT") {
            continue;
        }
        let next = words.clone().next();
        if let Some(name) = next.filter(|name| name.kind == Kind::Word && name.depth == 0) {
            format = Some(utf8(&text[name.start..name.end]));
        }
    }
    into_file_or(text, Shape::Other { format, opens })
}

fn into_file_or<'a>(text: &'a [u8], otherwise: Shape<'a>) -> Shape<'a> {
    let mut words = Tokens::new(text);
    while let Some(token) = words.next() {
        if token.is("INTO") && words.clone().next().is_some_and(|next| next.is("OUTFILE")) {
            return Shape::OnServerFiles;
        }
    }
    otherwise
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// A quoted string.
    Quoted,
    /// A quoted identifier.
    Name,
    /// One byte of punctuation.
    Sign,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a [u8],
    start: usize,
    end: usize,
    /// How many parentheses are open around it.
    depth: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Opening tags of heredocs (`$tag$`) for whose end a text is searched in vain, each time to its end, before its tags are
/// listed once: a text can hold a tag every four bytes.
const OPEN_HEREDOCS_MAX: usize = 4;

/// Splits text into tokens, without comments and blanks. Every step moves forward, so it ends on any input.
#[derive(Debug, Clone)]
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    open_heredocs: usize,
    /// Where each tag stands last, once that is worth knowing.
    last_tags: Option<Rc<HashMap<&'a [u8], usize>>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, open_heredocs: 0, last_tags: None }
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            match rest {
                [byte, ..] if byte.is_ascii_whitespace() || *byte == 0x0b => self.at += 1,
                [b'-', b'-', ..] | [b'#', b'!' | b' ', ..] => {
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                [b'/', b'*', ..] => {
                    let end = rest[2..].windows(2).position(|pair| pair == b"*/").map(|at| at + 4);
                    self.at += end.unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// The end of a quoted text that starts at `self.at`: backslash escapes, a doubled quote is one quote.
    fn quoted_end(&self, quote: u8) -> usize {
        let mut at = self.at + 1;
        while let Some(byte) = self.text.get(at) {
            if *byte == b'\\' {
                at += 2;
            } else if *byte == quote {
                if self.text.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                at += 2;
            } else {
                at += 1;
            }
        }
        self.text.len()
    }

    /// `$tag$ … $tag$`: the end, if this is one.
    fn heredoc_end(&mut self) -> Option<usize> {
        let rest = &self.text[self.at..];
        let tag_end = 1 + rest[1..].iter().position(|byte| !is_word(*byte) || *byte == b'$')?;
        if rest.get(tag_end) != Some(&b'$') {
            return None;
        }
        let tag = &rest[..=tag_end];
        if self.open_heredocs >= OPEN_HEREDOCS_MAX {
            let last = self.last_tags.get_or_insert_with(|| Rc::new(last_tags(self.text)));
            if last.get(tag).is_none_or(|last| *last < self.at + tag.len()) {
                return None;
            }
        }
        let close = rest[tag.len()..].windows(tag.len()).position(|window| window == tag);
        if close.is_none() {
            self.open_heredocs += 1;
        }
        Some(self.at + tag.len() + close? + tag.len())
    }
}

/// Each `$tag$` with the place where it stands last.
fn last_tags(text: &[u8]) -> HashMap<&[u8], usize> {
    let mut tags = HashMap::new();
    let mut opened = None;
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'$' {
            if let Some(opened) = opened.replace(at) {
                tags.insert(&text[opened..=at], opened);
            }
        } else if !is_word(*byte) {
            opened = None;
        }
    }
    tags
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks_and_comments();
        let start = self.at;
        let first = *self.text.get(start)?;
        let heredoc_end = if first == b'$' { self.heredoc_end() } else { None };
        let mut depth = self.depth;
        let (kind, end) = match first {
            b'$' if heredoc_end.is_some() => (Kind::Quoted, heredoc_end.unwrap_or(start + 1)),
            b'\'' => (Kind::Quoted, self.quoted_end(first)),
            b'"' | b'`' => (Kind::Name, self.quoted_end(first)),
            byte if is_word(byte) => {
                let length = self.text[start..].iter().position(|byte| !is_word(*byte));
                (Kind::Word, length.map_or(self.text.len(), |length| start + length))
            }
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                (Kind::Sign, start + 1)
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                depth = self.depth;
                (Kind::Sign, start + 1)
            }
            _ => (Kind::Sign, start + 1),
        };
        let end = end.min(self.text.len());
        self.at = end;
        Some(Token { kind, text: &self.text[start..end], start, end, depth })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests;
