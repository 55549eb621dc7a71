//! Reads protobuf's text format while it streams (protobuf.dev, "Text Format Language").

use crate::{container::member::MemberReader, error::FileError};

/// Maximum nesting of messages: the C++ and Python runtimes stop at 100 too.
const MAX_DEPTH: usize = 100;

/// Maximum length of a word or string that is kept, in bytes. Longer ones are weights; the rest of
/// them is skipped.
const MAX_TOKEN: usize = 4096;

/// Receives messages and values in the order of the file. Errors are the ends of sentences.
pub(crate) trait TextFormatVisitor {
    /// A message starts; its name is the last of `path`.
    fn open_message(&mut self, path: &[String]) -> Result<(), String>;
    /// The message at `path` ends.
    fn close_message(&mut self, path: &[String]) -> Result<(), String>;
    /// A value in the message at `path`.
    fn visit_scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String>;
}

#[derive(Debug, PartialEq, Eq)]
enum TextToken {
    Word(String),
    Text(String),
    Mark(u8),
    End,
}

/// Reads a file to its end.
pub(crate) fn read_text_format(
    content: &mut MemberReader<'_, '_>,
    visitor: &mut impl TextFormatVisitor,
) -> Result<(), FileError> {
    let mut path: Vec<String> = Vec::new();
    let mut name = String::new();
    // Whether the next word is a value, not a name.
    let mut value = false;
    // Whether a list is open, in this message and in those around it.
    let (mut in_list, mut lists) = (false, Vec::new());
    // A string value, as far as it has been read.
    let mut pending: Option<String> = None;
    loop {
        let token = next_token(content)?;
        let at = content.position();
        let malformed = |cause: String| FileError::malformed_at(at, cause);
        // A string right after a string continues it.
        if let TextToken::Text(more) = &token
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
            visitor.visit_scalar(&path, &name, &text).map_err(malformed)?;
        }
        match token {
            TextToken::End if path.is_empty() => return Ok(()),
            TextToken::End => return Err(malformed(format!("it ends within `{}`", path.join(".")))),
            TextToken::Word(word) if !value => name = word,
            TextToken::Word(word) => {
                visitor.visit_scalar(&path, &name, &word).map_err(malformed)?;
                value = false;
            }
            // A string where no value is expected.
            TextToken::Text(_) => {}
            TextToken::Mark(b':') => value = true,
            TextToken::Mark(b'{' | b'<') => {
                if path.len() == MAX_DEPTH {
                    return Err(malformed(format!("messages are nested more than {MAX_DEPTH} levels deep")));
                }
                path.push(name.clone());
                lists.push(in_list);
                (value, in_list) = (false, false);
                visitor.open_message(&path).map_err(malformed)?;
            }
            TextToken::Mark(b'}' | b'>') => {
                if path.is_empty() {
                    return Err(malformed("a message ends that did not start".to_owned()));
                }
                visitor.close_message(&path).map_err(malformed)?;
                name = path.pop().unwrap_or_default();
                (value, in_list) = (false, lists.pop().unwrap_or_default());
            }
            // The first value of a list is like a single one; a comma in it is followed by another
            // value of the same name.
            TextToken::Mark(b'[') => in_list = value,
            TextToken::Mark(b',') => value = in_list,
            TextToken::Mark(b']' | b';') => (value, in_list) = (false, false),
            TextToken::Mark(mark) => {
                return Err(malformed(format!("`{}` is unexpected there", char::from(mark).escape_default())));
            }
        }
    }
}

fn next_token(content: &mut MemberReader<'_, '_>) -> Result<TextToken, FileError> {
    loop {
        match peek_byte(content)? {
            None => return Ok(TextToken::End),
            Some(b'#') => {
                while peek_byte(content)?.is_some_and(|byte| byte != b'\n') {
                    content.consume(1);
                }
            }
            Some(byte) if byte.is_ascii_whitespace() => content.consume(1),
            Some(quote @ (b'"' | b'\'')) => {
                content.consume(1);
                return read_string(content, quote);
            }
            Some(byte) if is_word(byte) => return read_word(content),
            Some(byte) => {
                content.consume(1);
                return Ok(TextToken::Mark(byte));
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'/')
}

fn read_word(content: &mut MemberReader<'_, '_>) -> Result<TextToken, FileError> {
    let mut word = String::new();
    while let Some(byte) = peek_byte(content)?.filter(|byte| is_word(*byte)) {
        content.consume(1);
        if word.len() < MAX_TOKEN {
            word.push(char::from(byte));
        }
    }
    Ok(TextToken::Word(word))
}

fn read_string(content: &mut MemberReader<'_, '_>, quote: u8) -> Result<TextToken, FileError> {
    let mut text = Vec::new();
    loop {
        let Some(byte) = peek_byte(content)? else {
            return Err(FileError::malformed_at(content.position(), "it ends within a string"));
        };
        content.consume(1);
        let byte = match byte {
            _ if byte == quote => break,
            b'\\' => read_escape(content)?,
            _ => byte,
        };
        if text.len() < MAX_TOKEN {
            text.push(byte);
        }
    }
    Ok(TextToken::Text(String::from_utf8_lossy(&text).into_owned()))
}

/// The byte that an escape sequence stands for. Names use octal ones for bytes that are not ASCII.
fn read_escape(content: &mut MemberReader<'_, '_>) -> Result<u8, FileError> {
    let Some(first) = peek_byte(content)? else { return Ok(b'\\') };
    content.consume(1);
    let (radix, max_digits, mut value) = match first {
        b'n' => return Ok(b'\n'),
        b't' => return Ok(b'\t'),
        b'r' => return Ok(b'\r'),
        b'x' | b'X' => (16, 2, 0),
        b'0'..=b'7' => (8, 2, u32::from(first - b'0')),
        other => return Ok(other),
    };
    for _ in 0..max_digits {
        let Some(digit) = peek_byte(content)?.and_then(|byte| char::from(byte).to_digit(radix)) else { break };
        content.consume(1);
        value = value * radix + digit;
    }
    Ok(u8::try_from(value & 0xff).unwrap_or_default())
}

fn peek_byte(content: &mut MemberReader<'_, '_>) -> Result<Option<u8>, FileError> {
    Ok(content.next_chunk()?.first().copied())
}
