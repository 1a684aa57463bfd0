//! What attributes were when the last span of the same name came: at the same place there mostly is
//! the same key, and often the same value. So most attributes cost a comparison of bytes instead of
//! parsing and two look-ups; a wrong guess costs that comparison.

use super::any::KEY_TAG;

/// Attributes of a span that are guessed.
const PLACES: usize = 24;
/// Spans of so many names and numbers of attributes are told apart; where two share a place,
/// guesses are worse. All together take less than a megabyte.
const SHAPES: usize = 512;
/// Numbers of attributes that are told apart for each name.
const COUNTS: usize = 8;
/// Longer attributes are mostly new ones. So is their key's part kept, if it fits.
const BYTES_MAX: usize = 40;
/// Length of no attribute.
const NONE: u32 = u32::MAX;

/// A place in [`Guesses`].
#[derive(Clone, Copy, Debug)]
pub struct GuessPlace(usize);

impl GuessPlace {
    /// Of the attribute number `at` of a span that has this name and so many attributes.
    #[inline]
    pub fn of(name_code: u32, count: usize, at: usize) -> Option<Self> {
        let shape = (name_code as usize * COUNTS + count % COUNTS) % SHAPES;
        (at < PLACES).then_some(Self(shape * PLACES + at))
    }
}

/// A value that can be stored again: the code of a string, or a truth value. One number, since what
/// takes several turns on the way through memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known(pub u32);

impl Known {
    /// A truth value; no code is as large.
    pub const TRUE: Self = Self(u32::MAX);
    /// The other one.
    pub const FALSE: Self = Self(u32::MAX - 1);
    /// A value that has to be read again.
    pub const NOTHING: Self = Self(u32::MAX - 2);
}

/// An attribute of the list as it came last.
#[derive(Clone, Copy)]
pub struct Guess {
    /// Its body, or what fits.
    bytes: [u8; BYTES_MAX],
    /// Of the body; [`NONE`] if it cannot be stored again.
    len: u32,
    /// Where the key ends in it; 0 if it is not known.
    key_end: u8,
    /// What it stands for, if there is a length.
    pub known: Known,
    /// Number of its key.
    pub key: u32,
    /// Code of its key.
    pub key_code: u32,
    /// The column of its own that it went into, or [`LISTED`].
    pub column: u32,
}

/// The column of attributes that are in the list.
pub const LISTED: u32 = u32::MAX;

const NO_GUESS: Guess = Guess {
    bytes: [0; BYTES_MAX],
    len: NONE,
    key_end: 0,
    known: Known::NOTHING,
    key: 0,
    key_code: 0,
    column: LISTED,
};

impl Guess {
    /// Whether `body` is the whole attribute again.
    #[inline]
    pub fn is(&self, body: &[u8]) -> bool {
        body.len() == self.len as usize && is_same(&self.bytes[..body.len()], body)
    }

    /// What is behind the key, if `body` begins with it.
    #[inline]
    pub fn behind_key<'b>(&self, body: &'b [u8]) -> Option<&'b [u8]> {
        let end = usize::from(self.key_end);
        let (key, rest) = body.split_at_checked(end)?;
        (end > 0 && is_same(&self.bytes[..end], key)).then_some(rest)
    }

    /// Takes over the attribute `body`, whose key has this number, code and name, and which went
    /// into this column.
    pub fn set(&mut self, body: &[u8], key: (u32, u32, &[u8]), column: u32, known: Known) {
        let kept = body.len().min(BYTES_MAX);
        self.bytes[..kept].copy_from_slice(&body[..kept]);
        let name;
        (self.key, self.key_code, name) = key;
        self.key_end = key_end(&body[..kept], name);
        self.column = column;
        self.set_value(body, known);
    }

    /// Takes over the attribute `body`, which begins with the same key.
    #[inline]
    pub fn set_value(&mut self, body: &[u8], known: Known) {
        self.known = known;
        self.len = NONE;
        let end = usize::from(self.key_end);
        if known != Known::NOTHING
            && let Some(value) = self.bytes.get_mut(end..body.len())
        {
            self.len = body.len() as u32;
            value.iter_mut().zip(&body[end..]).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Where the key ends in the body of an attribute, if it comes first, in the usual form.
fn key_end(body: &[u8], name: &[u8]) -> u8 {
    let key = body.split_first_chunk().filter(|(head, _)| {
        let [tag, length]: [u8; 2] = **head;
        tag == KEY_TAG && usize::from(length) == name.len() && length < 0x80
    });
    match key {
        Some((head, rest)) if rest.starts_with(name) => (head.len() + name.len()) as u8,
        _ => 0,
    }
}

/// The guesses of a list of attributes.
#[derive(Default)]
pub struct Guesses {
    /// Empty until the first one is made.
    all: Vec<Guess>,
}

impl Guesses {
    /// The guess at a place.
    #[inline]
    pub fn get(&mut self, place: GuessPlace) -> &Guess {
        self.get_mut(place)
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, place: GuessPlace) -> &mut Guess {
        if self.all.is_empty() {
            self.all.resize(SHAPES * PLACES, NO_GUESS);
        }
        &mut self.all[place.0]
    }

    /// Forgets all: codes and numbers are void.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.all.capacity() * size_of::<Guess>()
    }
}

/// Whether two short strings of one length are equal, without a call.
#[inline]
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    let (words, others) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    if !words.iter().zip(others).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b)) {
        return false;
    }
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a), Some(b)) => u64::from_le_bytes(*a) == u64::from_le_bytes(*b),
        _ => a.iter().zip(b).all(|(a, b)| a == b),
    }
}

#[cfg(test)]
#[path = "guesses_tests.rs"]
mod tests;
