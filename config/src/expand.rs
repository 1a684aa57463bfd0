//! Environment references in the file's text, before it is parsed (config.md §1.1).
//!
//! `${VAR}` and its operators are replaced; a bare `$VAR` stays. `$${` writes a literal `${`.

/// Looks a variable up; `None` when it is not set.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces every `${…}` of the text.
///
/// # Errors
/// Text with the line of a reference that has no closing brace or no valid name.
pub fn expand(text: &str, env: Env<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        let body = &reference[2..];
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = body;
            continue;
        }
        out.push_str(before);
        let line = || 1 + text[..text.len() - body.len()].matches('\n').count();
        let end = closing(body).ok_or_else(|| format!("line {}: `${{` without `}}`", line()))?;
        let value = reference_value(&body[..end], env);
        out.push_str(&value.map_err(|why| format!("line {}: {why}", line()))?);
        rest = &body[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Offset of the brace that closes a reference; references in its operand may be nested.
fn closing(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, c) in body.char_indices() {
        match c {
            '{' if body[..i].ends_with('$') => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
    }
    None
}

fn reference_value(body: &str, env: Env<'_>) -> Result<String, String> {
    if let Some(name) = body.strip_prefix('#').filter(|name| is_name(name)) {
        return Ok(env(name).unwrap_or_default().chars().count().to_string());
    }
    let name_end = body.find(|c| !is_name_char(c)).unwrap_or(body.len());
    let (name, operator) = body.split_at(name_end);
    if name.is_empty() {
        return Err(format!("`${{{body}}}` names no variable"));
    }
    let value = env(name).unwrap_or_default();
    // Operands may themselves hold references.
    let operand = |skip: usize| expand(&operator[skip..], env);
    let bytes = operator.as_bytes();
    Ok(match bytes {
        [] => value,
        [b':', b'-' | b'=', ..] => or_default(value, operand(2)?),
        [b'=' | b'-', ..] => or_default(value, operand(1)?),
        [b':', ..] => substring(value, &operand(1)?),
        [b'^', b'^'] => value.to_uppercase(),
        [b',', b','] => value.to_lowercase(),
        [b'^'] => first(&value, |c| c.to_uppercase().collect()),
        [b','] => first(&value, |c| c.to_lowercase().collect()),
        [b'#', b'#', ..] => trim_prefix(&value, &operand(2)?, true),
        [b'#', ..] => trim_prefix(&value, &operand(1)?, false),
        [b'%', b'%', ..] => trim_suffix(&value, &operand(2)?, true),
        [b'%', ..] => trim_suffix(&value, &operand(1)?, false),
        [b'/', b'/', ..] => replace(&value, &operand(2)?, Which::All),
        [b'/', b'#', ..] => replace(&value, &operand(2)?, Which::Prefix),
        [b'/', b'%', ..] => replace(&value, &operand(2)?, Which::Suffix),
        [b'/', ..] => replace(&value, &operand(1)?, Which::First),
        _ => return Err(format!("`${{{body}}}` has an operator that is not known")),
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn or_default(value: String, default: String) -> String {
    if value.is_empty() { default } else { value }
}

/// `pos[:len]` in characters. A word there is taken as a default, which Tempo would drop: the two
/// differ only where the variable is unset.
fn substring(value: String, operand: &str) -> String {
    let (position, length) = operand.split_once(':').map_or((operand, None), |(p, l)| (p, Some(l)));
    let Ok(position) = position.trim().parse::<usize>() else {
        return or_default(value, operand.to_owned());
    };
    let tail = value.chars().skip(position);
    match length.map(|text| text.trim().parse::<usize>()) {
        None => tail.collect(),
        Some(Ok(length)) => tail.take(length).collect(),
        Some(Err(_)) => value,
    }
}

fn first(value: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = value.chars();
    chars.next().map_or_else(String::new, |c| change(c) + chars.as_str())
}

/// Offsets at which a text may be cut, its end included.
fn cuts(value: &str) -> impl DoubleEndedIterator<Item = usize> + '_ {
    value.char_indices().map(|(i, _)| i).chain([value.len()])
}

fn trim_prefix(value: &str, pattern: &str, longest: bool) -> String {
    let matches = |cut: &usize| glob(pattern, &value[..*cut]);
    let cut = if longest { cuts(value).rfind(matches) } else { cuts(value).find(matches) };
    value[cut.unwrap_or(0)..].to_owned()
}

fn trim_suffix(value: &str, pattern: &str, longest: bool) -> String {
    let matches = |cut: &usize| glob(pattern, &value[*cut..]);
    let cut = if longest { cuts(value).find(matches) } else { cuts(value).rfind(matches) };
    value[..cut.unwrap_or(value.len())].to_owned()
}

enum Which {
    First,
    All,
    Prefix,
    Suffix,
}

/// `pattern/replacement`, the pattern literal.
fn replace(value: &str, operand: &str, which: Which) -> String {
    let (pattern, by) = operand.split_once('/').unwrap_or((operand, ""));
    if pattern.is_empty() {
        return value.to_owned();
    }
    match which {
        Which::All => value.replace(pattern, by),
        Which::First => value.replacen(pattern, by, 1),
        Which::Prefix => {
            value.strip_prefix(pattern).map_or(value.to_owned(), |rest| format!("{by}{rest}"))
        }
        Which::Suffix => {
            value.strip_suffix(pattern).map_or(value.to_owned(), |rest| format!("{rest}{by}"))
        }
    }
}

/// Whether the whole text matches a pattern of `*`, `?` and literal characters.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
#[path = "expand_tests.rs"]
mod tests;
