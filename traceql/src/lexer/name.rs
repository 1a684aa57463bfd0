//! Names of attributes, bare and quoted (contract `traceql.md` §1.3, §1.4).

/// Whether a character ends a bare name.
pub(crate) fn ends_name(c: char) -> bool {
    c.is_whitespace() || "{}()=~!<>&|^,".contains(c)
}

/// Reads the name at the start of a text; gives it and its length in bytes, quotes included.
pub(super) fn name(text: &str) -> Result<(String, usize), String> {
    let mut name = String::new();
    let mut length = 0;
    while let Some(c) = text[length..].chars().next().filter(|c| !ends_name(*c)) {
        length += c.len_utf8();
        if c == '"' {
            length += quoted_part(&text[length..], &mut name)?;
        } else {
            name.push(c);
        }
    }
    if length == 0 {
        return Err(match text.chars().next() {
            None => "syntax error: unexpected $end, expecting an attribute name".to_owned(),
            Some(c) => format!("syntax error: unexpected {c:?}, expecting an attribute name"),
        });
    }
    Ok((name, length))
}

/// Reads up to and including the closing quote; gives how many bytes that were.
fn quoted_part(text: &str, name: &mut String) -> Result<usize, String> {
    let mut characters = text.char_indices();
    while let Some((offset, c)) = characters.next() {
        match c {
            '"' => return Ok(offset + 1),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => name.push(escaped),
                Some(_) => return Err("invalid escape sequence".to_owned()),
                None => break,
            },
            _ => name.push(c),
        }
    }
    Err("unexpected EOF, expecting \"".to_owned())
}
