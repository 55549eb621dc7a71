//! Walks protobuf's text format as it streams by (protobuf.dev, "Text Format Language").

use crate::{content::Content, fault::Halt};

/// Deepest nesting of messages: the C++ and Python runtimes stop at 100 too.
const MAX_DEPTH: usize = 100;

/// Longest word or text that is kept, in bytes: longer ones are weights, and their end is passed over.
const MAX_TOKEN: usize = 4096;

/// Takes what is found. Its errors are the ends of sentences.
pub(crate) trait Handler {
    /// A message begins; its name is the last of the path.
    fn open(&mut self, path: &[String]) -> Result<(), String>;
    /// The message at `path` ends.
    fn close(&mut self, path: &[String]) -> Result<(), String>;
    /// A value in the message at `path`.
    fn scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String>;
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(u8),
    End,
}

/// Reads a file to its end.
pub(crate) fn read(content: &mut Content<'_, '_>, handler: &mut impl Handler) -> Result<(), Halt> {
    let mut path: Vec<String> = Vec::new();
    let mut name = String::new();
    // Whether the next word is a value and not a name.
    let mut value = false;
    // Whether a list is open, in this message and in those around it.
    let (mut in_list, mut lists) = (false, Vec::new());
    // A text value, as far as it was read.
    let mut pending: Option<String> = None;
    loop {
        let token = token(content)?;
        let at = content.position();
        let refuse = |cause: String| Halt::malformed(at, cause);
        // Text right after text is its continuation.
        if let Token::Text(more) = &token
            && (value || pending.is_some())
        {
            let text = pending.get_or_insert_default();
            if text.len() < MAX_TOKEN {
                text.push_str(more);
            }
            value = false;
            continue;
        }
        if let Some(text) = pending.take() {
            handler.scalar(&path, &name, &text).map_err(refuse)?;
        }
        match token {
            Token::End if path.is_empty() => return Ok(()),
            Token::End => return Err(refuse(format!("it ends within `{}`", path.join(".")))),
            Token::Word(word) if !value => name = word,
            Token::Word(word) => {
                handler.scalar(&path, &name, &word).map_err(refuse)?;
                value = false;
            }
            // Where no value is expected.
            Token::Text(_) => {}
            Token::Mark(b':') => value = true,
            Token::Mark(b'{' | b'<') => {
                if path.len() == MAX_DEPTH {
                    return Err(refuse(format!("messages are nested more than {MAX_DEPTH} deep")));
                }
                path.push(name.clone());
                lists.push(in_list);
                (value, in_list) = (false, false);
                handler.open(&path).map_err(refuse)?;
            }
            Token::Mark(b'}' | b'>') => {
                if path.is_empty() {
                    return Err(refuse("a message ends that did not begin".to_owned()));
                }
                handler.close(&path).map_err(refuse)?;
                name = path.pop().unwrap_or_default();
                (value, in_list) = (false, lists.pop().unwrap_or_default());
            }
            // A list's first value is like a single one; in it a comma announces another of the same name.
            Token::Mark(b'[') => in_list = value,
            Token::Mark(b',') => value = in_list,
            Token::Mark(b']' | b';') => (value, in_list) = (false, false),
            Token::Mark(mark) => {
                return Err(refuse(format!("`{}` is not expected there", char::from(mark).escape_default())));
            }
        }
    }
}

fn token(content: &mut Content<'_, '_>) -> Result<Token, Halt> {
    loop {
        match peek(content)? {
            None => return Ok(Token::End),
            Some(b'#') => {
                while peek(content)?.is_some_and(|byte| byte != b'\n') {
                    content.consume(1);
                }
            }
            Some(byte) if byte.is_ascii_whitespace() => content.consume(1),
            Some(quote @ (b'"' | b'\'')) => {
                content.consume(1);
                return text(content, quote);
            }
            Some(byte) if is_word(byte) => return word(content),
            Some(byte) => {
                content.consume(1);
                return Ok(Token::Mark(byte));
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'/')
}

fn word(content: &mut Content<'_, '_>) -> Result<Token, Halt> {
    let mut word = String::new();
    while let Some(byte) = peek(content)?.filter(|byte| is_word(*byte)) {
        content.consume(1);
        if word.len() < MAX_TOKEN {
            word.push(char::from(byte));
        }
    }
    Ok(Token::Word(word))
}

fn text(content: &mut Content<'_, '_>, quote: u8) -> Result<Token, Halt> {
    let mut text = Vec::new();
    loop {
        let Some(byte) = peek(content)? else {
            return Err(Halt::malformed(content.position(), "it ends within a text"));
        };
        content.consume(1);
        let byte = match byte {
            _ if byte == quote => break,
            b'\\' => escape(content)?,
            _ => byte,
        };
        if text.len() < MAX_TOKEN {
            text.push(byte);
        }
    }
    Ok(Token::Text(String::from_utf8_lossy(&text).into_owned()))
}

/// The byte that an escape stands for. Names use octal ones for what is not ASCII.
fn escape(content: &mut Content<'_, '_>) -> Result<u8, Halt> {
    let Some(first) = peek(content)? else { return Ok(b'\\') };
    content.consume(1);
    let (radix, most, mut value) = match first {
        b'n' => return Ok(b'\n'),
        b't' => return Ok(b'\t'),
        b'r' => return Ok(b'\r'),
        b'x' | b'X' => (16, 2, 0),
        b'0'..=b'7' => (8, 2, u32::from(first - b'0')),
        other => return Ok(other),
    };
    for _ in 0..most {
        let Some(digit) = peek(content)?.and_then(|byte| char::from(byte).to_digit(radix)) else { break };
        content.consume(1);
        value = value * radix + digit;
    }
    Ok(u8::try_from(value & 0xff).unwrap_or_default())
}

fn peek(content: &mut Content<'_, '_>) -> Result<Option<u8>, Halt> {
    Ok(content.chunk()?.first().copied())
}
