//! String literals with Go's escapes, and raw ones (contract `traceql.md` §1.5).

use super::Lexer;

const NOT_TERMINATED: &str = "literal not terminated";
const BAD_ESCAPE: &str = "invalid char escape";

/// Reads `` `…` ``.
pub(super) fn raw(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, String> {
    let body = &lexer.rest()[1..];
    let end = body.find('`').ok_or(NOT_TERMINATED)?;
    lexer.advance(end + 2);
    Ok(body.as_bytes()[..end].to_vec())
}

/// Reads `"…"`. The result may be any bytes, since `\xHH` and `\ooo` write bytes.
pub(super) fn quoted(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, String> {
    let body = &lexer.rest()[1..];
    let mut bytes = Vec::new();
    let mut offset = 0;
    loop {
        let c = body[offset..].chars().next().ok_or(NOT_TERMINATED)?;
        offset += c.len_utf8();
        match c {
            '"' => break,
            '\n' => return Err(NOT_TERMINATED.to_owned()),
            '\\' => offset += escape(&body[offset..], &mut bytes)?,
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    lexer.advance(offset + 1);
    Ok(bytes)
}

/// Reads what follows a backslash; gives how many bytes that were.
fn escape(text: &str, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let simple = match text.bytes().next().ok_or(NOT_TERMINATED)? {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        c @ (b'\\' | b'"') => c,
        b'x' => return byte(text, 1, 2, 16, bytes),
        b'0'..=b'7' => return byte(text, 0, 3, 8, bytes),
        b'u' => return unicode(text, 4, bytes),
        b'U' => return unicode(text, 8, bytes),
        _ => return Err(BAD_ESCAPE.to_owned()),
    };
    bytes.push(simple);
    Ok(1)
}

fn byte(
    text: &str,
    skip: usize,
    digits: usize,
    radix: u32,
    bytes: &mut Vec<u8>,
) -> Result<usize, String> {
    let value = digits_value(text, skip, digits, radix)?;
    bytes.push(u8::try_from(value).map_err(|_| BAD_ESCAPE)?);
    Ok(skip + digits)
}

fn unicode(text: &str, digits: usize, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let c = char::from_u32(digits_value(text, 1, digits, 16)?).ok_or(BAD_ESCAPE)?;
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(1 + digits)
}

fn digits_value(text: &str, skip: usize, digits: usize, radix: u32) -> Result<u32, String> {
    let digits = text.get(skip..skip + digits).ok_or(BAD_ESCAPE)?;
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(BAD_ESCAPE.to_owned());
    }
    u32::from_str_radix(digits, radix).map_err(|_| BAD_ESCAPE.to_owned())
}
